/**
 * How the wires of a listener are received: the steps that stand before the protocol, one after the other, within a
 * time. A step that fails, or takes too long, ends its wire and nothing else.
 */
import { Deadline, type TimerWheel } from "../base/timer-wheel.ts";
import type { Session, StepEnd, WireStep } from "../net/protocol.ts";
import type { Wire } from "../net/wire.ts";

/** For all steps together: a PROXY header, a ClientHello, a handshake. A client that has not asked for anything yet. */
export const maxReceptionMs = 10_000;

/** What a reception is made of. */
export interface ReceptionParts {
  /** As it was accepted. */
  readonly wire: Wire;
  /** At least one. */
  readonly steps: readonly WireStep[];
  readonly wheel: TimerWheel;
  /** Milliseconds for all steps; 0 = the longest that there may be, `maxReceptionMs`. */
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
  #onStepOver: ((end: StepEnd) => void) | null = null;
  /** How many steps were begun. */
  #begun = 0;
  #isOver = false;

  constructor(parts: ReceptionParts) {
    this.#parts = parts;
    this.#deadline = new Deadline(() => this.#close("timeout"));
    parts.wheel.arm(this.#deadline, Math.min(parts.timeoutMs || maxReceptionMs, maxReceptionMs));
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
    this.#close("closed");
  }

  #close(end: StepEnd): void {
    this.#remove(end);
    this.#parts.wire.destroy();
  }

  /** The wire is closed. */
  remove(): void {
    this.#remove("closed");
  }

  #remove(end: StepEnd): void {
    this.#isOver = true;
    this.#endStep(end);
    this.#parts.wheel.remove(this.#deadline);
  }

  #endStep(how: StepEnd): void {
    const end = this.#onStepOver;
    this.#onStepOver = null;
    end?.(how);
  }

  #next(wire: Wire): void {
    if (this.#isOver) return;
    this.#endStep("passed");
    const { steps, onReceived, onInternalError } = this.#parts;
    const at = this.#begun++;
    const step = steps[at];
    try {
      if (step === undefined) {
        this.#remove("passed");
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
      if (isDone) end("passed");
      else if (this.#isOver) end("closed");
      else this.#onStepOver = end;
    } catch (error) {
      onInternalError(error);
      this.close();
    }
  }
}
