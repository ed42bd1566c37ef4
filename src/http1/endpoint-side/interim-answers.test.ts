/** A connection to an endpoint that sends interim answers, on time that moves by hand. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { ManualClock } from "../../base/clock.ts";
import { TimerWheel } from "../../base/timer-wheel.ts";
import type { Attempt, AttemptHandle } from "../../http/attempt.ts";
import { exchangeAround } from "../../http/testing/exchange-around.ts";
import { maxInterimBurst, maxInterimWaitMs } from "./interim-guard.ts";
import { createOwner, openConnection } from "./testing/open-connection.ts";

const firstByteMs = 10_000;
const finalAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const processing = "HTTP/1.1 102 Processing\r\n\r\n";

/** A request that is under way; `told` is what came of it. */
async function begin(context: TestContext, onInterim: () => boolean = () => true) {
  const clock = new ManualClock();
  const wheel = new TimerWheel({ clock });
  const told: string[] = [];
  const owner = createOwner({
    wheel,
    timeouts: { firstByte: firstByteMs, idle: 0, longIdle: 0 },
    onIdle: () => told.push("idle"),
  });
  const attempt: Attempt & { handle: AttemptHandle | null } = {
    handle: null,
    request: exchangeAround({ method: "GET", authority: "a" }).outgoing,
    wish: "idle",
    bound: null,
    client: null,
    keepConnection: () => false,
    timeouts: null,
    onSent: () => {},
    onBodyWritable: () => {},
    onInterim: ({ status }) => {
      told.push(String(status));
      return onInterim();
    },
    onAnswer: ({ status }) => {
      told.push(String(status));
      return {
        data: () => {},
        flush: () => true,
        end: () => {
          told.push("end");
          return true;
        },
        abort: () => {},
      };
    },
    onFailure: ({ code, detail }) => told.push(detail === "" ? code : `${code}: ${detail}`),
  };
  const { endpoint } = await openConnection(context, owner, attempt);
  await once(endpoint, "data");
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return {
    told,
    endpoint,
    turn,
    resume: (): void => attempt.handle!.resume(attempt),
    advance: (ms: number): void => {
      clock.advance(ms);
      wheel.advance();
    },
    untilTold: async (count: number): Promise<void> => {
      while (told.length < count) await turn();
    },
  };
}

test("each interim answer starts the wait for the head again", async (context) => {
  const { told, endpoint, advance, untilTold } = await begin(context);
  for (let at = 1; at <= 20; at++) {
    advance(firstByteMs - 500);
    endpoint.write(at % 2 === 0 ? processing : "HTTP/1.1 104 Upload Resumption Supported\r\nUpload-Offset: 1\r\n\r\n");
    await untilTold(at);
  }
  endpoint.write(finalAnswer);
  await untilTold(23);
  assert.deepEqual([...new Set(told)], ["104", "102", "200", "idle", "end"]);
});

test("behind the last one the head is waited for as long as ever", async (context) => {
  const { told, endpoint, advance, untilTold } = await begin(context);
  endpoint.write(processing);
  await untilTold(1);
  advance(firstByteMs + 300);
  assert.deepEqual(told, ["102", "UPSTREAM_FIRST_BYTE_TIMEOUT"]);
});

test("an endpoint that sends nothing else is given up in the end", async (context) => {
  const { told, endpoint, advance, untilTold } = await begin(context);
  let elapsedMs = 0;
  for (let at = 1; told.at(-1) === "102" || at === 1; at++) {
    assert.ok(elapsedMs <= maxInterimWaitMs + firstByteMs, `after ${elapsedMs} ms`);
    endpoint.write(processing);
    await untilTold(at);
    elapsedMs += firstByteMs - 500;
    advance(firstByteMs - 500);
  }
  assert.match(told.at(-1)!, /^UPSTREAM_FIRST_BYTE_TIMEOUT/);
  assert.ok(elapsedMs > maxInterimWaitMs - firstByteMs, `after ${elapsedMs} ms`);
});

test("while a client is slow to take them, no more are read, however large", async (context) => {
  let isSlow = true;
  const { told, endpoint, advance, turn, resume, untilTold } = await begin(context, () => !isSlow);
  endpoint.write(`HTTP/1.1 103 Early Hints\r\nLink: <${"x".repeat(50_000)}>\r\n\r\n`.repeat(40) + finalAnswer);
  await untilTold(1);
  for (let at = 0; at < 50; at++) await turn();
  const count = told.length;
  assert.ok(count < 4, `${count} were read`);
  advance(10 * firstByteMs);
  assert.equal(told.length, count, "nor is the endpoint waited for");
  isSlow = false;
  resume();
  await untilTold(43);
  assert.deepEqual(told.slice(40), ["200", "idle", "end"]);
});

test("an interim answer to a slow client, in one piece with the answer, leaves a connection that serves on", async (context) => {
  const { told, endpoint, untilTold } = await begin(context, () => false);
  endpoint.write(processing + finalAnswer);
  await untilTold(4);
  assert.deepEqual(told, ["102", "200", "idle", "end"]);
  endpoint.end();
  await once(endpoint, "close");
});

test("a flood ends", async (context) => {
  const { told, endpoint, untilTold } = await begin(context);
  endpoint.write(processing.repeat(1_000));
  await untilTold(maxInterimBurst + 1);
  assert.equal(told[maxInterimBurst], "UPSTREAM_BAD_RESPONSE: interim answers too fast");
  if (!endpoint.closed) await new Promise((resolve) => endpoint.once("close", resolve));
});
