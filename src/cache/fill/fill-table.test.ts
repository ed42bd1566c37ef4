import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { FillTable } from "./fill-table.ts";

const stripes = 2;
const digest = new Int32Array(4);
/** Of the set of `digest`: behind a line of words for each thread. */
const lockWord = stripes * 16;

test("what a leader has to say is said later if a lock is held for too long", async () => {
  const words = new Int32Array(new SharedArrayBuffer(FillTable.byteLength(stripes)));
  const rung: number[] = [];
  const doorbells = { ring: (mask: number) => void rung.push(mask) };
  const [leader, waiter] = [0, 1].map((stripeIndex) => new FillTable(words, { stripeIndex, stripes, doorbells }));
  assert.equal(leader!.enter(digest), "lead");
  assert.equal(waiter!.enter(digest), "wait");
  const { place, version } = waiter!;
  // A third one is stopped while it has the lock.
  Atomics.store(words, lockWord, 99);
  leader!.publish(leader!.place, leader!.version, { draftId: 7, stamp: 1 });
  leader!.fail(leader!.place, leader!.version);
  assert.equal(waiter!.look(place, version), "wait");
  // Whoever could not look is called to look again.
  assert.deepEqual(rung, [2]);
  assert.equal(waiter!.hasChanged(place, version), false);
  Atomics.store(words, lockWord, 0);
  while (!waiter!.hasChanged(place, version)) await sleep(1);
  assert.equal(waiter!.look(place, version), "lead");
});
