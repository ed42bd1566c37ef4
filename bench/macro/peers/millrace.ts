/** Millrace as its users run it: `millrace run FILE`, metrics on, statistics line off. */
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "../loopback.ts";
import type { TlsFiles } from "../tls-files.ts";
import { runCommand } from "../workspace.ts";
import type { Peer } from "./peer.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** What differs between the measured configurations. */
export interface MillraceVariant {
  name: string;
  title: string;
  pipelining: number;
  accessLog: boolean;
  /** Bytes pass unread. */
  isTcp?: boolean;
  /** Keeps what may be kept, up to so many bytes. */
  cacheBytes?: number;
  /** Compresses what clients accept compressed. */
  isCompressing?: boolean;
  /** Proxy threads also if one is enough; else one data plane in the control thread. */
  inThreads?: boolean;
  /** What V8 has compiled is not kept from start to start. */
  isCold?: boolean;
}

export const millraceVariants: readonly MillraceVariant[] = [
  { name: "millrace", title: "Millrace", pipelining: 1, accessLog: false },
  { name: "millrace-pipelining", title: "Millrace, pipelining 8", pipelining: 8, accessLog: false },
  { name: "millrace-log", title: "Millrace, JSON access log", pipelining: 1, accessLog: true },
];

/** Measured beside other proxies of TCP. */
export const millraceTcp: MillraceVariant = {
  name: "millrace-tcp",
  title: "Millrace, TCP",
  pipelining: 1,
  accessLog: false,
  isTcp: true,
};

/** Measured beside other caches. */
export const millraceCache: MillraceVariant = {
  name: "millrace-cache",
  title: "Millrace, cache",
  pipelining: 1,
  accessLog: false,
  cacheBytes: 2 ** 30,
};

/** Measured beside others that compress. */
export const millraceCompress: MillraceVariant = {
  name: "millrace-compress",
  title: "Millrace, compress",
  pipelining: 1,
  accessLog: false,
  isCompressing: true,
};

/** Measured for its memory alone. */
export const millraceInThreads: MillraceVariant = {
  name: "millrace-threads",
  title: "Millrace in threads",
  pipelining: 1,
  accessLog: true,
  inThreads: true,
};

/** Measured for its start alone. */
export const millraceCold: MillraceVariant = {
  name: "millrace-cold",
  title: "Millrace without a compile cache",
  pipelining: 1,
  accessLog: false,
  isCold: true,
};

const compiled = join(root, "dist/bin/millrace.cjs");

export function compiledMillraceCommand(): string[] {
  return [process.execPath, compiled];
}

export function sourceMillraceCommand(): string[] {
  return [process.execPath, join(root, "bin/millrace.cjs")];
}

/** True when the compiled package is at least as new as every source. */
export function isCompiledCurrent(): boolean {
  return existsSync(compiled) && statSync(compiled).mtimeMs >= newestSourceMs();
}

/** Builds the package unless it is current. */
export async function ensureCompiled(): Promise<void> {
  if (!isCompiledCurrent()) await runCommand([process.execPath, join(root, "scripts/build.ts")], { cwd: root });
}

/**
 * The command before `run FILE`: the compiled package if it is current, else the sources. Both run the same code;
 * only the start differs.
 */
export function defaultMillraceCommand(): string[] {
  return isCompiledCurrent() ? compiledMillraceCommand() : sourceMillraceCommand();
}

/** Modification time of the newest source file, in milliseconds since the epoch. */
export function newestSourceMs(): number {
  let newest = 0;
  for (const entry of readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name.endsWith(".test.ts")) continue;
    newest = Math.max(newest, statSync(join(entry.parentPath, entry.name)).mtimeMs);
  }
  return newest;
}

/** The configuration of a variant, as CONFIG names its keys. */
export function millraceConfig(
  variant: MillraceVariant,
  options: {
    listenPort: number;
    backendPort: number;
    adminPort: number;
    threads: number;
    logPath: string;
    tls: TlsFiles | null;
  },
): object {
  const address = `127.0.0.1:${options.listenPort}`;
  const tls = options.tls === null ? {} : { tls: { certificates: [options.tls] } };
  const http = {
    listeners: [{ address, timeouts: { keepAlive: "300s" }, ...tls }],
    routes: [
      {
        ...(variant.cacheBytes !== undefined && { middlewares: [{ cache: { maxBytes: variant.cacheBytes } }] }),
        ...(variant.isCompressing === true && { middlewares: [{ compress: {} }] }),
        upstream: "backend",
      },
    ],
    upstreams: {
      backend: {
        endpoints: [`http://127.0.0.1:${options.backendPort}`],
        pool: { maxIdle: 1024, pipelining: variant.pipelining },
      },
    },
  };
  const tcp = {
    listeners: [{ name: "tcp", address, mode: "tcp" }],
    routes: [{ match: { listener: "tcp" }, upstream: "backend" }],
    upstreams: { backend: { endpoints: [`tcp://127.0.0.1:${options.backendPort}`] } },
  };
  return {
    workers: options.threads > 1 || variant.inThreads === true ? options.threads : 0,
    ...(variant.isTcp === true ? tcp : http),
    admin: { address: `127.0.0.1:${options.adminPort}` },
    log: { level: "warn", access: variant.accessLog ? { format: "json", path: options.logPath } : false, stats: "0s" },
  };
}

/** Millrace in one configuration, started by `command`. */
export function millracePeer(variant: MillraceVariant, command: readonly string[]): Peer {
  return {
    name: variant.name,
    title: variant.title,
    isOurs: true,
    async version() {
      return (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string }).version;
    },
    async prepare({ listenPort, backendPort, folder, threads, tls }) {
      const file = join(folder, "millrace.json");
      const adminPort = await freePort();
      const config = millraceConfig(variant, {
        listenPort,
        backendPort,
        adminPort,
        threads,
        tls,
        logPath: join(folder, "access.log"),
      });
      writeFileSync(file, JSON.stringify(config, null, 2));
      return {
        command: [...command, "run", file],
        ...(variant.isCold === true && { env: { NODE_DISABLE_COMPILE_CACHE: "1" } }),
      };
    },
  };
}
