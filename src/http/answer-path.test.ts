/**
 * Whatever filters do with an answer, and whenever: nothing that they call throws at them, and the exchange ends once,
 * with one answer or by breaking it off.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createExchange } from "../middleware/testing/context.ts";
import type { AnswerFilter, AnswerHead, NextResponder } from "./answer.ts";
import { type BodySink, type BodySource, emptySource, nowhere } from "./body.ts";
import { Exchange } from "./exchange.ts";
import { RequestHead } from "./message.ts";
import type { ReasonCode } from "./reason.ts";
import {
  bug,
  Client,
  clientPlan,
  filterPlan,
  Giver,
  giverPlan,
  head,
  Tasks,
  toFilter,
} from "./testing/planned-answer.ts";

test("whatever filters do, now or later, the exchange ends once, with one answer or a broken one", () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(
      fc.array(filterPlan, { maxLength: 4 }),
      giverPlan,
      clientPlan,
      fc.array(fc.nat(20), { minLength: 1, maxLength: 40 }),
      fc.boolean(),
      (filters, given, clientDoes, order, isOwn) => {
        const tasks = new Tasks();
        const client = new Client(tasks, clientDoes);
        const request = Object.assign(new RequestHead(), { method: "GET" });
        const exchange = new Exchange(request, client, {
          listenerName: "test",
          scheme: "http",
          peerAddress: "192.0.2.1",
          peerPort: 1,
        });
        client.exchange = exchange;
        for (const plan of filters) exchange.filterAnswer(toFilter(plan, tasks));
        const giver = new Giver(tasks, given);
        if (clientDoes.leaves === "soon") tasks.later(() => client.leave());
        if (isOwn) exchange.fail("NO_ROUTE");
        else giver.start(exchange);
        tasks.runAll(order);

        assert.equal(exchange.isEnded, true, "it has not ended");
        const endings = client.told.filter((one) => !one.startsWith("head"));
        assert.equal(endings.length, 1, client.told.join());
        assert.ok(client.told.length <= 2 && client.told.at(-1) === endings[0], client.told.join());
        const isWhole = !filters.some(({ act }) => act === "truncate");
        if (endings[0] === "end" && isWhole && client.told[0] === "head 200")
          assert.equal(client.content, given.text.repeat(given.chunks));
        if (endings[0] === "end" && isWhole && client.told[0] === "head 203") assert.equal(client.content, "ownown");
        // Only a filter that keeps it for itself leaves the giver without a word.
        if (!filters.some(({ swallows }) => swallows === "stop"))
          assert.deepEqual(
            tasks.givers.filter(({ isOver }) => !isOver),
            isOwn ? [giver] : [],
          );
        const shown = client.told.join(" ");
        seen.set(shown, (seen.get(shown) ?? 0) + 1);
      },
    ),
    { numRuns: 20_000 },
  );
  for (const shown of ["head 200 end", "head 203 end", "head 500 end", "head 502 end", "head 200 broken", "left"])
    assert.ok((seen.get(shown) ?? 0) > 20, `${shown}: ${JSON.stringify([...seen])}`);
});

/** A filter that keeps the answer, and what it was given. */
class Holder implements AnswerFilter {
  taken: AnswerHead = head;
  source: BodySource = emptySource;
  next: NextResponder | null = null;
  readonly aborted: ReasonCode[] = [];

  start(taken: AnswerHead, source: BodySource, next: NextResponder): BodySink {
    // Of what has taken the place of the first answer it keeps nothing.
    if (this.next !== null) return next.start(taken, source);
    this.taken = taken;
    this.source = source;
    this.next = next;
    return { ...nowhere, abort: (code) => void this.aborted.push(code) };
  }
}

test("a filter that gives up while another one holds the head leaves the client its reason as answer, and everybody hears of it", () => {
  const { exchange, client } = createExchange();
  const holder = new Holder();
  const stopped: ReasonCode[] = [];
  exchange.filterAnswer(holder);
  let giveUp = (): void => {};
  exchange.filterAnswer({
    start(taken, source, next) {
      giveUp = () => source.stop("UPSTREAM_BAD_RESPONSE");
      return next.start(taken, source);
    },
  });
  exchange.start(head, { resume() {}, stop: (code) => void stopped.push(code) });
  giveUp();
  assert.match(client.content, /^502 .*UPSTREAM_BAD_RESPONSE/s);
  assert.deepEqual([client.told.at(-1), exchange.record.reason], ["end", "UPSTREAM_BAD_RESPONSE"]);
  assert.deepEqual([holder.aborted, stopped], [["UPSTREAM_BAD_RESPONSE"], ["UPSTREAM_BAD_RESPONSE"]]);
});

