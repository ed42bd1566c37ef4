/**
 * Keeps requests from waiting for a store that does not answer: after a few failures in a row it is left alone for a
 * second, then asked once.
 */
import type { Clock } from "../base/clock.ts";

const maxFailures = 5;
const openMs = 1_000;

/** Closed (asked), open (left alone), half-open (one question is under way). */
export class StoreBreaker {
  readonly #clock: Clock;
  readonly #onChange: (isOpen: boolean) => void;
  #failures = 0;
  #openUntilMs = 0;
  #isProbing = false;

  /** @param onChange is told when it opens and when it closes again */
  constructor(clock: Clock, onChange: (isOpen: boolean) => void) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  get isOpen(): boolean {
    return this.#failures >= maxFailures;
  }

  /** May the store be asked? If it may, call exactly one of `succeed` and `fail` afterwards. */
  enter(): boolean {
    if (!this.isOpen) return true;
    if (this.#isProbing || this.#clock.now() < this.#openUntilMs) return false;
    this.#isProbing = true;
    return true;
  }

  succeed(): void {
    const wasOpen = this.isOpen;
    this.#failures = 0;
    this.#isProbing = false;
    if (wasOpen) this.#onChange(false);
  }

  fail(): void {
    this.#failures++;
    this.#isProbing = false;
    if (!this.isOpen) return;
    this.#openUntilMs = this.#clock.now() + openMs;
    if (this.#failures === maxFailures) this.#onChange(true);
  }
}
