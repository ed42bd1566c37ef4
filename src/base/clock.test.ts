import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldClock, ManualClock } from "./clock.ts";

test("a clock that is held stands still until it is released", () => {
  const manual = new ManualClock(1_000, 5_000);
  const clock = new HeldClock(manual);
  manual.advance(1);
  assert.equal(clock.now(), 1_001);
  assert.equal(clock.hold(), true);
  manual.advance(1);
  assert.equal(clock.now(), 1_001);
  assert.equal(clock.wall(), 5_002);
  clock.release();
  assert.equal(clock.now(), 1_002);
});

test("whoever holds a clock that is held already does not let it go", () => {
  const manual = new ManualClock();
  const clock = new HeldClock(manual);
  assert.deepEqual([clock.hold(), clock.hold()], [true, false]);
});

test("behind something that may take long, a clock that is held is set", () => {
  const manual = new ManualClock(1_000);
  const clock = new HeldClock(manual);
  clock.hold();
  manual.advance(50);
  clock.refresh();
  assert.equal(clock.now(), 1_050);
  manual.advance(50);
  assert.equal(clock.now(), 1_050);
  clock.release();
  clock.refresh();
  assert.equal(clock.now(), 1_100);
});

test("while a clock is held, a change of the time of day is noticed within a second", () => {
  let wallMs = 5_000;
  const manual = new ManualClock();
  const clock = new HeldClock({ now: () => manual.now(), wall: () => wallMs });
  const read = (): number => {
    clock.hold();
    const read = clock.wall();
    clock.release();
    return read;
  };
  assert.equal(read(), 5_000);
  wallMs = 9_000;
  manual.advance(999);
  assert.equal(read(), 5_999, "worked out from what was known");
  manual.advance(1);
  assert.equal(read(), 9_000);
});
