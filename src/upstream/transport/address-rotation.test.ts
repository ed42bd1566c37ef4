import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../base/clock.ts";
import { AddressRotation } from "./address-rotation.ts";

function rotate(...names: string[]) {
  const clock = new ManualClock();
  const rotation = new AddressRotation();
  rotation.update(names, 80);
  const next = (): string | null => rotation.next(clock)?.name ?? null;
  const named = (name: string) => rotation.addresses.find((address) => address.name === name)!;
  return { clock, rotation, next, named, turns: (count: number) => Array.from({ length: count }, next) };
}

test("addresses have their turn one after the other", () => {
  const { turns } = rotate("10.0.0.1", "10.0.0.2", "10.0.0.3");
  assert.deepEqual(turns(6).toSorted(), ["10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.3", "10.0.0.3"]);
  assert.deepEqual([rotate().next(), rotate("10.0.0.1").turns(2)], [null, ["10.0.0.1", "10.0.0.1"]]);
});

test("one that failed is passed over for 30 s, then has one turn, and is passed over again unless that succeeds", () => {
  const { rotation, turns, named, clock } = rotate("10.0.0.1", "10.0.0.2");
  const count = (name: string): number => turns(10).filter((turn) => turn === name).length;
  rotation.noteFailure(named("10.0.0.1"), clock.now());
  assert.equal(count("10.0.0.1"), 0);
  clock.advance(29_999);
  assert.equal(count("10.0.0.1"), 0);
  clock.advance(1);
  assert.equal(count("10.0.0.1"), 1);
  clock.advance(30_000);
  assert.equal(count("10.0.0.1"), 1);
  rotation.noteSuccess(named("10.0.0.1"));
  assert.equal(count("10.0.0.1"), 5);
});

test("if all have failed, all have their turn", () => {
  const { rotation, turns, named, clock } = rotate("10.0.0.1", "10.0.0.2");
  for (const name of ["10.0.0.1", "10.0.0.2"]) rotation.noteFailure(named(name), clock.now());
  assert.deepEqual(new Set(turns(4)), new Set(["10.0.0.1", "10.0.0.2"]));
});

test("a connection tries the one whose turn it is, then families in turn, then those that failed, and not more than eight", () => {
  const { rotation, named, clock } = rotate("10.0.0.1", "10.0.0.2", "10.0.0.3", "2001:db8::1", "2001:db8::2");
  const order = (first: string): string[] => rotation.orderFrom(named(first), clock.now()).map(({ name }) => name);
  assert.deepEqual(order("10.0.0.1"), ["10.0.0.1", "2001:db8::1", "10.0.0.2", "2001:db8::2", "10.0.0.3"]);
  assert.deepEqual(order("2001:db8::2"), ["2001:db8::2", "10.0.0.1", "2001:db8::1", "10.0.0.2", "10.0.0.3"]);
  rotation.noteFailure(named("2001:db8::1"), clock.now());
  assert.deepEqual(order("10.0.0.1"), ["10.0.0.1", "2001:db8::2", "10.0.0.2", "10.0.0.3", "2001:db8::1"]);
  clock.advance(30_000);
  assert.deepEqual(order("10.0.0.1"), ["10.0.0.1", "2001:db8::1", "10.0.0.2", "2001:db8::2", "10.0.0.3"]);
  const many = rotate(...Array.from({ length: 40 }, (_, at) => `10.0.1.${at}`));
  assert.equal(many.rotation.orderFrom(many.named("10.0.1.7"), 0).length, 8);
});

test("a new answer keeps what is known of the addresses that stay, and marks those that are gone", () => {
  const { rotation, named, clock, turns } = rotate("10.0.0.1", "10.0.0.2");
  const [first, second] = [named("10.0.0.1"), named("10.0.0.2")];
  rotation.noteFailure(second, clock.now());
  assert.deepEqual(rotation.update(["10.0.0.3", "10.0.0.2"], 80), [first]);
  assert.deepEqual([first.isGone, second.isGone, named("10.0.0.2") === second], [true, false, true]);
  assert.deepEqual(new Set(turns(4)), new Set(["10.0.0.3"]));
  assert.deepEqual(
    rotation.orderFrom(first, clock.now()).map(({ name }) => name),
    ["10.0.0.3", "10.0.0.2"],
  );
});
