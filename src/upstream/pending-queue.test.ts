import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualScheduler } from "../base/scheduler.ts";
import { leftBytes } from "../base/testing/left-bytes.ts";
import { PendingQueue, type Waiter } from "./pending-queue.ts";

function open() {
  const scheduler = new ManualScheduler();
  const queue = new PendingQueue(scheduler, 1_000);
  const events: string[] = [];
  const room = { left: 0 };
  const waiter = (name: string): Waiter => ({
    place: null,
    tryAdmission() {
      if (room.left === 0) return false;
      room.left--;
      events.push(`${name} goes on`);
      return true;
    },
    onQueueTimeout: () => void events.push(`${name} gives up`),
  });
  return { scheduler, queue, events, room, waiter };
}

test("first come, first served, as far as there is room", () => {
  const { queue, events, room, waiter } = open();
  for (const name of ["a", "b", "c"]) queue.add(waiter(name));
  queue.admit();
  assert.deepEqual(events, []);
  room.left = 2;
  queue.admit();
  assert.deepEqual([events, queue.length], [["a goes on", "b goes on"], 1]);
});

test("room that nobody told of is found within milliseconds", () => {
  const { scheduler, queue, events, room, waiter } = open();
  queue.add(waiter("a"));
  scheduler.advance(100);
  assert.deepEqual(events, []);
  room.left = 1;
  scheduler.advance(5);
  assert.deepEqual(events, ["a goes on"]);
});

test("the wait ends at its deadline, for each at its own", () => {
  const { scheduler, queue, events, waiter } = open();
  queue.add(waiter("a"));
  scheduler.advance(500);
  queue.add(waiter("b"));
  scheduler.advance(505);
  assert.deepEqual(events, ["a gives up"]);
  scheduler.advance(500);
  assert.deepEqual(events, ["a gives up", "b gives up"]);
});

test("an empty queue has no timer", () => {
  const { scheduler, queue, room, waiter } = open();
  const one = waiter("a");
  queue.add(one);
  queue.remove(one);
  assert.equal(scheduler.pendingCount, 0);
  queue.add(waiter("b"));
  room.left = 1;
  queue.admit();
  assert.equal(scheduler.pendingCount, 0);
  queue.add(waiter("c"));
  scheduler.advance(2_000);
  assert.deepEqual([queue.length, scheduler.pendingCount], [0, 0]);
});

test("one that leaves from the middle is passed over", () => {
  const { queue, events, room, waiter } = open();
  const [a, b, c, d] = [waiter("a"), waiter("b"), waiter("c"), waiter("d")];
  for (const one of [a, b, c, d]) queue.add(one);
  for (const one of [b, d, b]) queue.remove(one);
  assert.equal(queue.length, 2);
  queue.add(b);
  room.left = 3;
  queue.admit();
  assert.deepEqual(events, ["a goes on", "c goes on", "b goes on"]);
});

test("one that goes on and waits again at once is the last", () => {
  const { queue, events, room, waiter } = open();
  const again = waiter("a");
  const { tryAdmission } = again;
  let isFirst = true;
  again.tryAdmission = () => {
    if (!tryAdmission()) return false;
    if (!isFirst) return true;
    isFirst = false;
    queue.remove(again);
    queue.add(again);
    return true;
  };
  queue.add(again);
  queue.add(waiter("b"));
  room.left = 3;
  queue.admit();
  assert.deepEqual(events, ["a goes on", "b goes on", "a goes on"]);
  assert.equal(queue.length, 0);
});

test("those that have gone on are garbage of the young generation, however many came after them", () => {
  const { queue, room, waiter } = open();
  const left = leftBytes((load) => {
    queue.add({ ...waiter("a"), tryAdmission: () => load.length > 0 && room.left-- > 0 });
    if (queue.length <= 64) return;
    room.left = 1;
    queue.admit();
  });
  assert.ok(left < 8_000_000, `${left} bytes are left`);
  assert.equal(queue.length, 64);
});
