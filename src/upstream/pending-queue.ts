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
  /** Where it stands; null = nowhere. Owned by the queue. */
  place: Place | null;
  /** Goes on if there is room now. @returns false if there is none: then it waits on, as the first */
  tryAdmission(): boolean;
  onQueueTimeout(): void;
}

/** The place of one that waits, between its neighbours. */
export interface Place {
  readonly waiter: Waiter;
  readonly dueMs: number;
  next: Place | null;
  previous: Place | null;
}

/** How often the queue looks for room that other threads gave back. */
const lookMs = 5;

/** The queue of one thread at one upstream. */
export class PendingQueue {
  readonly #scheduler: Scheduler;
  readonly #timeoutMs: number;
  // Places in order of arrival, which is the order of deadlines, too. No map: see `base/roster.ts`.
  #first: Place | null = null;
  #last: Place | null = null;
  #length = 0;
  #look: ScheduledCall | null = null;

  /** @param timeoutMs how long each may wait. How many may wait is decided by the caller: it counts over all threads */
  constructor(scheduler: Scheduler, timeoutMs: number) {
    this.#scheduler = scheduler;
    this.#timeoutMs = timeoutMs;
  }

  get length(): number {
    return this.#length;
  }

  /** Adds `waiter`, which must not wait anywhere, at the end. */
  add(waiter: Waiter): void {
    const place: Place = {
      waiter,
      dueMs: this.#scheduler.clock.now() + this.#timeoutMs,
      next: null,
      previous: this.#last,
    };
    waiter.place = place;
    if (this.#last === null) this.#first = place;
    else this.#last.next = place;
    this.#last = place;
    this.#length++;
    this.#look ??= this.#scheduler.after(lookMs, this.#onLook);
  }

  /** Removes `waiter`; does nothing if it does not wait. */
  remove(waiter: Waiter): void {
    const { place } = waiter;
    if (place === null) return;
    waiter.place = null;
    const { next, previous } = place;
    if (previous === null) this.#first = next;
    else previous.next = next;
    if (next === null) this.#last = previous;
    else next.previous = previous;
    place.next = null;
    place.previous = null;
    this.#length--;
    if (this.#length > 0 || this.#look === null) return;
    this.#look.cancel();
    this.#look = null;
  }

  /** There may be room: lets in as many as there is room for, first come, first served. */
  admit(): void {
    for (let place = this.#first; place !== null; place = this.#first) {
      // It may end, give its room back and wait again within the call: then it has another place.
      const { waiter } = place;
      if (!waiter.tryAdmission()) return;
      if (waiter.place === place) this.remove(waiter);
    }
  }

  readonly #onLook = (): void => {
    this.#look = null;
    const now = this.#scheduler.clock.now();
    for (let place = this.#first; place !== null && place.dueMs <= now; place = this.#first) {
      this.remove(place.waiter);
      place.waiter.onQueueTimeout();
    }
    this.admit();
    if (this.#length > 0) this.#look ??= this.#scheduler.after(lookMs, this.#onLook);
  };
}
