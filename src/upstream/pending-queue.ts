/**
 * Requests of one thread that wait until an upstream has room for them: first come, first served, each with a deadline;
 * a request leaves at once when its client does.
 *
 * Each thread has its own queue, and all share the room. When an exchange gives room back, the first in the queue of
 * its thread is let in; room that another thread gave back is found by looking every few milliseconds. While other
 * threads wait, a busy thread takes no more than its part of the room.
 */
import type { ScheduledCall, Scheduler } from "../base/scheduler.ts";

/** A request that waits. */
export interface Waiter {
  /** Goes on if there is room now. @returns false if there is none: then it waits on, as the first */
  tryAdmission(): boolean;
  onQueueTimeout(): void;
}

interface Place {
  readonly waiter: Waiter;
  readonly dueMs: number;
}

/** How often the queue looks for room that other threads gave back. */
const lookMs = 5;

/** The queue of one thread at one upstream. */
export class PendingQueue {
  readonly #scheduler: Scheduler;
  readonly #timeoutMs: number;
  /** In order of arrival, which is the order of deadlines, too. A map forgets in constant time. */
  readonly #places = new Map<Waiter, Place>();
  #look: ScheduledCall | null = null;

  /** @param timeoutMs how long each may wait. How many may wait is decided by the caller: it counts over all threads */
  constructor(scheduler: Scheduler, timeoutMs: number) {
    this.#scheduler = scheduler;
    this.#timeoutMs = timeoutMs;
  }

  get length(): number {
    return this.#places.size;
  }

  /** Adds `waiter` at the end. */
  add(waiter: Waiter): void {
    this.#places.set(waiter, { waiter, dueMs: this.#scheduler.clock.now() + this.#timeoutMs });
    this.#look ??= this.#scheduler.after(lookMs, this.#onLook);
  }

  /** Removes `waiter`; does nothing if it does not wait. */
  remove(waiter: Waiter): void {
    this.#places.delete(waiter);
    if (this.#places.size > 0 || this.#look === null) return;
    this.#look.cancel();
    this.#look = null;
  }

  /** There may be room: lets in as many as there is room for, first come, first served. */
  admit(): void {
    for (const waiter of this.#places.keys()) {
      // Removed before it goes on: it may end, and give its room back, within the call.
      const place = this.#places.get(waiter)!;
      if (!waiter.tryAdmission()) return;
      if (this.#places.get(waiter) === place) this.remove(waiter);
    }
  }

  readonly #onLook = (): void => {
    this.#look = null;
    const now = this.#scheduler.clock.now();
    for (const { waiter, dueMs } of this.#places.values()) {
      if (dueMs > now) break;
      this.remove(waiter);
      waiter.onQueueTimeout();
    }
    this.admit();
    if (this.#places.size > 0) this.#look ??= this.#scheduler.after(lookMs, this.#onLook);
  };
}
