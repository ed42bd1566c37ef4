/**
 * Requests of one thread that wait until an upstream has room for them: first come, first served, each with a deadline,
 * and gone at once when its client is.
 *
 * Threads have queues of their own and share the room. Whoever gives room back in this thread lets the first of its
 * queue in; room that another thread gave back is found by looking every few milliseconds. So that a busy thread does
 * not keep all of the room while others wait, it leaves what is more than its part of it to them.
 */
import type { ScheduledCall, Scheduler } from "../base/scheduler.ts";

/** Somebody who waits. */
export interface Waiter {
  /** Goes on where there is room by now. @returns false where there is none: then it goes on waiting, as the first */
  tryAdmission(): boolean;
  onQueueTimeout(): void;
}

interface Place {
  readonly waiter: Waiter;
  readonly dueMs: number;
}

/** How often room that other threads gave back is looked for. */
const lookMs = 5;

/** The queue of one thread at one upstream. */
export class PendingQueue {
  readonly #scheduler: Scheduler;
  readonly #timeoutMs: number;
  /** In order of arrival, which is the order of deadlines, too. A map forgets in constant time. */
  readonly #places = new Map<Waiter, Place>();
  #look: ScheduledCall | null = null;

  /**
   * @param timeoutMs how long each may wait. How many may, is the caller's to say: all threads have one number in
   * common
   */
  constructor(scheduler: Scheduler, timeoutMs: number) {
    this.#scheduler = scheduler;
    this.#timeoutMs = timeoutMs;
  }

  get length(): number {
    return this.#places.size;
  }

  /** Lets `waiter` wait, at the end. */
  add(waiter: Waiter): void {
    this.#places.set(waiter, { waiter, dueMs: this.#scheduler.clock.now() + this.#timeoutMs });
    this.#look ??= this.#scheduler.after(lookMs, this.#onLook);
  }

  /** It waits no longer; harmless where it does not. */
  remove(waiter: Waiter): void {
    this.#places.delete(waiter);
    if (this.#places.size > 0 || this.#look === null) return;
    this.#look.cancel();
    this.#look = null;
  }

  /** There may be room: lets in whom it is enough for, first come, first served. */
  admit(): void {
    for (const waiter of this.#places.keys()) {
      // Out of the queue before it goes on: it may end, and give its room back, within the call.
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
