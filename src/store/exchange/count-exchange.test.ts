import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ManualScheduler } from "../../base/scheduler.ts";
import { CountExchange, type LimitCounts, roundMs } from "./count-exchange.ts";
import type { CountObserver, CountPlace, TextHears } from "./count-place.ts";
import { readRounds, withRound, writeRounds } from "./counts-text.ts";

/** A place that all instances of a test have in common. */
class Board {
  readonly texts = new Map<string, string>();
  readonly observers = new Set<CountObserver>();
  readonly hears: TextHears[] = [];
  /** Texts are kept back. */
  isHeld = false;

  open(): CountPlace {
    let observer: CountObserver | null = null;
    return {
      follow: (one) => {
        observer = one;
        this.observers.add(one);
      },
      openText: (instance, hears) => {
        this.hears.push(hears);
        return {
          write: (text) => {
            this.texts.set(instance, text);
            if (!this.isHeld) this.tell();
          },
          close: async () => void this.texts.delete(instance),
        };
      },
      close: () => void this.observers.delete(observer!),
    };
  }

  tell(): void {
    for (const observer of this.observers) observer.onTexts(new Map(this.texts));
  }
}

/** Counts that a test makes, and what was charged. */
class Counted implements LimitCounts {
  isExchanged = false;
  readonly admitted = new Map<string, number>();
  readonly charged = new Map<string, number>();

  admit(key: string, count: number): void {
    this.admitted.set(key, (this.admitted.get(key) ?? 0) + count);
  }

  collect(take: (key: string, count: number) => void): void {
    for (const [key, count] of this.admitted) take(key, count);
    this.admitted.clear();
  }

  charge(key: string, count: number): void {
    this.charged.set(key, (this.charged.get(key) ?? 0) + count);
  }
}

function setUp(board = new Board()) {
  const scheduler = new ManualScheduler();
  const outages: (string | null)[] = [];
  const start = (instance: string): { counted: Counted; exchange: CountExchange } => {
    const counted = new Counted();
    const onOutage = (reason: string | null): void => void outages.push(reason);
    const exchange = new CountExchange({ place: board.open(), instance, scheduler, onOutage });
    exchange.limits = new Map([["limit", counted]]);
    return { counted, exchange };
  };
  return { board, scheduler, outages, start, round: () => scheduler.advance(roundMs) };
}

test("what one admits is charged to all others, once, and not to himself", () => {
  const { start, round } = setUp();
  const [one, two, three] = [start("one"), start("two"), start("three")];
  one.counted.admit("a", 5);
  two.counted.admit("a", 2);
  round();
  round();
  one.counted.admit("a", 1);
  one.counted.admit("b", 4);
  round();
  assert.deepEqual([...one.counted.charged], [["a", 2]]);
  assert.deepEqual(Object.fromEntries(two.counted.charged), { a: 6, b: 4 });
  assert.deepEqual(Object.fromEntries(three.counted.charged), { a: 8, b: 4 });
});

test("who misses some of the texts misses no count", () => {
  const { board, start, round } = setUp();
  const [one, two] = [start("one"), start("two")];
  one.counted.admit("a", 1);
  round();
  board.isHeld = true;
  for (let count = 0; count < 4; count++) {
    one.counted.admit("a", 1);
    round();
  }
  board.tell();
  assert.deepEqual([...two.counted.charged], [["a", 5]]);
});

test("of one who is heard for the first time counts what he has admitted lately; one who begins anew is another", async () => {
  const { board, start, round } = setUp();
  const one = start("one");
  for (let count = 0; count < 9; count++) {
    one.counted.admit("a", 1);
    round();
  }
  const two = start("two");
  board.tell();
  assert.deepEqual([...two.counted.charged], [["a", 1]]);
  await one.exchange.close();
  const again = start("one again");
  again.counted.admit("a", 3);
  round();
  assert.deepEqual([...two.counted.charged], [["a", 4]]);
});

test("of too many keys those that count most are told", () => {
  const { start, round } = setUp();
  const [one, two] = [start("one"), start("two")];
  for (let key = 0; key < 2_000; key++) one.counted.admit(`key ${key}`, key + 1);
  round();
  assert.equal(two.counted.charged.size, 500);
  assert.equal(Math.min(...two.counted.charged.values()), 1_501);
});

test("nothing is written while nothing is admitted", () => {
  const { board, start, round } = setUp();
  start("one");
  round();
  assert.equal(board.texts.size, 0);
});

test("an outage is said once, until all is well again, and the limits know", () => {
  const { board, outages, start } = setUp();
  const { counted } = start("one");
  assert.equal(counted.isExchanged, false);
  const [observer] = board.observers;
  observer!.onAlive();
  assert.equal(counted.isExchanged, true);
  observer!.onFailure("away");
  observer!.onFailure("still away");
  board.hears[0]!.onFailure("cannot be written");
  assert.equal(counted.isExchanged, false);
  observer!.onAlive();
  assert.equal(counted.isExchanged, false);
  board.hears[0]!.onRecovery();
  assert.equal(counted.isExchanged, true);
  assert.deepEqual(outages, ["away", null]);
});

test("whatever stands in the store, nothing throws, and what is no text of ours charges nothing", () => {
  const { board, start } = setUp();
  const { counted } = start("one");
  const deep = `${"[".repeat(100_000)}`;
  for (const text of [
    "",
    "null",
    "{}",
    "[1]",
    "[[1]]",
    '[[1,{"limit":["a"]}]]',
    '[[1,{"limit":["a",-1]}]]',
    '[[1,{"limit":["a",1e99]}]]',
    '[[1,{"limit":[1,1]}]]',
    '[[-1,{"limit":["a",1]}]]',
    '[[1,{"limit":{}}]]',
    `[${'[1,{"limit":["a",1]}],'.repeat(6)}[1,{}]]`,
    `[[1,{"limit":[${'"a",1,'.repeat(6_000)}"a",1]}]]`,
    deep,
  ]) {
    board.texts.set("garbage", text);
    board.tell();
  }
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      board.texts.set("garbage", text);
      board.tell();
    }),
  );
  assert.deepEqual([...counted.charged], []);
});

test("rounds are read as they were written", () => {
  const counts = fc.dictionary(fc.string(), fc.dictionary(fc.string(), fc.nat(1_000_000)));
  fc.assert(
    fc.property(fc.array(counts, { maxLength: 8 }), (all) => {
      let rounds: ReturnType<typeof withRound> = [];
      all.forEach((limits, number) => {
        const told = new Map(Object.entries(limits).map(([limit, keys]) => [limit, new Map(Object.entries(keys))]));
        rounds = withRound(rounds, { number, counts: told });
      });
      assert.deepEqual(readRounds(writeRounds(rounds)), rounds);
      assert.ok(rounds.length <= 5);
    }),
  );
});
