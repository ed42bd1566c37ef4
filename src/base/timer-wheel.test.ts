import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type AddressInfo } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { ManualClock } from "./clock.ts";
import { Deadline, TimerWheel } from "./timer-wheel.ts";

const tickMs = 100;

function createWheel(onError?: (error: unknown) => void): {
  clock: ManualClock;
  wheel: TimerWheel;
  advance: (ms: number) => void;
} {
  const clock = new ManualClock(1_000);
  const wheel = new TimerWheel({ clock, tickMs, ...(onError && { onError }) });
  return {
    clock,
    wheel,
    advance(ms) {
      for (let passed = 0; passed < ms; passed += tickMs) {
        clock.advance(Math.min(tickMs, ms - passed));
        wheel.advance();
      }
    },
  };
}

test("a deadline fires once, not early and at most two ticks late", () => {
  for (const delayMs of [1, 50, 99, 100, 101, 250, 5_000, 51_199, 51_200, 51_201, 3_600_000]) {
    const { clock, wheel, advance } = createWheel();
    const firedAt: number[] = [];
    wheel.arm(new Deadline(() => firedAt.push(clock.now())), delayMs);
    advance(delayMs + 10 * tickMs);
    assert.equal(firedAt.length, 1, `armed for ${delayMs} ms`);
    assert.ok(firedAt[0]! >= 1_000 + delayMs, `${delayMs} ms: not early`);
    assert.ok(firedAt[0]! <= 1_000 + delayMs + 2 * tickMs, `${delayMs} ms: fired at ${firedAt[0]}`);
    assert.equal(wheel.linkedCount, 0);
  }
});

test("a deadline that was over before it was armed fires at the next tick", () => {
  const { clock, wheel, advance } = createWheel();
  advance(5 * tickMs);
  let count = 0;
  wheel.armAt(new Deadline(() => count++), clock.now() - 3 * tickMs);
  advance(tickMs);
  assert.equal(count, 1);
});

test("a callback that removes the deadline beside it does not hold up the others", () => {
  for (const removes of [[1], [1, 2], [0], [2, 3], [0, 1, 2, 3]]) {
    const { wheel, advance } = createWheel();
    const fired: number[] = [];
    const others: Deadline[] = [];
    // The last one armed is the first to fire.
    for (let index = 3; index >= 0; index--) others[index] = new Deadline(() => fired.push(index));
    for (let index = 3; index >= 0; index--) wheel.arm(others[index]!, 1_000);
    wheel.arm(new Deadline(() => removes.forEach((index) => wheel.remove(others[index]!))), 1_000);
    advance(1_000 + 2 * tickMs);
    assert.deepEqual(
      fired,
      [0, 1, 2, 3].filter((index) => !removes.includes(index)),
      `without ${removes.join()}`,
    );
  }
});

test("a deadline that is armed again counts from the last time, whichever is sooner", () => {
  const { wheel, advance } = createWheel();
  let count = 0;
  const deadline = new Deadline(() => count++);
  wheel.arm(deadline, 10_000);
  wheel.arm(deadline, 300);
  advance(600);
  assert.equal(count, 1, "the shorter one holds");
  wheel.arm(deadline, 300);
  advance(200);
  wheel.arm(deadline, 1_000);
  advance(800);
  assert.equal(count, 1, "the longer one holds");
  advance(500);
  assert.equal(count, 2);
});

test("a disarmed or removed deadline stays silent, and leaves the wheel", () => {
  const { wheel, advance } = createWheel();
  let count = 0;
  const disarmed = new Deadline(() => count++);
  const removed = new Deadline(() => count++);
  wheel.arm(disarmed, 300);
  wheel.arm(removed, 300);
  wheel.disarm(disarmed);
  wheel.remove(removed);
  assert.equal(wheel.linkedCount, 1, "a disarmed one is swept when its slot comes up");
  advance(1_000);
  assert.equal(count, 0);
  assert.equal(wheel.linkedCount, 0);
});

