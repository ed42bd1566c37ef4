/**
 * Time as the data path sees it: monotonic milliseconds for every deadline and measurement, wall time only for what
 * people read. While one read of a socket is handled, the clock of the data path stands still (`HeldClock`); tests use
 * `ManualClock`.
 */

/** A source of time. */
export interface Clock {
  /** Monotonic milliseconds, with fractions; never jumps. */
  now(): number;
  /** Milliseconds since the epoch, for logs and `Date` fields. */
  wall(): number;
}

/** Looked up once: Node.js finds the global by a getter, which costs as much as the clock. */
const machine = performance;

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => machine.now(),
  wall: () => Date.now(),
};

/** So often is the machine asked for the time of day while a clock is held. */
const wallIntervalMs = 1_000;

/**
 * A clock that can be made to stand still while one callback runs. Its time is asked for some eight times a request, and
 * each look at the machine's clock costs as much as a small function of ours: so all that one read of a socket brings
 * about happens at one time, as in every proxy with a loop of its own.
 */
export class HeldClock implements Clock {
  readonly #clock: Clock;
  #isHeld = false;
  #heldMs = 0;
  #heldFromMs = 0;
  /** What is added to the time of a clock that is held, to get the time of day; worked out anew at `#wallDueMs`. */
  #wallOffsetMs = 0;
  #wallDueMs = Number.NEGATIVE_INFINITY;

  /** @param clock the one that goes on meanwhile */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#isHeld ? this.#heldMs : this.#clock.now();
  }

  /** When it was stopped, whatever `refresh` has done since: all that is later belongs to the same read. Else the time. */
  get heldFromMs(): number {
    return this.#isHeld ? this.#heldFromMs : this.#clock.now();
  }

  /** A change of the machine's time of day is noticed within a second while the clock is held. */
  wall(): number {
    if (!this.#isHeld) return this.#clock.wall();
    if (this.#heldMs >= this.#wallDueMs) {
      this.#wallOffsetMs = this.#clock.wall() - this.#heldMs;
      this.#wallDueMs = this.#heldMs + wallIntervalMs;
    }
    return Math.floor(this.#heldMs + this.#wallOffsetMs);
  }

  /**
   * Stops it at the time that it is now. `release` must follow before the callback of the event loop is over.
   * @returns whether it went until now: whoever has stopped it lets it go
   */
  hold(): boolean {
    if (this.#isHeld) return false;
    this.#heldMs = this.#clock.now();
    this.#heldFromMs = this.#heldMs;
    this.#isHeld = true;
    return true;
  }

  /** Lets it go on. */
  release(): void {
    this.#isHeld = false;
  }

  /** What has run may have taken long: if it stands still, it does so at the time that it is now. */
  refresh(): void {
    if (this.#isHeld) this.#heldMs = this.#clock.now();
  }
}

/** A clock that moves only when told to; for tests. */
export class ManualClock implements Clock {
  #now: number;
  #wallOffset: number;

  constructor(nowMs = 1_000, wallMs = 1_700_000_000_000) {
    this.#now = nowMs;
    this.#wallOffset = wallMs - nowMs;
  }

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now + this.#wallOffset;
  }

  advance(ms: number): void {
    this.#now += ms;
  }
}
