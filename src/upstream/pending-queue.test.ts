import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualScheduler } from "../base/scheduler.ts";
import { PendingQueue, type Waiter } from "./pending-queue.ts";

function open() {
  const scheduler = new ManualScheduler();
  const queue = new PendingQueue(scheduler, 1_000);
  const events: string[] = [];
  const room = { left: 0 };
  const waiter = (name: string): Waiter => ({
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
