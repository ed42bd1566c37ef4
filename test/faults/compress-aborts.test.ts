/**
 * Clients that leave in the middle of a compressed answer: the memory of its encoder, which no heap shows, is given back
 * at once. MILLRACE_ABORTS sets how many leave (default 1,000).
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { testWithHarness } from "../support/harness.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";

const aborts = Number(process.env["MILLRACE_ABORTS"] ?? 1_000);
const atATime = 50;
const codings = ["zstd", "br", "gzip"];
/** An encoder that has begun takes 0.4 MiB and more: of a tenth of them there would be no doubt. */
const maxGrowthKib = 96 * 1_024;

/** Asks, takes the head and some of the answer, and breaks off. */
function leave(port: number, coding: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => socket.write(`GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: ${coding}\r\n\r\n`));
    let received = "";
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
      if (received.includes("\r\n\r\n") && received.length > 600) socket.resetAndDestroy();
    });
    socket.on("error", reject);
    socket.on("close", () => {
      if (received.includes(`Content-Encoding: ${coding}\r\n`)) resolve();
      else reject(new Error(`not compressed: ${received.slice(0, 500)}`));
    });
  });
}

const residentKib = ({ process: { child } }: ProxyProcess): number =>
  Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]);

testWithHarness("encoders of clients that leave are gone, and so is their memory", async (harness) => {
  const text = Array.from({ length: 2_000 }, (_, at) => `${at}: ${at * 7_919} said\n`).join("");
  const origin = await harness.origin((_request, response) => {
    response.setHeader("content-type", "text/plain");
    response.write(text);
  });
  const proxy = await harness.process({
    endpoints: [origin.url],
    threads: 1,
    routes: [{ upstream: "app", middlewares: [{ compress: { maxEncoders: 2 * atATime } }] }],
  });
  const round = async (count: number): Promise<void> => {
    for (let done = 0; done < count; done += atATime)
      await Promise.all(Array.from({ length: atATime }, (_, at) => leave(proxy.port, codings[(done + at) % 3]!)));
    await proxy.untilQuiet();
  };
  await round(300);
  const before = residentKib(proxy);
  await round(aborts);
  const growth = residentKib(proxy) - before;
  assert.ok(growth < maxGrowthKib, `${growth} KiB more after ${aborts} aborts`);
  // Every one of them was compressed: no place was lost.
  assert.equal((await proxy.metrics()).sum("millrace_compress_skipped_total"), 0);
});
