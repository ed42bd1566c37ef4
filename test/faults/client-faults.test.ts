/**
 * The client closes, breaks off, stalls or talks garbage after N bytes of its request, for every N; and goes away after
 * N bytes of the answer. Afterwards nothing is left of it, and each request has one line in the access log.
 */
import assert from "node:assert/strict";
import { describe } from "node:test";
import { type Harness, testWithHarness } from "../support/harness.ts";
import { inBatches } from "../support/batches.ts";
import { loopTurns } from "../support/signal.ts";
import { answerOk, ScriptedUpstream } from "../support/scripted-upstream.ts";
import { LogOfCases } from "./log-of-cases.ts";

const faults = ["closes", "breaks off", "stalls", "talks garbage"] as const;
type Fault = (typeof faults)[number];

/** Short only if time has to run out: a busy machine may be late. */
const timeoutsOf = (fault: Fault): Record<string, string> =>
  fault === "stalls"
    ? { head: "300ms", body: "300ms", write: "10s", keepAlive: "600ms" }
    : { head: "10s", body: "10s", write: "10s", keepAlive: "10s" };

const requests: Record<string, (target: string) => string> = {
  "a plain request": (target) => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`,
  "a sized body": (target) => `POST ${target} HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\nhello, world`,
  "a chunked body": (target) =>
    `POST ${target} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7\r\n, world\r\n0\r\nX-Sum: 1\r\n\r\n`,
  "an expectation": (target) =>
    `POST ${target} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello`,
};

interface Parts {
  readonly harness: Harness;
  readonly upstream: ScriptedUpstream;
  readonly log: LogOfCases;
}

interface Case {
  readonly bytes: string;
  readonly target: string;
  readonly length: number;
  readonly headLength: number;
}

const isFilledByGarbage = ({ bytes, length, headLength }: Omit<Case, "target">, fault: Fault): boolean =>
  fault === "talks garbage" && length >= headLength && bytes.includes("Content-Length");

async function sendFaulty(
  { bytes, target, length, headLength }: Case,
  fault: Fault,
  { harness, upstream, log }: Parts,
): Promise<void> {
  const client = await harness.raw();
  // Garbage within a body of known length is just body.
  const isWhole = length === bytes.length || isFilledByGarbage({ bytes, length, headLength }, fault);
  const lines: readonly [number, number] =
    length === 0 && fault !== "talks garbage"
      ? [0, 0]
      : // A connection that breaks within a head may be taken for a request or not.
        length < headLength && fault === "breaks off"
        ? [0, 1]
        : isWhole && fault === "talks garbage"
          ? [2, 2]
          : [1, 1];
  log.expect(client.socket.localPort ?? 0, `${fault} after ${length} of ${bytes.length} bytes`, ...lines);
  client.send(bytes.slice(0, length));
  // What was sent was read, and what could be answered was, before the fault: a reset would throw away what is still
  // unread.
  if (length >= headLength)
    await upstream.until(
      () => upstream.connections.some(({ received }) => received.includes(`${target} `)),
      "the head came through",
    );
  await loopTurns(4);
  if (fault === "closes") client.end();
  else if (fault === "talks garbage") client.send("\0\xff\r\n\r\ngarbage\r\n\r\n");
  else if (fault === "breaks off") {
    client.reset();
    return;
  }
  await client.untilOver();
  const first = client.received.length === 0 ? null : await client.response();
  if (isWhole) assert.equal(first?.status, 200);
  else if (first !== null) assert.ok(first.status === 408 || first.status === 400, `refused with ${first.startLine}`);
  if (!isWhole && length > 0 && fault === "stalls") assert.equal(first?.status, 408);
  await client.close();
}

describe("a client that fails within its request", () => {
  for (const [name, make] of Object.entries(requests)) {
    for (const fault of faults) {
      testWithHarness(`${fault} at every byte of ${name}`, async (harness) => {
        const upstream = await harness.scripted(answerOk);
        const proxy = await harness.proxy({
          endpoints: [upstream.url],
          listener: { timeouts: timeoutsOf(fault) },
        });
        const log = new LogOfCases();
        const lengths = Array.from({ length: make("/100").length + 1 }, (_, at) => at);
        const cases = lengths.map((length): Case => {
          const target = `/${100 + length}`;
          const bytes = make(target);
          return { bytes, target, length, headLength: bytes.indexOf("\r\n\r\n") + 4 };
        });
        await inBatches(
          cases,
          64,
          ({ length }) => `after ${length} bytes`,
          (one) => sendFaulty(one, fault, { harness, upstream, log }),
        );
        await proxy.untilQuiet();
        await proxy.assertCountsAreZero();
        assert.deepEqual(
          upstream.requests.map(({ target }) => target).sort(),
          cases
            .filter((one) => one.length === one.bytes.length || isFilledByGarbage(one, fault))
            .map(({ target }) => target),
          "only whole requests are complete upstream",
        );
        log.assertMatches((await harness.end())[0]!);
      });
    }
  }
});

const answers: Record<string, string> = {
  "a sized answer": "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello, world",
  "a chunked answer":
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7\r\n, world\r\n0\r\nX-Sum: 1\r\n\r\n",
  "an interim answer and a close-delimited one":
    "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello, world",
};

describe("a client that goes away within the answer", () => {
  for (const [name, answer] of Object.entries(answers)) {
    for (const way of ["closes", "breaks off"] as const) {
      testWithHarness(`${way} after every byte that the endpoint sent of ${name}`, async (harness) => {
        const lengths = Array.from({ length: answer.length }, (_, at) => at);
        const arrived = new Set<string>();
        const upstream = await harness.scripted({
          onRequest: (connection, { target }) => {
            connection.send(answer.slice(0, Number(target.slice(1))));
            arrived.add(target);
          },
        });
        const proxy = await harness.proxy({ endpoints: [upstream.url] });
        const log = new LogOfCases();
        await inBatches(
          lengths,
          32,
          (length) => `after ${length} bytes`,
          async (length) => {
            const client = await harness.raw();
            log.expect(client.socket.localPort ?? 0, `${way} after ${length} bytes`, 1);
            client.send(`GET /${length} HTTP/1.1\r\nHost: a\r\n\r\n`);
            await upstream.until(() => arrived.has(`/${length}`), "the request arrived");
            await loopTurns(4);
            if (way === "breaks off") client.reset();
            else {
              // A client may finish its side and still read; a proxy that gets no more bytes gives it up after a
              // while, or at once when it sends.
              client.end();
              client.destroy();
            }
          },
        );
        await proxy.untilQuiet();
        await proxy.assertCountsAreZero();
        await upstream.until(() => upstream.openCount === 0, "every attempt was cancelled by closing its connection");
        assert.equal((await proxy.inspect()).upstreamConnections, 0);
        log.assertMatches((await harness.end())[0]!);
      });
    }
  }
});
