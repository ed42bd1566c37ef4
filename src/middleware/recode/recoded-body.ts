/**
 * A body on its way through an encoder or decoder of node:zlib: a sink for what comes, and the source of what goes on.
 *
 * One operation at a time is asked of zlib, which works in threads of its own; what comes meanwhile waits in blocks, and
 * goes as one piece into the next operation. Writes are never queued in the stream: `end` behind a queued write makes
 * zstd write an empty frame (nodejs/node#66078), and a flush behind queued writes delays what was written first. For the
 * same reason flushes coalesce: there is at most one under way, and none is asked for while input waits.
 *
 * Memory is bounded by back-pressure in both directions: no operation begins while the client takes nothing, and
 * whoever gives the body is told to wait while a block's worth is waiting.
 */
import { Deadline, type TimerWheel } from "../../base/timer-wheel.ts";
import type { BodySink, BodySource } from "../../http/body.ts";
import type { Fields } from "../../http/fields.ts";
import type { ReasonCode } from "../../http/reason.ts";
import { blockBytes, InputBlocks } from "./input-blocks.ts";
import { recodedTrailers } from "./recoded-fields.ts";

/** What is used of a stream of node:zlib. */
export interface Coder {
  write(bytes: Buffer, onWritten: (error?: Error | null) => void): boolean;
  flush(kind: number, onFlushed: () => void): void;
  end(): unknown;
  pause(): unknown;
  resume(): unknown;
  destroy(): unknown;
  on(event: "data", listener: (bytes: Buffer) => void): unknown;
  on(event: "end", listener: () => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
}

/**
 * When what the coder holds back is flushed out of it: `caught up`, as soon as it has read all that has come;
 * `paused`, when nothing has come for a while; `never`, for it holds nothing back.
 */
export type Pace = "caught up" | "paused" | "never";

/** What a recoded body is made of. */
export interface RecodedBodyParts {
  readonly coder: Coder;
  /** What `Coder.flush` is given. */
  readonly flushKind: number;
  readonly pace: Pace;
  /** Gives the body that is recoded. */
  readonly source: BodySource;
  readonly wheel: TimerWheel;
  readonly host: RecodedBodyHost;
}

/** Who has it recoded. */
export interface RecodedBodyHost {
  /** The coder has gone: called once, however it ended. @param isComplete the whole body went through it */
  onRecoded(bytesIn: number, bytesOut: number, isComplete: boolean): void;
  /** More has come out of it than is allowed for what has gone in. Absent: anything is. */
  isTooMuch?(bytesIn: number, bytesOut: number): boolean;
  /** What has gone in cannot be read, or too much came out. @returns why the answer breaks off */
  onBadInput(error: Error | null): ReasonCode;
  /** Takes exceptions that are bugs of ours. */
  onInternalError(error: unknown): void;
}

/** So long nothing has come when a body has `paused`. */
const pauseMs = 100;

/** Recodes one body. `start` it when the head has gone on. */
export class RecodedBody implements BodySink, BodySource {
  readonly #coder: Coder;
  readonly #flushKind: number;
  readonly #pace: Pace;
  readonly #source: BodySource;
  readonly #wheel: TimerWheel;
  readonly #host: RecodedBodyHost;
  #sink: BodySink | null = null;
  readonly #waiting = new InputBlocks();
  /** What zlib is reading; null = no write is under way. */
  #reading: Buffer | null = null;
  /** An operation of zlib is under way. */
  #isBusy = false;
  /** Something has gone in since the last flush. */
  #isUnflushed = false;
  #isFlushWanted = false;
  #isSinkBlocked = false;
  #isCoderPaused = false;
  /** The source was told to wait. */
  #isSourceWaiting = false;
  #hasEnded = false;
  #trailers: Fields | null = null;
  #isOver = false;
  #bytesIn = 0;
  #bytesOut = 0;
  /** What has gone to the sink since its last flush. */
  #unsentBytes = 0;
  readonly #deadline: Deadline | null;

