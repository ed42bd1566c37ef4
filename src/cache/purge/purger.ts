/**
 * Carries purges out, in the control thread. Each is published in the log, where it holds for all threads at once, made
 * to last by the stores, and then swept: the stores find what it concerned, free the memory and count. Sweeps go through
 * everything that is stored, so purges that come meanwhile share the next one, and a pause after each leaves the thread
 * free most of the time. An answer about a purge waits for its count for a limited time, never for its effect.
 */
import { Countdown } from "../../base/countdown.ts";
import { sentenceOf } from "../../base/sentence-of.ts";
import { type Scheduler, systemScheduler } from "../../base/scheduler.ts";
import { type PendingPurge, PendingPurges } from "./pending-purges.ts";
import type { Purge } from "./purge.ts";
import type { PurgeLog } from "./purge-log.ts";
import type { PurgeSweeper } from "./purge-sweeper.ts";

/** How a purge went. */
export interface PurgeOutcome {
  /** How many stored answers it concerned; null: the stores are not through yet, or none counts. It holds all the same. */
  readonly purged: number | null;
  /** Stores that could not make it last, each with the reason. */
  readonly failures: readonly { readonly store: string; readonly reason: string }[];
}

/** What a purger works with. */
export interface PurgerParts {
  readonly log: PurgeLog;
  /** The stores that are open at the moment. */
  sweepers(): readonly PurgeSweeper[];
  /** Takes what went wrong in a sweep. */
  onSweepFailure(store: string, reason: string): void;
  readonly scheduler?: Scheduler;
}

/** How long an answer about a purge waits for its count, and a purge for room in the log. */
const patienceMs = 2_000;
const roomPatienceMs = 30_000;
/** The pause after a sweep: so many times what it took, within limits. */
const pauseFactor = 3;
const minPauseMs = 1;
const maxPauseMs = 5_000;
/** The pause after a sweep that failed. */
const failurePauseMs = 1_000;

interface Waiting extends PendingPurge {
  /** Resolves when a sweep that was for it is over. */
  readonly swept: Promise<void>;
  readonly noteSwept: () => void;
  isCounted: boolean;
}

/** One for a process. */
export class Purger {
  readonly #parts: PurgerParts;
  readonly #scheduler: Scheduler;
  /** Published, but not swept; in the order of their numbers. */
  #pending: Waiting[] = [];
  #isSweeping = false;
  /** Resolves when the next sweep is over. */
  #round = Promise.withResolvers<void>();
  #isClosed = false;

  constructor(parts: PurgerParts) {
    this.#parts = parts;
    this.#scheduler = parts.scheduler ?? systemScheduler;
  }

  /**
   * Carries out `purges`; they hold in all threads, and last, when the promise resolves.
   * @throws Error if the log stays full because stores do not get through; then the rest of them does not hold
   */
  async purge(purges: readonly Purge[]): Promise<PurgeOutcome> {
    const published: Waiting[] = [];
    for (const purge of purges) published.push(this.#publish(purge) ?? (await this.#publishWithRoom(purge)));
    const failures: { store: string; reason: string }[] = [];
    for (const sweeper of this.#parts.sweepers())
      for (const purge of purges)
        try {
          await sweeper.record?.(purge);
        } catch (error) {
          failures.push({ store: sweeper.name, reason: sentenceOf(error) });
        }
    const patience = new Countdown(this.#scheduler);
    patience.limit(patienceMs);
    await Promise.race([patience.over, Promise.all(published.map(({ swept }) => swept))]);
    patience.end();
    const sweepers = this.#parts.sweepers();
    const isCounted =
      published.every((one) => one.isCounted) &&
      (sweepers.length === 0 || sweepers.some(({ isUncounted }) => isUncounted !== true));
    return { purged: isCounted ? published.reduce((sum, { found }) => sum + found, 0) : null, failures };
  }

  /** Sweeps no more. Purges that wait for a count get none. */
  close(): void {
    this.#isClosed = true;
    for (const { noteSwept } of this.#pending) noteSwept();
    this.#pending = [];
    this.#round.resolve();
  }

  /** @returns null if the log is full */
  #publish(purge: Purge): Waiting | null {
    const sequence = this.#parts.log.append(purge);
    if (sequence === 0) return null;
    const { promise: swept, resolve: noteSwept } = Promise.withResolvers<void>();
    const waiting: Waiting = { ...purge, sequence, found: 0, swept, noteSwept, isCounted: false };
    this.#pending.push(waiting);
    if (!this.#isSweeping) void this.#sweepAll();
    return waiting;
  }

  async #publishWithRoom(purge: Purge): Promise<Waiting> {
    const patience = new Countdown(this.#scheduler);
    patience.limit(roomPatienceMs);
    try {
      while (!patience.isOver && !this.#isClosed) {
        await Promise.race([patience.over, this.#round.promise]);
        const waiting = this.#publish(purge);
        if (waiting !== null) return waiting;
      }
    } finally {
      patience.end();
    }
    throw new Error("too many purges at once: the stores are not through with those before");
  }

  async #sweepAll(): Promise<void> {
    this.#isSweeping = true;
    for (let pauseMs = 0; this.#pending.length > 0 && !this.#isClosed; ) {
      // Also before the first sweep: purges that come in the same turn of the event loop share it.
      await this.#pause(pauseMs);
      const startMs = this.#scheduler.clock.now();
      const isThrough = await this.#sweepOnce(this.#pending);
      this.#round.resolve();
      this.#round = Promise.withResolvers();
      const tookMs = this.#scheduler.clock.now() - startMs;
      pauseMs = isThrough ? Math.min(maxPauseMs, Math.max(minPauseMs, pauseFactor * tookMs)) : failurePauseMs;
    }
    this.#isSweeping = false;
  }

  async #sweepOnce(purges: readonly Waiting[]): Promise<boolean> {
    const upTo = purges.at(-1)?.sequence ?? 0;
    const mine = purges.slice();
    for (const purge of mine) purge.found = 0;
    const pending = new PendingPurges(mine);
    const round = { upTo, judge: pending.judge.bind(pending) };
    let isThrough = true;
    await Promise.all(
      this.#parts.sweepers().map(async (sweeper) => {
        try {
          await sweeper.sweep(round);
        } catch (error) {
          isThrough = false;
          this.#parts.onSweepFailure(sweeper.name, sentenceOf(error));
        }
      }),
    );
    if (this.#isClosed) return true;
    if (isThrough) {
      this.#parts.log.setFloor(upTo);
      this.#pending = this.#pending.filter(({ sequence }) => sequence > upTo);
    }
    for (const purge of mine) {
      purge.isCounted = isThrough;
      purge.noteSwept();
    }
    return isThrough;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#scheduler.after(ms, resolve);
    });
  }
}
