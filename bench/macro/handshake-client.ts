/**
 * Loads a proxy with connections that serve one request each, over TLS 1.3: `node handshake-client.ts PORT PATH SECONDS
 * CONNECTIONS full|resumed`. Prints its report as `wrk.lua` does. A handshake of the other sort than was asked for is an
 * error.
 */
import { connect, createSecureContext, type TLSSocket } from "node:tls";
import { percentile } from "./statistics.ts";

const [port, path, seconds, connections, sort] = process.argv.slice(2) as [string, string, string, string, string];
const secureContext = createSecureContext({ minVersion: "TLSv1.3" });
const request = `GET ${path} HTTP/1.1\r\nHost: bench.test\r\nConnection: close\r\n\r\n`;
const timesUs: number[] = [];
let errors = 0;
let session: Buffer | null = null;

/** One connection, to its end. */
function visit(isResumed: boolean): Promise<void> {
  const started = performance.now();
  return new Promise((resolve) => {
    let answer = "";
    const socket: TLSSocket = connect({
      port: Number(port),
      host: "127.0.0.1",
      servername: "bench.test",
      secureContext,
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      ...(isResumed && session !== null && { session }),
    });
    socket.once("secureConnect", () => {
      if (socket.isSessionReused() !== isResumed) errors++;
      socket.write(request);
    });
    if (sort === "resumed") socket.on("session", (given: Buffer) => (session = given));
    socket.on("data", (chunk: Buffer) => (answer += chunk.latin1Slice()));
    socket.on("error", () => errors++);
    socket.once("close", () => {
      if (!answer.startsWith("HTTP/1.1 200")) errors++;
      timesUs.push((performance.now() - started) * 1_000);
      resolve();
    });
  });
}

if (sort === "resumed") await visit(false);
timesUs.length = 0;
const started = performance.now();
const end = started + Number(seconds) * 1_000;
await Promise.all(
  Array.from({ length: Number(connections) }, async () => {
    while (performance.now() < end) await visit(sort === "resumed");
  }),
);
const durationUs = Math.round((performance.now() - started) * 1_000);
const report = {
  requests: timesUs.length,
  durationUs,
  p50Us: Math.round(percentile(timesUs, 50)),
  p99Us: Math.round(percentile(timesUs, 99)),
  connect: errors,
};
process.stdout.write(`@${JSON.stringify(report)}\n`);
