/** Go's `httputil.ReverseProxy`, compiled once per source and compiler; standard library only, no network. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findCommand } from "../../../scripts/install-packages.ts";
import { runCommand } from "../workspace.ts";
import { commandOutput } from "./command-output.ts";
import type { Peer } from "./peer.ts";

const source = fileURLToPath(new URL("go", import.meta.url));
const cache = fileURLToPath(new URL("../../../node_modules/.cache/millrace-bench", import.meta.url));

const version = (): Promise<string | null> => commandOutput(findCommand("go"), ["version"], /go(\d+\.\d+(?:\.\d+)?)/);

async function build(): Promise<string> {
  const text = readFileSync(join(source, "main.go"), "utf8") + (await version());
  const binary = join(cache, `reverseproxy-${createHash("sha256").update(text).digest("hex").slice(0, 12)}`);
  if (existsSync(binary)) return binary;
  mkdirSync(cache, { recursive: true });
  await runCommand([findCommand("go") ?? "go", "build", "-trimpath", "-o", binary, "."], {
    cwd: source,
    env: { GOCACHE: join(cache, "go"), GOPROXY: "off", GOFLAGS: "-mod=mod", CGO_ENABLED: "0" },
  });
  return binary;
}

function createGoPeer(name: string, title: string, args: readonly string[]): Peer {
  return {
    name,
    title,
    isOurs: false,
    version,
    async prepare({ listenPort, backendPort, threads }) {
      return {
        command: [await build(), `127.0.0.1:${listenPort}`, `127.0.0.1:${backendPort}`, ...args],
        env: { GOMAXPROCS: String(threads) },
      };
    },
  };
}

/** As the standard library comes, but with enough idle connections. The project's target is set against this one. */
export const goProxy: Peer = createGoPeer("go", "Go httputil.ReverseProxy", []);

/** The same with a `BufferPool`, which saves it the buffer and the garbage of each response. */
export const pooledGoProxy: Peer = createGoPeer("go-pooled", "Go, with a BufferPool", ["pooled"]);
