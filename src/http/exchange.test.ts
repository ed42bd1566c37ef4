/** What an exchange promises to those who answer it, and to the filters that its answer passes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createExchange } from "../middleware/testing/context.ts";
import { AddedFields, type AnswerFilter, type AnswerHead, type Responder, withFields } from "./answer.ts";
import { type BodySink, type BodySource, emptySource } from "./body.ts";
import { Fields } from "./fields.ts";

const head: AnswerHead = {
  status: 200,
  reasonPhrase: "OK",
  fields: Fields.none,
  body: "unknown",
  declaredLength: null,
  tunnel: null,
  from: "endpoint",
};

/** Stands in the way of a body, and writes down what it hears. */
class Tap implements AnswerFilter, BodySink, BodySource {
  readonly heard: string[] = [];
  #sink: BodySink | null = null;
  #source: BodySource = emptySource;

  start(taken: AnswerHead, source: BodySource, next: Responder): BodySink {
    this.#source = source;
    this.#sink = next.start(withFields(taken, taken.fields.plus("X-Tap", "1")), this);
    return this;
  }
  data(chunk: Buffer): void {
    this.heard.push(chunk.toString());
    this.#sink!.data(Buffer.from(chunk.toString().toUpperCase()));
  }
  flush(): boolean {
    return this.#sink!.flush();
  }
  end(trailers: Fields | null): boolean {
    this.heard.push("end");
    return this.#sink!.end(trailers);
  }
  abort(code: "INTERNAL_ERROR"): void {
    this.heard.push(`abort ${code}`);
    this.#sink!.abort(code);
  }
  resume(): void {
    this.#source.resume();
  }
  stop(code: "INTERNAL_ERROR"): void {
    this.heard.push(`stop ${code}`);
    this.#source.stop(code);
  }
}

const bug = new Error("a bug");
const broken: AnswerFilter = {
  start() {
    throw bug;
  },
};

test("an answer passes the filters from the last to the first, and one that was added as the last of all after them", () => {
  const { exchange, client } = createExchange();
  for (const name of ["first", "second"]) exchange.filterAnswer(new AddedFields(`X: ${name}\r\n`));
  exchange.filterAnswerLast(new AddedFields("X: cookie\r\n"));
  exchange.filterAnswer(new AddedFields("X: third\r\n"));
  exchange.start(head, emptySource).end(null);
  assert.equal(client.fields, "X: third\r\nX: second\r\nX: first\r\nX: cookie\r\n");
});

test("a filter sees the whole answer of whoever gives it, our own error included", () => {
  const relayed = createExchange();
  const tap = new Tap();
  relayed.exchange.filterAnswer(tap);
  const sink = relayed.exchange.start(head, emptySource);
  sink.data(Buffer.from("body"));
  assert.equal(sink.flush(), true);
  sink.end(null);
  assert.deepEqual([tap.heard, relayed.client.content], [["body", "end"], "BODY"]);

  const failed = createExchange();
  failed.exchange.filterAnswer(tap);
  failed.exchange.fail("NO_ROUTE");
  assert.match(failed.client.content, /^404 NOT FOUND/);
  assert.match(failed.client.fields, /X-Tap: 1\r\n$/);
});

test("of interim answers, 100 passes no filter, and others pass those that want them", () => {
  const { exchange, client } = createExchange();
  const seen: number[] = [];
  exchange.filterAnswer(new AddedFields("X: 1\r\n"));
  exchange.filterAnswer({
    start: (taken, source, next) => next.start(taken, source),
    interim(taken, next) {
      seen.push(taken.status);
      return next.interim(taken);
    },
  });
  for (const status of [100, 103]) exchange.interim({ ...head, status });
  assert.deepEqual([seen, client.told], [[103], ["interim 100", "interim 103"]]);
});

test("there is one answer: what is started after it goes nowhere", () => {
  const { exchange, client } = createExchange();
  const sink = exchange.start(head, emptySource);
  const second = { stopped: "", resume: () => {}, stop: (code: string) => void (second.stopped = code) };
  exchange.start({ ...head, status: 500 }, second).end(null);
  assert.equal(second.stopped, "CLIENT_GONE");
  sink.end(null);
  exchange.fail("INTERNAL_ERROR");
  exchange.interim({ ...head, status: 103 });
  assert.deepEqual(client.told, ["head 200 unknown", "end"]);
});

test("a filter that hands its answer on when the exchange is over does no harm", () => {
  const { exchange, client } = createExchange();
  let later: Responder | null = null;
  exchange.filterAnswer({
    start(_head, _source, next) {
      later = next;
      return emptySink;
    },
  });
  exchange.start(head, emptySource);
  client.leave();
  (later as Responder | null)!.start(head, emptySource).end(null);
  assert.deepEqual(client.told, []);
});

