/** Runs wrk, or the client that makes handshakes, and reads its report (which `wrk.lua` prints as one JSON line). */
import { fileURLToPath } from "node:url";
import { findCommand } from "../../scripts/install-packages.ts";
import { runCommand } from "./workspace.ts";

export interface LoadRequest {
  method: "GET" | "POST";
  path: string;
  bodyBytes: number;
  /** True: every request on a connection of its own. */
  newConnections: boolean;
  connections: number;
  /** The coding that is asked for; absent: none. */
  acceptEncoding?: "gzip" | "zstd";
  /** Over TLS 1.3: kept connections, or connections for one request each, with full or resumed handshakes. */
  tls: "none" | "keep" | "full" | "resumed";
}

export interface LoadReport {
  requests: number;
  durationUs: number;
  p50Us: number;
  p99Us: number;
  /** Failed connects, reads and writes, timeouts, and answers that are not 2xx or 3xx. */
  errors: number;
}

const handshakeClient = fileURLToPath(new URL("handshake-client.ts", import.meta.url));
const script = fileURLToPath(new URL("wrk.lua", import.meta.url));

/** Loads `port` for `seconds` from the given cores. */
export async function runLoad(
  port: number,
  load: LoadRequest,
  seconds: number,
  cores: readonly number[],
): Promise<LoadReport> {
  if (load.tls === "none" || load.tls === "keep") return runWrk(port, load, seconds, cores);
  const words = [port, load.path, seconds, load.connections, load.tls].map(String);
  return parseReport(await runCommand([process.execPath, handshakeClient, ...words], { cores }));
}

async function runWrk(port: number, load: LoadRequest, seconds: number, cores: readonly number[]): Promise<LoadReport> {
  const output = await runCommand(
    [
      findCommand("wrk") ?? "wrk",
      `-t${Math.min(2, Math.max(1, cores.length))}`,
      `-c${load.connections}`,
      `-d${Math.max(1, Math.round(seconds))}s`,
      "--timeout=10s",
      `-s${script}`,
      `http${load.tls === "none" ? "" : "s"}://127.0.0.1:${port}${load.path}`,
      "--",
      load.method,
      String(load.bodyBytes),
      load.newConnections ? "close" : "keep",
      load.acceptEncoding ?? "",
    ],
    { cores },
  );
  return parseReport(output);
}

/** The line that starts with `@` in what wrk printed. Throws when there is none. */
export function parseReport(output: string): LoadReport {
  const line = /^@(\{.*\})$/m.exec(output)?.[1];
  if (line === undefined) throw new Error(`wrk printed no report:\n${output}`);
  const report = JSON.parse(line) as Record<string, number>;
  const read = (name: string): number => report[name] ?? 0;
  return {
    requests: read("requests"),
    durationUs: read("durationUs"),
    p50Us: read("p50Us"),
    p99Us: read("p99Us"),
    errors: read("connect") + read("read") + read("write") + read("status") + read("timeout"),
  };
}
