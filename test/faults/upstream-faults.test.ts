/**
 * The endpoint closes, breaks off, stalls or talks garbage after N bytes of its answer, for every N. The client gets a
 * whole answer, a 502 or 504, or an answer that visibly breaks off; afterwards nothing is left, and each request has
 * one line in the access log.
 */
import assert from "node:assert/strict";
import { describe } from "node:test";
import { testWithHarness } from "../support/harness.ts";
import { inBatches } from "../support/batches.ts";
import { loopTurns } from "../support/signal.ts";
import { type UpstreamConnection } from "../support/scripted-upstream.ts";
import { fateOf } from "./fate.ts";
import { LogOfCases } from "./log-of-cases.ts";

interface Answer {
  readonly bytes: string;
  readonly headLength: number;
  readonly isCloseDelimited: boolean;
  readonly body: string;
}

const answer = (bytes: string, more: { isCloseDelimited?: true } = {}): Answer => ({
  bytes,
  headLength:
    bytes.lastIndexOf("HTTP/1.1 200") + bytes.slice(bytes.lastIndexOf("HTTP/1.1 200")).indexOf("\r\n\r\n") + 4,
  isCloseDelimited: more.isCloseDelimited === true,
  body: "hello, world",
});

const answers: Record<string, Answer> = {
  "a sized answer": answer("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello, world"),
  "a chunked answer": answer(
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7\r\n, world\r\n0\r\nX-Sum: 1\r\n\r\n",
  ),
  "an interim answer and a sized one": answer(
    "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello, world",
  ),
  "a close-delimited answer": answer("HTTP/1.1 200 OK\r\nX: y\r\n\r\nhello, world", { isCloseDelimited: true }),
};

const faults = {
  closes: (connection: UpstreamConnection) => connection.end(),
  "breaks off": (connection: UpstreamConnection) => connection.reset(),
  stalls: () => {},
  "talks garbage": (connection: UpstreamConnection) => connection.send("\0\xff\r\n\r\ngarbage\r\n\r\n"),
} as const;
type Fault = keyof typeof faults;

/** What the client may get: a status made by the proxy, a `whole` 200, or a `broken` one. */
function fatesOf(fault: Fault, one: Answer, length: number): string[] {
  const isWhole = length === one.bytes.length && (!one.isCloseDelimited || fault === "closes");
  if (length < one.headLength) return fault === "stalls" ? ["504"] : ["502"];
  if (fault === "talks garbage") return ["whole", "other", "broken", "502"];
  if (isWhole) return fault === "breaks off" ? ["whole", "broken"] : ["whole"];
  if (one.isCloseDelimited && fault === "closes") return ["other"];
  return fault === "stalls" ? ["broken", "504"] : ["broken", "502"];
}

describe("an endpoint that fails within its answer", () => {
  for (const [name, one] of Object.entries(answers)) {
    for (const fault of Object.keys(faults) as Fault[]) {
      testWithHarness(`${fault} at every byte of ${name}`, async (harness) => {
        const attempts = new Map<string, number>();
        const upstream = await harness.scripted({
          onRequest: (connection, { target }) => {
            attempts.set(target, (attempts.get(target) ?? 0) + 1);
            connection.send(one.bytes.slice(0, Number(target.slice(1))));
            void loopTurns(4).then(() => faults[fault](connection));
          },
        });
        const proxy = await harness.proxy({
          endpoints: [upstream.url],
          // Short only if time has to run out: a busy machine may be late.
          upstream: {
            timeouts: {
              connect: "10s",
              firstByte: fault === "stalls" ? "500ms" : "10s",
              idle: fault === "stalls" || fault === "talks garbage" ? "500ms" : "10s",
            },
            retry: { attempts: 0 },
          },
        });
        const log = new LogOfCases();
        const lengths = Array.from({ length: one.bytes.length + 1 }, (_, at) => at);
        await inBatches(
          lengths,
          64,
          (length) => `after ${length} bytes`,
          async (length) => {
            const client = await harness.raw();
            log.expect(client.socket.localPort ?? 0, `${fault} after ${length} of ${one.bytes.length} bytes`, 1);
            client.send(`GET /${length} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
            const response = await client.brokenResponse();
            const fate = fateOf(response, one.body);
            const fates = fatesOf(fault, one, length);
            assert.ok(fates.includes(fate), `${fate}, not ${fates.join(" or ")}`);
            client.destroy();
          },
        );
        for (const [target, count] of attempts) assert.ok(count <= 3, `${target} was tried ${count} times`);
        await proxy.untilQuiet();
        await proxy.assertCountsAreZero();
        log.assertMatches((await harness.end())[0]!);
      });
    }
  }
});