test("a body that breaks off while a filter holds the head is answered, once, and the filter can hand nothing on any more", () => {
  const { exchange, client } = createExchange();
  const holder = new Holder();
  exchange.filterAnswer(holder);
  exchange.start(head, emptySource).abort("UPSTREAM_TRUNCATED");
  assert.match(client.content, /^502 .*UPSTREAM_TRUNCATED/s);
  holder.next!.start(head, emptySource).end(null);
  assert.deepEqual(client.told.slice(1), ["end"]);
});

test("a filter that gives up an answer whose place another one has taken does not touch that one", () => {
  const { exchange, client } = createExchange();
  let handOn = (): void => {};
  exchange.filterAnswer({
    start(taken, source, next) {
      handOn = () => void next.start(taken, source).end(null);
      return nowhere;
    },
  });
  const holder = new Holder();
  exchange.filterAnswer(holder);
  exchange.filterAnswer({ start: (taken, source, next) => ({ ...nowhere, ...next.start(taken, source) }) });
  exchange.start(head, emptySource);
  exchange.fail("TOTAL_TIMEOUT");
  holder.source.stop("UPSTREAM_BAD_RESPONSE");
  assert.deepEqual(client.told, []);
  handOn();
  assert.match(client.told.join(), /^head 504 \d+,end$/);
});

test("once the client has the head, giving up breaks the answer off; after its end it does nothing", () => {
  for (const isEnded of [false, true]) {
    const { exchange, client } = createExchange();
    let source = emptySource;
    exchange.filterAnswer({
      start(taken, given, next) {
        source = given;
        const sink = next.start(taken, given);
        return { ...nowhere, end: () => sink.end(null) };
      },
    });
    const sink = exchange.start(head, emptySource);
    if (isEnded) sink.end(null);
    source.stop("UPSTREAM_IDLE_TIMEOUT");
    assert.deepEqual(client.told, ["head 200 unknown", isEnded ? "end" : "abort UPSTREAM_IDLE_TIMEOUT"]);
  }
});

test("an answer that takes the place of another is independent of it", () => {
  const { exchange, client } = createExchange();
  const stopped: ReasonCode[] = [];
  let own = nowhere;
  exchange.filterAnswer({
    start(taken, _source, next) {
      own = next.replace({ ...taken, status: 203 }, emptySource);
      return nowhere;
    },
  });
  const sink = exchange.start(head, { resume() {}, stop: (code) => void stopped.push(code) });
  assert.deepEqual(stopped, ["CLIENT_GONE"]);
  sink.data(Buffer.from("given"));
  sink.abort("UPSTREAM_TRUNCATED");
  own.data(Buffer.from("own"));
  own.end(null);
  assert.deepEqual([client.told, client.content], [["head 203 unknown", "end"], "own"]);
});

test("what a filter calls from a timer does not throw at it", () => {
  const calls: ((next: NextResponder, source: BodySource) => void)[] = [
    (next) => void next.start(head, emptySource),
    (next) => next.start(head, emptySource).data(Buffer.from("x")),
    (next) => void next.interim({ ...head, status: 103 }),
    (_next, source) => source.resume(),
    (_next, source) => source.stop("INTERNAL_ERROR"),
  ];
  for (const [at, call] of calls.entries()) {
    const { exchange, client } = createExchange();
    const boom = (): never => {
      throw bug;
    };
    exchange.filterAnswer({
      start: (taken, source, next) => (at === 0 ? boom() : { ...next.start(taken, source), data: boom }),
      interim: boom,
    });
    const holder = new Holder();
    exchange.filterAnswer(holder);
    exchange.start(head, { resume: boom, stop: boom });
    call(holder.next!, holder.source);
    assert.ok(client.told.includes("bug: Error: a bug"), `${at}: ${client.told.join()}`);
    assert.equal(exchange.isEnded, true, `${at}`);
  }
});
