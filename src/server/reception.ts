/**
 * How the wires of a listener are received: the steps that stand before the protocol, one after the other, within a
 * time. A step that fails, or takes too long, ends its wire and nothing else.
 */
import { Deadline, type TimerWheel } from "../base/timer-wheel.ts";
import type { Session, WireStep } from "../net/protocol.ts";
import type { Wire } from "../net/wire.ts";

/** What a reception is made of. */
export interface ReceptionParts {
  /** As it was accepted. */
  readonly wire: Wire;
  /** At least one. */
  readonly steps: readonly WireStep[];
  readonly wheel: TimerWheel;
  /** Milliseconds for all steps; 0 = no limit. */
  readonly timeoutMs: number;
  /** The steps are done. @param wire the one to serve, which may stand on the one that was accepted */
  readonly onReceived: (wire: Wire) => void;
  readonly onInternalError: (error: unknown) => void;
}

/** Takes one wire through the steps. It stands in for the session until there is one. */
export class Reception implements Session {
  readonly #parts: ReceptionParts;
  readonly #deadline: Deadline;
  /** Of the step that is under way. */
  #onStepOver: (() => void) | null = null;
  /** How many steps were begun. */
  #begun = 0;
  #isOver = false;

  constructor(parts: ReceptionParts) {
    this.#parts = parts;
    this.#deadline = new Deadline(() => this.close());
    if (parts.timeoutMs > 0) parts.wheel.arm(this.#deadline, parts.timeoutMs);
  }

  /** Begins the first step. */
  begin(): void {
    this.#next(this.#parts.wire);
  }

  /** Nothing has been asked for yet: the wire has as long as an idle connection. */
  drain(idleGraceMs: number): void {
    if (idleGraceMs === 0) this.close();
    else if (!this.#isOver) this.#parts.wheel.arm(this.#deadline, idleGraceMs);
  }

  close(): void {
    this.remove();
    this.#parts.wire.destroy();
  }

  /** The wire is closed, or received. */
  remove(): void {
    this.#isOver = true;
    this.#endStep();
    this.#parts.wheel.remove(this.#deadline);
  }

  #endStep(): void {
    const end = this.#onStepOver;
    this.#onStepOver = null;
    end?.();
  }

  #next(wire: Wire): void {
    if (this.#isOver) return;
    this.#endStep();
    const { steps, onReceived, onInternalError } = this.#parts;
    const at = this.#begun++;
    const step = steps[at];
    try {
      if (step === undefined) {
        this.remove();
        onReceived(wire);
        return;
      }
      let isDone = false;
      const end = step(wire, (next) => {
        if (isDone) return;
        isDone = true;
        this.#next(next);
      });
      if (typeof end !== "function") return;
      if (isDone || this.#isOver) end();
      else this.#onStepOver = end;
    } catch (error) {
      onInternalError(error);
      this.close();
    }
  }
}
