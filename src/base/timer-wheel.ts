/**
 * Coarse shared timers: one interval a thread serves every deadline of the data path. A deadline is an object that
 * lives as long as its owner (a connection, an exchange) and is armed again and again; arming to a later time is one
 * field write, and the entry is moved only when its old slot comes up. Firing is late by at most two ticks, never
 * early. After the thread was held up (by the collection of garbage, or stopped), what has arrived meanwhile is read
 * first: no peer is given up for our delay.
 */
import { type Clock, HeldClock, systemClock } from "./clock.ts";

const slotCount = 512;

/**
 * Something that must happen at a time unless it is disarmed first. `Deadline`s are linked into the wheel themselves:
 * no allocation to arm.
 */
export class Deadline {
  /** When it is due, in the wheel's clock; 0 = disarmed. Owned by the wheel. */
  dueMs = 0;
  /** The slot it is linked in, or -1. Owned by the wheel. */
  slot = -1;
  /** The due time its slot was chosen for. Owned by the wheel. */
  linkedDueMs = 0;
  /** Links within the slot. Owned by the wheel. */
  next: Deadline | null = null;
  previous: Deadline | null = null;
  readonly #onDue: () => void;

  /** @param onDue called once each time the deadline passes while armed. */
  constructor(onDue: () => void) {
    this.#onDue = onDue;
  }

  fire(): void {
    this.#onDue();
  }
}

/** A hashed timer wheel (Varghese and Lauck, 1987) with lazy re-arming. One a thread; `close` it when done. */
export class TimerWheel {
  /** The one of the options, which whoever has work for one callback may hold. */
  readonly clock: HeldClock;
  readonly tickMs: number;
  #slots: (Deadline | null)[] = new Array<Deadline | null>(slotCount).fill(null);
  #lastTick: number;
  #interval: NodeJS.Timeout | null = null;
  /** When the interval last came, on time or late. */
  #intervalMs = 0;
  #linkedCount = 0;
  /** While a slot is being swept: what comes next in it. */
  #cursor: Deadline | null = null;
  #onError: (error: unknown) => void;

  /**
   * @param options.tickMs granularity, default 100 ms
   * @param options.onError receives what a deadline's callback throws, so that one owner's bug does not stop the
   * others; default: rethrown from a microtask
   */
  constructor(options: { clock?: Clock; tickMs?: number; onError?: (error: unknown) => void } = {}) {
    this.clock = new HeldClock(options.clock ?? systemClock);
    this.tickMs = options.tickMs ?? 100;
    this.#lastTick = Math.floor(this.clock.now() / this.tickMs);
    this.#onError =
      options.onError ??
      ((error) =>
        queueMicrotask(() => {
          throw error;
        }));
  }

  /** How many deadlines are linked in the wheel (armed, or disarmed and not yet swept). For leak checks. */
  get linkedCount(): number {
    return this.#linkedCount;
  }

  /** Starts the interval that drives the wheel; it does not keep the process alive. */
  start(): void {
    if (this.#interval === null) {
      this.#intervalMs = this.clock.now();
      this.#interval = setInterval(this.#onInterval, this.tickMs);
      this.#interval.unref();
    }
  }

  readonly #onInterval = (): void => {
    const now = this.clock.now();
    const wasHeldUp = now - this.#intervalMs > 2 * this.tickMs;
    this.#intervalMs = now;
    // A polling phase comes before that.
    if (wasHeldUp) setImmediate(() => this.advance());
    else this.advance();
  };

  /** Stops the interval. Armed deadlines never fire afterwards. */
  close(): void {
    if (this.#interval !== null) clearInterval(this.#interval);
    this.#interval = null;
    for (let slot = 0; slot < slotCount; slot++) {
      let entry = this.#slots[slot] ?? null;
      while (entry !== null) {
        const next = entry.next;
        this.#unlink(entry);
        entry.dueMs = 0;
        entry = next;
      }
    }
  }

  /** Arms (or re-arms) `deadline` to fire `delayMs` from now. */
  arm(deadline: Deadline, delayMs: number): void {
    this.armAt(deadline, this.clock.now() + delayMs);
  }

  /** Arms (or re-arms) `deadline` to fire at `dueMs` of the wheel's clock; for callers that have just read it. */
  armAt(deadline: Deadline, dueMs: number): void {
    const wasLinked = deadline.slot !== -1;
    const isEarlier = wasLinked && dueMs < deadline.linkedDueMs;
    deadline.dueMs = dueMs;
    if (!wasLinked) this.#link(deadline);
    else if (isEarlier) {
      this.#unlink(deadline);
      this.#link(deadline);
    }
  }

  /** Disarms `deadline`; harmless when it is not armed. The entry is swept when its slot comes up. */
  disarm(deadline: Deadline): void {
    deadline.dueMs = 0;
  }

  /** Disarms and unlinks at once, for an owner that is going away and must not be kept reachable. */
  remove(deadline: Deadline): void {
    deadline.dueMs = 0;
    if (deadline.slot !== -1) this.#unlink(deadline);
  }

  /** Fires everything that is due. Called by the interval; called directly in tests. */
  advance(): void {
    const now = this.clock.now();
    const tick = Math.floor(now / this.tickMs);
    const first = Math.max(this.#lastTick + 1, tick - slotCount + 1);
    this.#lastTick = tick;
    for (let at = first; at <= tick; at++) {
      let entry = this.#slots[at % slotCount] ?? null;
      while (entry !== null) {
        this.#cursor = entry.next;
        if (entry.dueMs === 0) this.#unlink(entry);
        else if (entry.dueMs <= now) {
          this.#unlink(entry);
          entry.dueMs = 0;
          try {
            entry.fire();
          } catch (error) {
            this.#onError(error);
          }
        } else if (entry.linkedDueMs !== entry.dueMs || this.#slotOf(entry.dueMs) !== entry.slot) {
          this.#unlink(entry);
          this.#link(entry);
        }
        // Not `entry.next`: a callback may have unlinked or moved any of them.
        entry = this.#cursor;
      }
    }
  }

  #slotOf(dueMs: number): number {
    // What is due already waits for the next tick, not for the wheel to come round.
    return (Math.max(Math.floor(dueMs / this.tickMs), this.#lastTick) + 1) % slotCount;
  }

  #link(deadline: Deadline): void {
    const slot = this.#slotOf(deadline.dueMs);
    const head = this.#slots[slot] ?? null;
    deadline.slot = slot;
    deadline.linkedDueMs = deadline.dueMs;
    deadline.previous = null;
    deadline.next = head;
    if (head !== null) head.previous = deadline;
    this.#slots[slot] = deadline;
    this.#linkedCount++;
  }

  #unlink(deadline: Deadline): void {
    if (this.#cursor === deadline) this.#cursor = deadline.next;
    if (deadline.previous !== null) deadline.previous.next = deadline.next;
    else this.#slots[deadline.slot] = deadline.next;
    if (deadline.next !== null) deadline.next.previous = deadline.previous;
    deadline.next = null;
    deadline.previous = null;
    deadline.slot = -1;
    this.#linkedCount--;
  }
}
