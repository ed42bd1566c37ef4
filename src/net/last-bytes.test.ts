import assert from "node:assert/strict";
import type { SocketProgress } from "./kernel-socket.ts";
import { test } from "node:test";
import { ManualClock } from "../base/clock.ts";
import { TimerWheel } from "../base/timer-wheel.ts";
import type { SendQueueAsker, SendQueues } from "./send-queues.ts";
import { LastBytes } from "./last-bytes.ts";

/**
 * What the kernel says, one look after the other; null = it does not answer. @returns after how many milliseconds the
 * bytes are taken for taken; -1 = never
 */
function play(looks: readonly (number | null)[]): number {
  const clock = new ManualClock();
  const wheel = new TimerWheel({ clock });
  let at = 0;
  let takenMs = -1;
  const queues = {
    ask(asker: SendQueueAsker) {
      const byteCount = looks[at++] ?? null;
      if (byteCount !== null) asker.onSendQueue(byteCount);
    },
  } as unknown as SendQueues;
  let passedMs = 0;
  const last = new LastBytes({
    socket: {} as SocketProgress,
    wheel,
    queues,
    onTaken: () => {
      takenMs = passedMs;
    },
  });
  for (; passedMs < 10_000 && takenMs === -1; passedMs += 100) {
    clock.advance(100);
    wheel.advance();
  }
  last.remove();
  assert.equal(wheel.linkedCount, 0);
  return takenMs;
}

for (const [what, looks, atLeast, atMost] of [
  ["at once, if the kernel holds nothing", [0], 0, 200],
  ["after a moment, if the kernel cannot be asked", [-1], 900, 1_200],
  ["after a moment, if it does not answer in time", [null], 900, 1_200],
  ["as soon as nothing is left", [5_000, 4_000, 4_000, 4_000, 0], 400, 1_200],
] as const) {
  test(`the last bytes are taken for taken ${what}`, () => {
    const takenMs = play(looks);
    assert.ok(takenMs >= atLeast && takenMs <= atMost, `${takenMs} ms`);
  });
}

test("while the kernel holds some they are not, however long it lasts", () => {
  assert.equal(play(new Array<number>(1_000).fill(5_000)), -1);
});