test("a callback may arm itself and remove its neighbours", () => {
  const { wheel, advance } = createWheel();
  const fired: string[] = [];
  const neighbours = Array.from({ length: 5 }, (_, index) => new Deadline(() => fired.push(`neighbour ${index}`)));
  const first = new Deadline(() => {
    fired.push("first");
    for (const neighbour of neighbours) wheel.remove(neighbour);
    if (fired.length < 3) wheel.arm(first, 200);
  });
  for (const neighbour of neighbours) wheel.arm(neighbour, 100);
  wheel.arm(first, 100);
  advance(2_000);
  assert.deepEqual(fired, ["first", "first", "first"]);
  assert.equal(wheel.linkedCount, 0);
});

test("what one callback throws does not keep the others from firing", () => {
  const errors: unknown[] = [];
  const { wheel, advance } = createWheel((error) => errors.push(error));
  let count = 0;
  const failure = new Error("a bug");
  wheel.arm(new Deadline(() => count++), 100);
  wheel.arm(
    new Deadline(() => {
      throw failure;
    }),
    100,
  );
  wheel.arm(new Deadline(() => count++), 100);
  advance(500);
  assert.equal(count, 2);
  assert.deepEqual(errors, [failure]);
});

test("a closed wheel is empty and silent", () => {
  const { wheel, advance } = createWheel();
  let count = 0;
  for (let i = 0; i < 10; i++) wheel.arm(new Deadline(() => count++), i * 77 + 1);
  wheel.close();
  advance(2_000);
  assert.equal(count, 0);
  assert.equal(wheel.linkedCount, 0);
});

test("whatever is armed, disarmed and re-armed when, every deadline fires as its last arming says", () => {
  const action = fc.record({
    which: fc.nat(7),
    kind: fc.constantFrom("arm", "arm", "disarm", "remove", "wait"),
    ms: fc.integer({ min: 1, max: 120_000 }),
  });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const { clock, wheel, advance } = createWheel();
      const dueMs: (number | null)[] = new Array<number | null>(8).fill(null);
      const deadlines = dueMs.map(
        (_, index) =>
          new Deadline(() => {
            const due = dueMs[index];
            assert.ok(due !== null && due !== undefined, "fired though it was not armed");
            assert.ok(clock.now() >= due && clock.now() <= due + 2 * tickMs, `due at ${due}, fired at ${clock.now()}`);
            dueMs[index] = null;
          }),
      );
      for (const { which, kind, ms } of actions) {
        if (kind === "wait") advance(ms);
        else if (kind === "arm") {
          wheel.arm(deadlines[which]!, ms);
          dueMs[which] = clock.now() + ms;
        } else {
          wheel[kind](deadlines[which]!);
          dueMs[which] = null;
        }
      }
      advance(125_000);
      assert.ok(
        dueMs.every((due) => due === null),
        "all have fired",
      );
      assert.equal(wheel.linkedCount, 0);
    }),
    { numRuns: 60 },
  );
});

test("what arrived while the thread was held up is read before any deadline fires", async (context) => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const sender = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [receiver] = await once(server, "connection");
  const wheel = new TimerWheel({ tickMs: 10 });
  wheel.start();
  context.after(() => {
    wheel.close();
    sender.destroy();
    receiver.destroy();
    server.close();
  });
  const seen: string[] = [];
  const deadline = new Deadline(() => seen.push("deadline"));
  receiver.on("data", () => {
    seen.push("bytes");
    wheel.disarm(deadline);
  });
  await new Promise((resolve) => setImmediate(resolve));
  wheel.arm(deadline, 20);
  sender.write("x");
  for (const untilMs = performance.now() + 100; performance.now() < untilMs; );
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(seen, ["bytes"]);
  wheel.arm(deadline, 20);
  for (const untilMs = performance.now() + 100; performance.now() < untilMs; );
  while (seen.length < 2) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(seen, ["bytes", "deadline"], "if nothing arrived, it fires");
});
