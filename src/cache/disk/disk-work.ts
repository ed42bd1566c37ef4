/**
 * Bounds what a store asks of its disk at once. All calls to files go through the few threads that Node.js has for a
 * whole process, and names, certificates and encoders need them, too: a disk that hangs must not take them all. So a
 * store has three calls under way at most, over all threads of the process; what else there is to do waits here, in
 * order. A disk that has answered nothing for a while hangs: then nothing new is asked of it.
 */
import type { Clock } from "../../base/clock.ts";
import type { ScheduledCall, Scheduler } from "../../base/scheduler.ts";
import type { SharedRegion } from "../../base/shared-memory.ts";
import { wordsOf } from "../../base/shared-memory.ts";

/** Node.js has four threads unless UV_THREADPOOL_SIZE says otherwise. */
const maxUnderWay = 3;
/** The first look, and the longest pause between two, while other threads have all calls. */
const firstLookMs = 1;
const maxLookMs = 16;

/** Something to do with a file. */
export interface DiskTask {
  /** Makes one call; `DiskWork.ended` follows when its callback comes. */
  start(): void;
}

/** What the work of one thread is made with. */
export interface DiskWorkParts {
  /** `DiskWork.regionBytes` long. */
  readonly region: SharedRegion;
  readonly stripeIndex: number;
  readonly scheduler: Scheduler;
  /** A disk that has not answered for so long hangs. */
  readonly hangMs: number;
}

/** The calls of one thread. */
export class DiskWork {
  /** How many calls of each thread are under way. */
  readonly #counts: Int32Array<SharedArrayBuffer>;
  readonly #own: number;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #hangMs: number;
  #queue: DiskTask[] = [];
  #head = 0;
  #underWay = 0;
  /** When the disk was idle, or answered, last. */
  #progressMs = 0;
  #lookMs = firstLookMs;
  #look: ScheduledCall | null = null;

  constructor({ region, stripeIndex, scheduler, hangMs }: DiskWorkParts) {
    this.#counts = wordsOf(region);
    this.#own = stripeIndex + 1;
    this.#scheduler = scheduler;
    this.#clock = scheduler.clock;
    this.#hangMs = hangMs;
  }

  static regionBytes(stripes: number): number {
    return 64 * Math.ceil((stripes + 1) / 16);
  }

  /** What a dead thread has under way ends without it. */
  static clearStripe(region: SharedRegion, stripeIndex: number): void {
    Atomics.store(wordsOf(region), stripeIndex + 1, 0);
  }

  /** How many tasks wait. */
  get waiting(): number {
    return this.#queue.length - this.#head;
  }

  /** How many calls of this thread are under way. */
  get underWay(): number {
    return this.#underWay;
  }

  /** There is something to do, and the disk has not answered for too long. */
  get isHanging(): boolean {
    return (this.#underWay > 0 || this.waiting > 0) && this.#clock.now() - this.#progressMs > this.#hangMs;
  }

  /** Starts a task, now or when there is room for it. */
  run(task: DiskTask): void {
    if (this.#underWay === 0 && this.waiting === 0) this.#progressMs = this.#clock.now();
    if (this.waiting === 0 && this.#take()) task.start();
    else {
      this.#queue.push(task);
      if (this.#underWay === 0) this.#lookAgain();
    }
  }

  /** The call of a task is over. */
  ended(): void {
    this.#underWay--;
    Atomics.sub(this.#counts, this.#own, 1);
    this.#progressMs = this.#clock.now();
    this.#next();
  }

  /** Forgets what waits. */
  close(): void {
    this.#queue = [];
    this.#head = 0;
    this.#look?.cancel();
    this.#look = null;
  }

  #take(): boolean {
    const counts = this.#counts;
    let all = 0;
    // Counted before it is looked at: two threads may both see one too many, but never one too few.
    Atomics.add(counts, this.#own, 1);
    for (let at = 0; at < counts.length; at++) all += Atomics.load(counts, at);
    if (all > maxUnderWay) {
      Atomics.sub(counts, this.#own, 1);
      return false;
    }
    this.#underWay++;
    return true;
  }

  #next(): void {
    while (this.waiting > 0 && this.#take()) {
      const task = this.#queue[this.#head++]!;
      if (this.#head === this.#queue.length || this.#head > 1_000) {
        this.#queue.splice(0, this.#head);
        this.#head = 0;
      }
      this.#lookMs = firstLookMs;
      task.start();
    }
    if (this.waiting > 0 && this.#underWay === 0) this.#lookAgain();
  }

  /** Nothing of this thread's own will tell it when there is room. */
  #lookAgain(): void {
    if (this.#look !== null) return;
    this.#look = this.#scheduler.after(this.#lookMs, this.#onLook);
    this.#lookMs = Math.min(maxLookMs, this.#lookMs * 2);
  }

  readonly #onLook = (): void => {
    this.#look = null;
    this.#next();
  };
}
