/**
 * One endpoint closes, breaks off or stalls after N bytes of its answer, for every N, while retries, per-try timeouts,
 * hedging, outlier detection, the breaker and limits are at work: as long as no byte of an answer has gone to the
 * client, it gets a whole one from the other endpoint; afterwards nothing is left, and each request has one line in the
 * log.
 */
import assert from "node:assert/strict";
import { describe } from "node:test";
import { testWithHarness } from "../support/harness.ts";
import { inBatches } from "../support/batches.ts";
import { loopTurns } from "../support/signal.ts";
import { type UpstreamConnection } from "../support/scripted-upstream.ts";
import { fateOf } from "./fate.ts";
import { LogOfCases } from "./log-of-cases.ts";

const bytes = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello, world";
const failing = "HTTP/1.1 503 Sorry\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsorry\r\n0\r\n\r\n";
const headLength = bytes.indexOf("\r\n\r\n") + 4;

const faults = {
  closes: (connection: UpstreamConnection) => connection.end(),
  "breaks off": (connection: UpstreamConnection) => connection.reset(),
  stalls: () => {},
} as const;
type Fault = keyof typeof faults;

/** How long an attempt may take: short if it is to be given up, else longer than a busy machine ever takes. */
const patience = (fault: Fault): string => (fault === "stalls" ? "500ms" : "10s");

/** Each alone, and all at once. */
const settings: Record<string, (perTryTimeout: string) => Record<string, unknown>> = {
  retries: (perTryTimeout) => ({ retry: { perTryTimeout, budgetPercent: 100 } }),
  hedging: (perTryTimeout) => ({ hedge: { after: "20ms" }, retry: { perTryTimeout, budgetPercent: 100 } }),
  everything: (perTryTimeout) => ({
    hedge: { after: "20ms" },
    retry: { perTryTimeout, budgetPercent: 100 },
    breaker: { errorPercent: 100, latency: "20s" },
    limits: { maxRequests: 16, maxRequestsPerEndpoint: 10, adaptive: true },
  }),
};

/** An answer that is cut, and what may come of it. */
interface Case {
  readonly text: string;
  readonly fates: (length: number) => readonly string[];
}

const cases: Record<string, Case> = {
  "a good answer": {
    text: bytes,
    // A hedge may win while the head is on its way.
    fates: (length) => (length < headLength || length === bytes.length ? ["whole"] : ["broken", "whole"]),
  },
  "a failing answer": { text: failing, fates: () => ["whole"] },
};

describe("with another endpoint at hand", () => {
  for (const [what, policies] of Object.entries(settings)) {
    for (const [name, { text, fates }] of Object.entries(cases)) {
      for (const fault of Object.keys(faults) as Fault[]) {
        testWithHarness(`${what}: an endpoint that ${fault} at every byte of ${name}`, async (harness) => {
          const one = await harness.scripted({
            onRequest: (connection, { target }) => {
              connection.send(text.slice(0, Number(target.slice(1))));
              void loopTurns(4).then(() => faults[fault](connection));
            },
          });
          const other = await harness.scripted({ onRequest: (connection) => connection.send(bytes) });
          const proxy = await harness.proxy({
            endpoints: [one.url, { url: other.url, backup: true }],
            upstream: {
              timeouts: { connect: "10s", firstByte: "10s", idle: patience(fault) },
              outlier: false,
              ...policies(patience(fault)),
            },
          });
          const log = new LogOfCases();
          const lengths = Array.from({ length: text.length + 1 }, (_, at) => at);
          await inBatches(
            lengths,
            32,
            (length) => `after ${length} bytes`,
            async (length) => {
              const client = await harness.raw();
              log.expect(client.socket.localPort ?? 0, `${fault} after ${length} of ${text.length} bytes`, 1);
              client.send(`GET /${length} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
              const response = await client.brokenResponse();
              const fate = fateOf(response, "hello, world");
              assert.ok(fates(length).includes(fate), `${fate}, not ${fates(length).join(" or ")}`);
              client.destroy();
            },
          );
          await proxy.untilQuiet();
          await proxy.assertCountsAreZero();
          log.assertMatches((await harness.end())[0]!);
        });
      }
    }
  }
});