  constructor({ coder, flushKind, pace, source, wheel, host }: RecodedBodyParts) {
    this.#coder = coder;
    this.#flushKind = flushKind;
    this.#pace = pace;
    this.#source = source;
    this.#wheel = wheel;
    this.#host = host;
    this.#deadline = pace === "paused" ? new Deadline(this.#onPause) : null;
    coder.on("data", this.#onOutput);
    coder.on("end", this.#onCoderEnd);
    coder.on("error", this.#onCoderError);
  }

  /** What comes out goes to `sink`, which has been given the head. */
  start(sink: BodySink): void {
    this.#sink = sink;
    // The head goes out at once, whenever the first bytes of the body will come.
    if (!this.#isOver && !this.#hasEnded) this.#sendOut();
    this.#next();
  }

  // `BodySink`: what comes.

  data(chunk: Buffer): void {
    if (!this.#isOver) this.#waiting.append(chunk);
  }

  flush(): boolean {
    if (this.#isOver) return true;
    if (this.#pace === "caught up") this.#isFlushWanted = true;
    this.#next();
    this.#isSourceWaiting = !this.#canTakeMore;
    return !this.#isSourceWaiting;
  }

  // All of it was copied.
  end(trailers: Fields | null): boolean {
    if (this.#isOver) return true;
    this.#hasEnded = true;
    this.#trailers = recodedTrailers(trailers);
    this.#next();
    return true;
  }

  abort(code: ReasonCode): void {
    if (this.#isOver) return;
    this.#finish(false);
    this.#sink?.abort(code);
  }

  // `BodySource`: the client takes more, or nothing more.

  resume(): void {
    if (this.#isOver) return;
    this.#isSinkBlocked = false;
    if (this.#isCoderPaused) {
      this.#isCoderPaused = false;
      this.#coder.resume();
    }
    this.#next();
    this.#wakeSource();
  }

  stop(code: ReasonCode): void {
    this.#finish(false);
    this.#source.stop(code);
  }

  get #canTakeMore(): boolean {
    return !this.#isSinkBlocked && this.#waiting.byteLength < blockBytes;
  }

  /** Begins the next operation, if one is due and may begin. */
  #next(): void {
    if (this.#isBusy || this.#isSinkBlocked || this.#isOver || this.#sink === null) return;
    const bytes = this.#waiting.shift();
    if (bytes !== null) {
      this.#isBusy = true;
      this.#reading = bytes;
      this.#bytesIn += bytes.length;
      this.#coder.write(bytes, this.#onWritten);
    } else if (this.#hasEnded) {
      this.#isBusy = true;
      this.#disarm();
      this.#coder.end();
    } else if (this.#isUnflushed && this.#isFlushWanted) {
      this.#isBusy = true;
      this.#isUnflushed = false;
      this.#isFlushWanted = false;
      this.#coder.flush(this.#flushKind, this.#onFlushed);
    }
  }

  #wakeSource(): void {
    if (!this.#isSourceWaiting || !this.#canTakeMore || this.#isOver || this.#hasEnded) return;
    this.#isSourceWaiting = false;
    this.#source.resume();
  }

  /** What has gone to the sink goes out. */
  #sendOut(): void {
    this.#unsentBytes = 0;
    if (!this.#sink!.flush()) this.#isSinkBlocked = true;
  }

  // What the coder and the timer wheel call: behind the calls of others, nobody catches what is thrown here.

  readonly #onOutput = (bytes: Buffer): void => {
    if (this.#isOver) return;
    try {
      this.#bytesOut += bytes.length;
      if (this.#host.isTooMuch?.(this.#bytesIn, this.#bytesOut) === true) return this.#fail(null);
      this.#sink!.data(bytes);
      this.#unsentBytes += bytes.length;
      // One operation may bring much more than it was given.
      if (this.#unsentBytes < blockBytes) return;
      this.#sendOut();
      if (!this.#isSinkBlocked) return;
      this.#isCoderPaused = true;
      this.#coder.pause();
    } catch (error) {
      this.#crash(error);
    }
  };

  readonly #onWritten = (): void => {
    const bytes = this.#reading;
    this.#reading = null;
    // Of a coder that was destroyed, zlib may still read the block: it is left alone.
    if (this.#isOver || bytes === null) return;
    try {
      InputBlocks.giveBack(bytes);
      this.#isUnflushed = this.#pace !== "never";
      this.#afterOperation();
      if (this.#deadline !== null && !this.#hasEnded) this.#wheel.arm(this.#deadline, pauseMs);
    } catch (error) {
      this.#crash(error);
    }
  };

  readonly #onFlushed = (): void => {
    if (this.#isOver) return;
    try {
      this.#afterOperation();
    } catch (error) {
      this.#crash(error);
    }
  };

  readonly #onPause = (): void => {
    try {
      this.#isFlushWanted = true;
      this.#next();
    } catch (error) {
      this.#crash(error);
    }
  };

  readonly #onCoderEnd = (): void => {
    if (this.#isOver) return;
    try {
      this.#finish(true);
      this.#sink!.end(this.#trailers);
    } catch (error) {
      this.#crash(error);
    }
  };

  readonly #onCoderError = (error: Error): void => {
    if (!this.#isOver) this.#fail(error);
  };

  #afterOperation(): void {
    this.#isBusy = false;
    if (this.#unsentBytes > 0) this.#sendOut();
    this.#next();
    this.#wakeSource();
  }

  #fail(error: Error | null): void {
    const code = this.#host.onBadInput(error);
    this.#finish(false);
    this.#sink?.abort(code);
    this.#source.stop(code);
  }

  #crash(error: unknown): void {
    this.#host.onInternalError(error);
    this.#finish(false);
    this.#sink?.abort("INTERNAL_ERROR");
    this.#source.stop("INTERNAL_ERROR");
  }

  #disarm(): void {
    if (this.#deadline !== null) this.#wheel.remove(this.#deadline);
  }

  #finish(isComplete: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#disarm();
    this.#waiting.clear();
    // Only that frees the memory of zlib at once; a stream that is merely dropped is there until it is collected.
    this.#coder.destroy();
    this.#host.onRecoded(this.#bytesIn, this.#bytesOut, isComplete);
  }
}
