import assert from "node:assert/strict";
import { test } from "node:test";
import { Roster } from "./roster.ts";
import { leftBytes } from "./testing/left-bytes.ts";

const make = (name: string) => ({ name, place: -1 });

test("members come, and leave in any order", () => {
  const roster = new Roster<ReturnType<typeof make>>();
  const [a, b, c] = [make("a"), make("b"), make("c")];
  for (const member of [a, b, c]) roster.add(member);
  assert.deepEqual(roster.members, [a, b, c]);
  assert.ok(roster.remove(a));
  assert.deepEqual(roster.members, [c, b]);
  assert.ok(roster.remove(c));
  assert.ok(roster.remove(b));
  assert.equal(roster.size, 0);
});

test("one that has left is told from one that is there, and may come again", () => {
  const roster = new Roster<ReturnType<typeof make>>();
  const [a, b] = [make("a"), make("b")];
  roster.add(a);
  roster.add(b);
  assert.ok(roster.remove(a));
  assert.ok(!roster.remove(a));
  assert.equal(roster.size, 1);
  roster.add(a);
  assert.deepEqual(roster.members, [b, a]);
});

test("one that comes twice is there once", () => {
  const roster = new Roster<ReturnType<typeof make>>();
  const a = make("a");
  roster.add(a);
  roster.add(a);
  assert.equal(roster.size, 1);
  assert.ok(roster.remove(a));
  assert.equal(roster.size, 0);
});

test("members may leave while all are gone through", () => {
  const roster = new Roster<ReturnType<typeof make>>();
  const all = [make("a"), make("b"), make("c")];
  for (const member of all) roster.add(member);
  for (const member of roster.members) roster.remove(member);
  assert.equal(roster.size, 0);
  assert.ok(all.every(({ place }) => place === -1));
});

test("those who have left are garbage of the young generation, however many came after them", () => {
  const roster = new Roster<{ place: number; readonly load: readonly number[] }>();
  const present: { place: number; readonly load: readonly number[] }[] = [];
  const left = leftBytes((load) => {
    const member = { place: -1, load };
    roster.add(member);
    present.push(member);
    if (present.length > 64) roster.remove(present.shift()!);
  });
  // Of a `Set`, 30 MB are left.
  assert.ok(left < 8_000_000, `${left} bytes are left`);
  assert.equal(roster.size, 64);
});
