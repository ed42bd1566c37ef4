import assert from "node:assert/strict";
import type { SocketProgress } from "../../net/kernel-socket.ts";
import { test } from "node:test";
import { ManualClock } from "../../base/clock.ts";
import { TimerWheel } from "../../base/timer-wheel.ts";
import type { Wire } from "../../net/wire.ts";
import { ClientDeadlines } from "./client-deadlines.ts";
import { ClientEnding } from "./client-ending.ts";

/** The last answer is written, and the client still sends. */
class Stage {
  readonly #clock = new ManualClock();
  readonly #wheel = new TimerWheel({ clock: this.#clock });
  isOver = false;
  readonly ending: ClientEnding;

  constructor() {
    const deadlines = new ClientDeadlines(
      {} as SocketProgress,
      this.#wheel,
      () => {
        this.isOver = true;
      },
      () => {},
    );
    const wire = { end() {}, output: { isBlocked: false, flush: () => true } } as unknown as Wire;
    this.ending = new ClientEnding({ wire, deadlines, wheel: this.#wheel, onOver: () => {} });
  }

  pass(seconds: number): void {
    for (let at = 0; at < seconds * 10; at++) {
      this.#clock.advance(100);
      this.#wheel.advance();
    }
  }
}

test("after the last answer, two seconds of silence are the end", () => {
  const stage = new Stage();
  stage.ending.linger(0);
  stage.pass(1.5);
  assert.equal(stage.isOver, false);
  stage.pass(1);
  assert.equal(stage.isOver, true);
});

test("who still sends is listened to for half a minute, and no longer", () => {
  const stage = new Stage();
  stage.ending.linger(0);
  for (let second = 0; second < 29; second++) {
    stage.pass(1);
    assert.ok(stage.ending.drop(1));
    assert.equal(stage.isOver, false, `after ${second} seconds`);
  }
  stage.pass(1);
  stage.ending.drop(1);
  stage.pass(1);
  assert.equal(stage.isOver, true);
});

test("when we want to be gone, it is over after two seconds, whatever comes", () => {
  const stage = new Stage();
  stage.ending.linger(0);
  stage.pass(1);
  stage.ending.hurry();
  for (let at = 0; at < 5; at++) {
    stage.pass(0.5);
    stage.ending.drop(1);
  }
  assert.equal(stage.isOver, true);
});

test("nobody may send more than 128 MiB of what is thrown away", () => {
  const stage = new Stage();
  stage.ending.linger(0);
  assert.equal(stage.ending.drop(134_217_728), true);
  assert.equal(stage.ending.drop(1), false);
});
