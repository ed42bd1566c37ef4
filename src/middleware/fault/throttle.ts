/**
 * Sends an answer's body no faster than so many bytes a second: a filter that takes what it is given, and says that it
 * can take no more until all of that is out. Heads and trailers pass as they are.
 */
import type { ScheduledCall, Scheduler } from "../../base/scheduler.ts";
import type { AnswerFilter, AnswerHead, Responder } from "../../http/answer.ts";
import type { BodySink, BodySource } from "../../http/body.ts";
import type { Fields } from "../../http/fields.ts";
import type { ReasonCode } from "../../http/reason.ts";

/** How often a piece goes out. */
const tickMs = 50;

/** What a throttle is made of. */
export interface ThrottleParts {
  readonly bytesPerSecond: number;
  readonly scheduler: Scheduler;
  readonly onInternalError: (error: unknown) => void;
}

/** Slows answers down, whoever gives them. */
export class Throttle implements AnswerFilter {
  readonly #parts: ThrottleParts;

  constructor(parts: ThrottleParts) {
    this.#parts = parts;
  }

  start(head: AnswerHead, source: BodySource, next: Responder): BodySink {
    const body = new ThrottledBody(source, this.#parts);
    body.sink = next.start(head, body);
    return body;
  }
}

class ThrottledBody implements BodySink, BodySource {
  /** The client's side of it. */
  sink: BodySink | null = null;
  readonly #source: BodySource;
  readonly #parts: ThrottleParts;
  #queue: Buffer[] = [];
  #allowance: number;
  #lastMs: number;
  #timer: ScheduledCall | null = null;
  #isSinkBlocked = false;
  /** The source was told to wait. */
  #isSourceWaiting = false;
  /** The body was given whole; what is left of it is in the queue. */
  #isComplete = false;
  #trailers: Fields | null = null;
  #isOver = false;

  constructor(source: BodySource, parts: ThrottleParts) {
    this.#source = source;
    this.#parts = parts;
    this.#lastMs = parts.scheduler.clock.now();
    this.#allowance = this.#maxAllowance;
  }

  // `BodySink`.

  data(chunk: Buffer): void {
    if (!this.#isOver && chunk.length > 0) this.#queue.push(chunk);
  }

  flush(): boolean {
    if (this.#isOver) return true;
    this.#send();
    this.#isSourceWaiting = this.#queue.length > 0 || this.#isSinkBlocked;
    return !this.#isSourceWaiting;
  }

  end(trailers: Fields | null): boolean {
    if (this.#isOver) return true;
    this.#isComplete = true;
    this.#trailers = trailers;
    if (this.#queue.length === 0) return this.#end();
    this.#send();
    return false;
  }

  abort(code: ReasonCode): void {
    if (this.#isOver) return;
    this.#stop();
    this.sink!.abort(code);
  }

  // `BodySource`.

  resume(): void {
    if (this.#isOver) return;
    this.#isSinkBlocked = false;
    this.#send();
    this.#wake();
  }

  stop(code: ReasonCode): void {
    this.#stop();
    this.#source.stop(code);
  }

  get #maxAllowance(): number {
    return Math.max(1, (this.#parts.bytesPerSecond * tickMs) / 1_000);
  }

  /** Sends what may go now, and comes back for the rest. */
  #send(): void {
    const sink = this.sink!;
    const now = this.#parts.scheduler.clock.now();
    this.#allowance = Math.min(
      this.#maxAllowance,
      this.#allowance + ((now - this.#lastMs) * this.#parts.bytesPerSecond) / 1_000,
    );
    this.#lastMs = now;
    while (this.#queue.length > 0 && this.#allowance >= 1 && !this.#isSinkBlocked) {
      const chunk = this.#queue[0]!;
      const size = Math.min(chunk.length, Math.floor(this.#allowance));
      sink.data(size === chunk.length ? chunk : chunk.subarray(0, size));
      if (size === chunk.length) this.#queue.shift();
      else this.#queue[0] = chunk.subarray(size);
      this.#allowance -= size;
    }
    if (this.#queue.length === 0 && this.#isComplete) {
      this.#end();
      return;
    }
    // What was held back beside the body goes out as well.
    if (!sink.flush()) this.#isSinkBlocked = true;
    if (this.#queue.length > 0 && !this.#isSinkBlocked)
      this.#timer ??= this.#parts.scheduler.after(Math.max(tickMs, 1_000 / this.#parts.bytesPerSecond), this.#onTimer);
  }

  #end(): boolean {
    this.#isOver = true;
    return this.sink!.end(this.#trailers);
  }

  readonly #onTimer = (): void => {
    this.#timer = null;
    try {
      this.#send();
      this.#wake();
    } catch (error) {
      this.#parts.onInternalError(error);
      this.stop("INTERNAL_ERROR");
    }
  };

  #wake(): void {
    if (!this.#isSourceWaiting || this.#queue.length > 0 || this.#isSinkBlocked || this.#isComplete) return;
    this.#isSourceWaiting = false;
    this.#source.resume();
  }

  #stop(): void {
    this.#isOver = true;
    this.#timer?.cancel();
    this.#timer = null;
    this.#queue = [];
  }
}