const emptySink: BodySink = { data: () => {}, flush: () => true, end: () => true, abort: () => {} };

test("a failure cancels whoever answers; after the answer has begun, it breaks off through the filters, and its source is stopped", () => {
  const cancelled: string[] = [];
  const held = createExchange();
  held.exchange.answerer = { cancel: (code) => void cancelled.push(code) };
  held.exchange.fail("TOTAL_TIMEOUT");
  assert.deepEqual([cancelled, held.client.told.at(-1)], [["TOTAL_TIMEOUT"], "end"]);

  const begun = createExchange();
  const tap = new Tap();
  begun.exchange.filterAnswer(tap);
  begun.exchange.start(head, emptySource);
  begun.exchange.fail("TOTAL_TIMEOUT", "too long");
  assert.deepEqual(tap.heard.slice(0, 1), ["abort TOTAL_TIMEOUT"]);
  assert.equal(begun.client.told.at(-1), "abort TOTAL_TIMEOUT");
  assert.deepEqual([begun.exchange.record.reason, begun.exchange.record.detail], ["TOTAL_TIMEOUT", "too long"]);
});

test("a failure while a filter holds the answer back is an answer still", () => {
  const { exchange, client } = createExchange();
  const aborted: string[] = [];
  let isHolding = true;
  exchange.filterAnswer({
    start(taken, source, next) {
      if (!isHolding) return next.start(taken, source);
      isHolding = false;
      return { ...emptySink, abort: (code) => void aborted.push(code) };
    },
  });
  exchange.start(head, emptySource);
  exchange.fail("UPSTREAM_TRUNCATED");
  assert.deepEqual([aborted, client.told.at(-1)], [["UPSTREAM_TRUNCATED"], "end"]);
  assert.match(client.content, /^502 /);
});

test("what a filter still holds of an answer does not leave it after another was given in its place", () => {
  const { exchange, client } = createExchange();
  const later: (() => void)[] = [];
  // Hands every answer on later.
  exchange.filterAnswer({
    start(taken, source, next) {
      later.push(() => void next.start(taken, source));
      return emptySink;
    },
  });
  let isBroken = true;
  exchange.filterAnswer({
    start(taken, source, next) {
      const sink = next.start(taken, source);
      if (!isBroken) return sink;
      isBroken = false;
      return {
        ...emptySink,
        end() {
          throw bug;
        },
      };
    },
  });
  exchange.start(head, emptySource).end(null);
  for (const handOn of later) handOn();
  assert.deepEqual(client.told, ["bug: Error: a bug", "head 500 60", "end"]);
});

test("an answer that a filter holds back breaks off once, whoever says so", () => {
  const { exchange } = createExchange();
  const aborted: string[] = [];
  exchange.filterAnswer({ start: () => ({ ...emptySink, abort: (code) => void aborted.push(code) }) });
  const sink = exchange.start(head, emptySource);
  exchange.answerer = { cancel: (code) => sink.abort(code) };
  exchange.fail("UPSTREAM_TRUNCATED");
  assert.deepEqual(aborted.slice(0, 1), ["UPSTREAM_TRUNCATED"]);
  assert.equal(aborted.length, 1);
});

test("a bug in a filter is answered without the filters, or breaks the answer off", () => {
  const before = createExchange();
  before.exchange.filterAnswer(broken);
  before.exchange.fail("NO_ROUTE");
  assert.equal(before.client.told[0], "bug: Error: a bug");
  assert.match(before.client.content, /^500 /);
  assert.equal(before.client.told.at(-1), "end");

  const after = createExchange();
  after.exchange.filterAnswer({
    start(taken, source, next) {
      next.start(taken, source);
      throw bug;
    },
  });
  after.exchange.start(head, emptySource).end(null);
  assert.deepEqual(after.client.told, ["head 200 unknown", "bug: Error: a bug", "abort INTERNAL_ERROR"]);
});

test("a bug in a filter of an interim answer cancels whoever answers", () => {
  const { exchange, client } = createExchange();
  const cancelled: string[] = [];
  exchange.answerer = { cancel: (code) => void cancelled.push(code) };
  exchange.filterAnswer({
    start: (taken, source, next) => next.start(taken, source),
    interim() {
      throw bug;
    },
  });
  assert.equal(exchange.interim({ ...head, status: 103 }), true);
  assert.match(client.content, /^500 /);
  assert.deepEqual(cancelled, ["INTERNAL_ERROR"]);
});

test("a bug in whoever is cancelled does not keep the client from its answer", () => {
  const { exchange, client } = createExchange();
  exchange.answerer = {
    cancel() {
      throw bug;
    },
  };
  exchange.fail("BODY_TIMEOUT");
  assert.match(client.content, /^500 /);
  assert.equal(client.told.at(-1), "end");
});
