/** Slow peers and stalled ones, on a manual clock: what each sign of progress is worth, and when a peer is given up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../base/clock.ts";
import { TimerWheel } from "../base/timer-wheel.ts";
import type { SocketProgress } from "./kernel-socket.ts";
import type { SendQueueAsker, SendQueues } from "./send-queues.ts";
import { type ProgressKind, ProgressWatch } from "./progress-watch.ts";

/** A socket with something to take, and a kernel that is asked. */
class Stage {
  readonly #clock = new ManualClock();
  readonly #wheel = new TimerWheel({ clock: this.#clock });
  readonly socket = { bytesWritten: 100_000, unsentBytes: 100_000, bytesRead: 0, partlySentMark: 100_000 };
  /** What the kernel has left to send; -1 = it cannot be asked; null = it does not answer. */
  leftToSend: number | null = 50_000;
  stalledAfterMs = -1;
  #passedMs = 0;
  readonly watch: ProgressWatch;

  constructor() {
    const queues = {
      ask: (asker: SendQueueAsker) => {
        if (this.leftToSend !== null) asker.onSendQueue(this.leftToSend);
      },
    } as unknown as SendQueues;
    this.watch = new ProgressWatch({
      socket: this.socket as unknown as SocketProgress,
      wheel: this.#wheel,
      queues,
      onStalled: () => {
        this.stalledAfterMs = this.#passedMs;
      },
    });
  }

  /** Time passes; `eachSecond` is what the peer does. */
  pass(seconds: number, eachSecond: () => void = () => {}): void {
    for (let at = 0; at < seconds * 10; at++) {
      if (at % 10 === 5) eachSecond();
      this.#clock.advance(100);
      this.#passedMs += 100;
      this.#wheel.advance();
    }
  }

  get deadlineCount(): number {
    return this.#wheel.linkedCount;
  }
}

const signs: readonly (readonly [
  what: string,
  kind: ProgressKind,
  isProgress: boolean,
  move: (stage: Stage) => void,
])[] = [
  [
    "writes complete",
    "taking",
    true,
    ({ socket }) => {
      socket.unsentBytes -= 10;
    },
  ],
  [
    "a write is taken in part",
    "taking",
    true,
    ({ socket }) => {
      socket.partlySentMark -= 10;
    },
  ],
  [
    "the kernel gets rid of bytes",
    "taking",
    true,
    (stage) => {
      stage.leftToSend = stage.leftToSend! - 10;
    },
  ],
  [
    "bytes come from the peer, which count",
    "both",
    true,
    ({ socket }) => {
      socket.bytesRead += 10;
    },
  ],
  [
    "bytes come from the peer, which do not count",
    "taking",
    false,
    ({ socket }) => {
      socket.bytesRead += 10;
    },
  ],
  ["nothing moves", "both", false, () => {}],
  [
    "the kernel cannot be asked",
    "both",
    false,
    (stage) => {
      stage.leftToSend = -1;
    },
  ],
];

for (const [what, kind, isProgress, move] of signs) {
  test(`if ${what}, a peer is ${isProgress ? "given as long as that goes on" : "given up in time"}`, () => {
    const stage = new Stage();
    stage.watch.await(4_000, kind);
    stage.pass(60, () => move(stage));
    if (!isProgress)
      assert.ok(stage.stalledAfterMs >= 4_000 && stage.stalledAfterMs <= 4_500, `after ${stage.stalledAfterMs} ms`);
    else {
      assert.equal(stage.stalledAfterMs, -1);
      // Then it stops.
      stage.pass(10);
      assert.ok(stage.stalledAfterMs >= 63_000 && stage.stalledAfterMs <= 66_500, `after ${stage.stalledAfterMs} ms`);
    }
  });
}

test("a kernel that does not answer in time is no progress", () => {
  const stage = new Stage();
  stage.leftToSend = null;
  stage.watch.await(4_000, "both");
  stage.pass(20);
  assert.ok(stage.stalledAfterMs >= 4_000 && stage.stalledAfterMs <= 8_500, `after ${stage.stalledAfterMs} ms`);
});

test("0 is for ever, and who stops watching is told nothing", () => {
  const stage = new Stage();
  stage.watch.await(0, "both");
  stage.pass(1_000);
  stage.watch.await(4_000, "both");
  stage.pass(2);
  stage.watch.stop();
  stage.pass(1_000);
  assert.equal(stage.stalledAfterMs, -1);
  stage.watch.await(4_000, "both");
  stage.watch.remove();
  assert.equal(stage.deadlineCount, 0);
});
