/**
 * A text that stays in a store as long as somebody keeps it there: it is written under a lease, which is renewed, and made
 * anew after the store has lost it. What is written while the store is away is written when it is back.
 */
import type { ScheduledCall, Scheduler } from "../base/scheduler.ts";

/** How long a lease holds that nobody renews. */
export const leaseSeconds = 30;
const beatMs = 10_000;
/** Beats of instances that began together drift apart. */
const beatJitter = 0.2;
/** How long the end may wait for the store. */
const closingMs = 1_000;

/** What a store does for it. Methods throw if the store cannot be asked. */
export interface LeaseDriver {
  /** Makes a lease of `leaseSeconds`. @returns its name */
  grant(): Promise<string>;
  /** @returns false if there is no such lease any more */
  renew(lease: string): Promise<boolean>;
  /** @returns false if there is no such lease any more */
  put(text: string, lease: string): Promise<boolean>;
  /** Gives the lease back, and what was written under it. */
  release(lease: string): Promise<void>;
}

/** What a leased text is made of. */
export interface LeasedTextParts {
  readonly driver: LeaseDriver;
  readonly scheduler: Scheduler;
  readonly random: () => number;
  /** Hears of the first failure after a success. */
  onFailure(reason: string): void;
  /** Hears of the first success after a failure. */
  onRecovery?(): void;
}

/** One text under one lease. */
export class LeasedText {
  readonly #parts: LeasedTextParts;
  #text: string | null = null;
  #written: string | null = null;
  #lease: string | null = null;
  /** When the lease was made or renewed last. */
  #renewedMs = 0;
  #call: ScheduledCall | null = null;
  #beating: Promise<void> | null = null;
  #isFailing = false;
  #isClosed = false;

  constructor(parts: LeasedTextParts) {
    this.#parts = parts;
  }

  /** `text` stands there from now on, as soon as the store answers; only the last one does. */
  write(text: string): void {
    if (this.#isClosed) return;
    this.#text = text;
    if (this.#beating === null) this.#beat();
  }

  /** Takes it away, if the store answers in time. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#call?.cancel();
    const { promise: late, resolve } = Promise.withResolvers<void>();
    // A timer that keeps the process: nothing else may.
    const timer = setTimeout(resolve, closingMs);
    await Promise.race([this.#release(), late]);
    clearTimeout(timer);
  }

  async #release(): Promise<void> {
    await this.#beating;
    const lease = this.#lease;
    this.#lease = null;
    if (lease !== null) await this.#parts.driver.release(lease).catch(() => {}); // It ends by itself.
  }

  readonly #beat = (): void => {
    this.#call?.cancel();
    this.#call = null;
    this.#beating = this.#keep().then(() => {
      this.#beating = null;
      if (this.#isClosed) return;
      // What was written meanwhile is brought at once, unless the store is away.
      const isLate = this.#text !== this.#written && !this.#isFailing;
      const jitter = 1 - beatJitter + 2 * beatJitter * this.#parts.random();
      if (isLate) this.#beat();
      else this.#call = this.#parts.scheduler.after(beatMs * jitter, this.#beat);
    });
  };

  async #keep(): Promise<void> {
    const { driver, onFailure } = this.#parts;
    const text = this.#text;
    if (text === null) return;
    try {
      await this.#ensureLease();
      if (this.#written !== text) {
        if (await driver.put(text, this.#lease!)) this.#written = text;
        else {
          this.#lease = null;
          throw new Error("the lease was lost");
        }
      }
      if (this.#isFailing) this.#parts.onRecovery?.();
      this.#isFailing = false;
    } catch (error) {
      // It may be the lease: that is asked first the next time.
      this.#renewedMs = Number.NEGATIVE_INFINITY;
      if (this.#isFailing) return;
      this.#isFailing = true;
      onFailure(error instanceof Error ? error.message : String(error));
    }
  }

  /** A text that is written often does not renew its lease as often. */
  async #ensureLease(): Promise<void> {
    const { driver, scheduler } = this.#parts;
    const now = scheduler.clock.now();
    if (this.#lease !== null && now - this.#renewedMs < beatMs * (1 - beatJitter)) return;
    if (this.#lease !== null && !(await driver.renew(this.#lease))) this.#lease = null;
    if (this.#lease === null) {
      this.#written = null;
      this.#lease = await driver.grant();
    }
    this.#renewedMs = now;
  }
}
