import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom } from "../../base/random.ts";
import { ManualScheduler } from "../../base/scheduler.ts";
import type { AnswerHead } from "../../http/answer.ts";
import type { BodySink, BodySource } from "../../http/body.ts";
import type { Exchange } from "../../http/exchange.ts";
import { Fields } from "../../http/fields.ts";
import { createContext, createExchange } from "../testing/context.ts";
import { createFault } from "./fault.ts";
import type { FaultOptions } from "./options.ts";

function createRoute(options: Partial<FaultOptions>, next: (exchange: Exchange) => void = () => {}) {
  const scheduler = new ManualScheduler();
  const { context, countOf } = createContext();
  const answer = createFault({ delay: null, abort: null, bandwidth: null, ...options }, context, {
    random: seededRandom(1),
    scheduler,
  })(next);
  return { answer, scheduler, countOf: () => countOf("millrace_faults_injected_total") };
}

test("so many requests are aborted as the percentage says, with the status it says", () => {
  let passed = 0;
  const { answer, countOf } = createRoute({ abort: { percent: 0.3, status: 418 } }, () => {
    passed++;
  });
  let aborted = 0;
  for (let count = 0; count < 10_000; count++) {
    const { exchange, client } = createExchange();
    answer(exchange);
    if (client.told.length === 0) continue;
    assert.deepEqual(client.told, [`head 418 ${client.content.length}`, "end"]);
    assert.equal(exchange.record.reason, "FAULT_INJECTED");
    aborted++;
  }
  assert.equal(passed + aborted, 10_000);
  assert.ok(Math.abs(aborted - 3_000) < 150, `${aborted} of 10,000`);
  assert.equal(countOf(), aborted);
});

test("an aborted request is answered like all answers of the proxy's own: JSON if that is preferred, Retry-After with 503", () => {
  const { answer } = createRoute({ abort: { percent: 1, status: 503 } });
  const { exchange, client } = createExchange({
    text: "GET / HTTP/1.1\r\nAccept: application/json\r\n\r\n",
    fieldsStart: 16,
  });
  answer(exchange);
  assert.deepEqual(JSON.parse(client.content), {
    status: 503,
    code: "FAULT_INJECTED",
    message: "A fault was injected.",
  });
  assert.match(client.fields, /^Date: .*\r\nContent-Type: application\/json\r\n(?:.*\r\n)*Retry-After: 1\r\n$/);
});

test("all and none are exactly that", () => {
  for (const [percent, expected] of [
    [1, 1_000],
    [0, 0],
  ] as const) {
    const { answer, countOf } = createRoute({ abort: { percent, status: 503 } });
    for (let count = 0; count < 1_000; count++) answer(createExchange().exchange);
    assert.equal(countOf(), expected);
  }
});

test("a delayed request goes on after the delay, and not before", () => {
  const passed: Exchange[] = [];
  const { answer, scheduler } = createRoute({ delay: { percent: 1, duration: 200 } }, (exchange) =>
    passed.push(exchange),
  );
  const { exchange } = createExchange();
  answer(exchange);
  scheduler.advance(199);
  assert.equal(passed.length, 0);
  scheduler.advance(1);
  assert.deepEqual(passed, [exchange]);
  assert.equal(exchange.answerer, null);
});

test("a client that leaves during the delay leaves no timer behind", () => {
  let passed = 0;
  const { answer, scheduler } = createRoute({ delay: { percent: 1, duration: 200 } }, () => {
    passed++;
  });
  const { exchange, client } = createExchange();
  answer(exchange);
  client.leave();
  assert.equal(scheduler.pendingCount, 0);
  scheduler.advance(1_000);
  assert.equal(passed, 0);
});

test("delay and abort come one after the other", () => {
  const { answer, scheduler } = createRoute({
    delay: { percent: 1, duration: 200 },
    abort: { percent: 1, status: 500 },
  });
  const { exchange, client } = createExchange();
  answer(exchange);
  assert.deepEqual(client.told, []);
  scheduler.advance(200);
  assert.deepEqual(client.told.at(-1), "end");
});

const head: AnswerHead = {
  status: 200,
  reasonPhrase: "OK",
  fields: Fields.none,
  body: "unknown",
  declaredLength: null,
  tunnel: null,
  from: "proxy",
};

/** Someone who answers with `text` in pieces, as fast as it is let. */
class Source implements BodySource {
  readonly #pieces: string[];
  readonly #sink: BodySink;
  isStopped = false;
  isDone = false;

  constructor(exchange: Exchange, pieces: string[]) {
    this.#pieces = [...pieces];
    this.#sink = exchange.start(head, this);
    this.resume();
  }

  get piecesLeft(): number {
    return this.#pieces.length;
  }

  resume(): void {
    for (let piece = this.#pieces.shift(); piece !== undefined; piece = this.#pieces.shift()) {
      this.#sink.data(Buffer.from(piece));
      if (!this.#sink.flush()) return;
    }
    if (this.isDone) return;
    this.isDone = true;
    this.#sink.end(null);
  }

  stop(): void {
    this.isStopped = true;
  }
}

test("a slow answer takes as long as its length says, arrives whole, and is taken from its source piece by piece", () => {
  const pieces = Array.from({ length: 20 }, (_, at) => String.fromCharCode(97 + at).repeat(100));
  let given: Source | null = null;
  const { answer, scheduler } = createRoute({ bandwidth: { percent: 1, bytesPerSecond: 1_000 } }, (exchange) => {
    given = new Source(exchange, pieces);
  });
  const { exchange, client } = createExchange();
  answer(exchange);
  const source = given as unknown as Source;
  const startMs = scheduler.clock.now();
  while (!client.told.includes("end")) {
    const seconds = (scheduler.clock.now() - startMs) / 1_000;
    assert.ok(client.content.length <= 1_000 * seconds + 50, `${client.content.length} bytes after ${seconds} s`);
    assert.ok(2_000 - source.piecesLeft * 100 - client.content.length <= 150, "little is held");
    scheduler.advance(10);
  }
  assert.ok(Math.abs(scheduler.clock.now() - startMs - 2_000) <= 100);
  assert.equal(client.content, pieces.join(""));
  assert.deepEqual(client.told, ["head 200 unknown", "end"]);
  assert.equal(scheduler.pendingCount, 0);
});

test("a slow answer waits for a client that takes nothing, and goes on", () => {
  const { answer, scheduler } = createRoute(
    { bandwidth: { percent: 1, bytesPerSecond: 1_000 } },
    (exchange) => void new Source(exchange, ["x".repeat(500)]),
  );
  const { exchange, client } = createExchange();
  client.isOpen = false;
  answer(exchange);
  scheduler.advance(10_000);
  assert.ok(client.content.length <= 50);
  client.resume();
  scheduler.advance(600);
  assert.equal(client.content.length, 500);
  assert.equal(client.told.at(-1), "end");
});

test("a client that leaves during a slow answer ends it on both sides", () => {
  let source: Source | null = null;
  const { answer, scheduler } = createRoute({ bandwidth: { percent: 1, bytesPerSecond: 100 } }, (exchange) => {
    source = new Source(exchange, ["x".repeat(500)]);
  });
  const { exchange, client } = createExchange();
  answer(exchange);
  client.leave();
  assert.equal((source as unknown as Source).isStopped, true);
  assert.equal(scheduler.pendingCount, 0);
});
