/**
 * Brings log lines to one destination: never blocking, never throwing, in order, whole lines, with bounded memory.
 * Nothing that happens to the destination stops what is served: what it does not take in time is lost and counted. The
 * writer owns its descriptor: a new one is opened beside the old, takes its place between two batches, and the old one
 * is closed once.
 *
 * A failure (a full disk, a reader that went away, a closed terminal) is tried again, ever more slowly, up to once a
 * second; lines that have waited for two seconds by then are lost. A destination that is merely slow keeps lines
 * waiting up to a bound of bytes. A line that is half written is finished before anything else is.
 *
 * A destination that hangs (a disk or a file server that does not answer) is in trouble, too. If its path can be opened
 * anew, after a rotation, the write that hangs is left alone: lines go to the new file.
 */
import { close, write, writeSync } from "node:fs";
import type { Writable } from "node:stream";
import { type Descriptor, maxWholePipeWriteBytes, openForAppending } from "./log-destination.ts";
import { type LogAccount, LogQueue } from "./log-queue.ts";

export type { LogAccount } from "./log-queue.ts";

/** What a log writer is made of. */
export interface LogWriterOptions {
  /** The path at which the destination is opened anew; null = it was inherited and cannot be. */
  readonly path: string | null;
  /** What is open; null = nothing yet. */
  readonly descriptor: Descriptor | null;
  /** Characters that may wait; default 4 MiB. Lines beyond are lost. */
  readonly maxWaiting?: number;
  readonly listener?: LogWriterListener;
  /** Writes to a file in the background. Default: that of `node:fs`. */
  readonly writeFile?: FileWrite;
}

/** Writes `length` bytes from `offset` to `fd`, and calls `onDone` later with how many were written. */
export type FileWrite = (
  fd: number,
  bytes: Buffer,
  offset: number,
  length: number,
  position: null,
  onDone: (error: NodeJS.ErrnoException | null, written: number) => void,
) => void;

/** Is told when a destination fails and when it works again. Must not throw. */
export interface LogWriterListener {
  /**
   * Opening or writing failed, or a named pipe has no reader; called at every try. Or the destination has taken nothing
   * for three seconds (`ETIMEDOUT`); called every three seconds.
   */
  onTrouble(error: NodeJS.ErrnoException): void;
  /** It works again. */
  onMended(): void;
}

/** What is written to a pipe before others get their turn. */
const maxBytesPerTurn = 256 * 1024;
/** Lines that have waited so long while the destination fails are lost. */
const holdMs = 2_000;
const firstRetryMs = 100;
const maxRetryMs = 1_000;
/** A pipe that is full is looked at again after a moment, then ever later. */
const firstFullMs = 1;
const maxFullMs = 64;
const settleMs = 2_000;
/**
 * A pipe, terminal or socket that took nothing for so long has a reader that stands still: the end of the process does
 * not wait for it.
 */
const stallMs = 500;
const openPatienceMs = 3_000;
/** A destination that has lines to take and takes nothing for so long hangs. */
const hangMs = 3_000;
const lineFeed = 0x0a;

/** The disk is full: another descriptor would not help. */
const shortages: ReadonlySet<string | undefined> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);
/** For an inherited descriptor, these mean that nobody will ever read again. */
const isFinal = (code: string | undefined): boolean => code === "EPIPE" || code === "EBADF" || code === "EIO";

/** How many calls of the system, of all writers, have not come back: each holds a thread of Node.js's pool. */
let callsUnderWay = 0;

/**
 * Does the system have a call of a log writer that has not come back? `process.exit` waits for it, for ever if a disk
 * hangs.
 */
export function hasLogCallUnderWay(): boolean {
  return callsUnderWay > 0;
}

/** Writes complete lines to one destination in the background; what cannot be written in time is lost and counted. */
export class LogWriter {
  readonly #path: string | null;
  readonly #queue: LogQueue;
  readonly #listeners = new Set<LogWriterListener>();
  #descriptor: Descriptor | null;
  /** Opened beside `#descriptor`, and takes its place. */
  #next: Descriptor | null = null;
  readonly #writeFile: FileWrite;
  /** The system writes a part of the batch to it; null = it does nothing. */
  #writingTo: Descriptor | null = null;
  /** A write that hangs was left alone: its descriptor is closed when it ends. One at a time. */
  #hasLeftWrite = false;
  /** Nothing has been taken for `hangMs` although lines wait. */
  #isHanging = false;
  /** Looks whether the destination takes something, while lines wait. */
  #hangTimer: NodeJS.Timeout | null = null;
  /** `#takenBytes` when `#hangTimer` was started. */
  #seenBytes = 0;
  #isOpening = false;
  /** A reopening was asked for while the path was being opened: the file that this opens may be renamed already. */
  #mustOpenAgain = false;
  /**
   * While a reopening that was asked for is under way, for three seconds at most, later lines wait for the new file:
   * the old one may be packed away already.
   */
  #reopening: NodeJS.Timeout | null = null;
  #isClosed = false;
  /** Writes that failed since one succeeded; also 1 if nothing could be opened yet. */
  #failures = 0;
  #openFailures = 0;
  #isTroubled = false;
  #fullMs = firstFullMs;
  #retry: NodeJS.Timeout | null = null;
  #reopenRetry: NodeJS.Timeout | null = null;
  #settled: (() => void)[] = [];
  /** Bytes that the destination has taken. */
  #takenBytes = 0;

  constructor(options: LogWriterOptions) {
    this.#path = options.path;
    this.#descriptor = options.descriptor;
    this.#writeFile = options.writeFile ?? write;
    this.#queue = new LogQueue(options.maxWaiting ?? 4 * 1024 * 1024);
    if (options.listener !== undefined) this.#listeners.add(options.listener);
    listenForErrors(options.descriptor?.stream ?? null);
  }

  /**
   * A writer that appends to `path`. A named pipe without a reader and a disk that does not answer within three seconds
   * are opened when they can be.
   * @throws the system's error if it cannot be opened
   */
  static async open(path: string, options: Omit<LogWriterOptions, "path" | "descriptor"> = {}): Promise<LogWriter> {
    const writer = new LogWriter({ ...options, path, descriptor: null });
    let timer: NodeJS.Timeout | null = null;
    let isLate = false;
    const opening = writer.#openBeside(true);
    opening.catch((error: NodeJS.ErrnoException) => {
      if (isLate) writer.#onOpenFailure(error);
    });
    const patience = new Promise<void>((done) => {
      timer = setTimeout(done, openPatienceMs);
    });
    try {
      await Promise.race([opening, patience]);
      isLate = writer.#isOpening;
    } finally {
      clearTimeout(timer!);
    }
    return writer;
  }

  /** Tells `listener` from now on. @returns a function that ends this */
  watch(listener: LogWriterListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Takes complete lines, with their line feeds. Those that are lost are counted in `account`. */
  write(text: string, lineCount: number, account: LogAccount): void {
    if (this.#isClosed) {
      account.lost += lineCount;
      return;
    }
    this.#queue.add(text, lineCount, account);
    this.#pump();
    if (this.#hangTimer === null && !this.#queue.isEmpty) this.#watchForHang();
  }

  /**
   * Opens the path anew, after it was rotated; if that fails, lines go to the old file until it succeeds. Does nothing
   * for an inherited destination.
   */
  reopen(): void {
    if (this.#path === null || this.#isClosed) return;
    this.#queue.mark();
    clearTimer(this.#reopenRetry);
    this.#reopenRetry = null;
    clearTimer(this.#reopening);
    this.#reopening = setTimeout(this.#endReopening, openPatienceMs).unref();
    this.#mustOpenAgain = this.#isOpening;
    void this.#openBeside(false);
  }

  readonly #endReopening = (): void => {
    clearTimer(this.#reopening);
    this.#reopening = null;
    this.#pump();
  };

  /**
   * Resolves when everything has been written or is lost; after two seconds at most, after half a second in which a
   * reader took nothing, and at once if the destination hangs.
   */
  async settle(): Promise<void> {
    if (this.#queue.isEmpty) return;
    if (this.#failures > 0) this.#tryNow();
    const untilMs = performance.now() + settleMs;
    for (
      let takenBytes = -1;
      !this.#queue.isEmpty &&
      this.#failures === 0 &&
      !this.#isHanging &&
      performance.now() < untilMs &&
      takenBytes !== this.#takenBytes;
    ) {
      takenBytes = this.#takenBytes;
      await this.#settledWithin(this.#descriptor?.kind === "file" ? settleMs : stallMs);
    }
  }

  async #settledWithin(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | null = null;
    await new Promise<void>((done) => {
      this.#settled.push(done);
      timer = setTimeout(done, ms);
    });
    clearTimeout(timer!);
  }

  /** Writes what waits, as far as `settle` waits for it, and closes. What is left is lost; so is what comes later. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    await this.settle();
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimer(this.#retry);
    clearTimer(this.#reopenRetry);
    clearTimer(this.#reopening);
    clearTimer(this.#hangTimer);
    this.#lose(Infinity);
    closeOnce(this.#next);
    this.#next = null;
    // A write that hangs has the descriptor still; it is closed when that ends.
    if (this.#writingTo === null) this.#closeDescriptor();
  }

  /** At the end of the process, when nothing asynchronous runs any more: writes what can be written at once. */
  flushNow(): void {
    const descriptor = this.#descriptor;
    if (descriptor === null || descriptor.kind === "stream" || this.#writingTo !== null) return;
    clearTimer(this.#retry);
    this.#retry = null;
    this.#writeAtOnce(descriptor.fd, Infinity);
  }

  #tryNow(): void {
    clearTimer(this.#retry);
    this.#retry = null;
    this.#pump();
  }

  #pump(): void {
    if (this.#writingTo !== null || this.#retry !== null) return;
    this.#swap();
    const descriptor = this.#descriptor;
    if (descriptor === null || this.#queue.isEmpty || this.#isHolding) return;
    if (descriptor.kind === "pipe") {
      if (!this.#writeAtOnce(descriptor.fd, maxBytesPerTurn)) this.#retry ??= setTimeout(this.#onRetry, 0).unref();
    } else this.#writeLater(descriptor);
  }

  get #isHolding(): boolean {
    return this.#reopening !== null && this.#queue.marked === 0;
  }

  /** @returns whether there is nothing more to do now: all is written, or a retry is arranged */
  #writeAtOnce(fd: number, maxBytes: number): boolean {
    let left = maxBytes;
    while (!this.#queue.isEmpty && !this.#isHolding) {
      const bytes = this.#queue.take();
      try {
        while (this.#queue.offset < bytes.length) {
          if (left <= 0) return false;
          const written = writeSync(
            fd,
            bytes,
            this.#queue.offset,
            wholeLines(bytes, this.#queue.offset) - this.#queue.offset,
          );
          this.#queue.offset += written;
          this.#takenBytes += written;
          left -= written;
        }
      } catch (error) {
        this.#onError(error as NodeJS.ErrnoException);
        return true;
      }
      this.#onWritten();
    }
    return true;
  }

  #writeLater(descriptor: Descriptor): void {
    const bytes = this.#queue.take();
    const { fd, stream } = descriptor;
    this.#writingTo = descriptor;
    if (stream === null) callsUnderWay++;
    const onDone = (error: NodeJS.ErrnoException | null | undefined, written: number): void => {
      if (stream === null) callsUnderWay--;
      if (this.#writingTo !== descriptor) {
        this.#hasLeftWrite = false;
        closeOnce(descriptor);
        return;
      }
      this.#writingTo = null;
      if (this.#isClosed) {
        this.#closeDescriptor();
        return;
      }
      if (error === null || error === undefined) {
        this.#queue.offset += written;
        this.#takenBytes += written;
        if (this.#queue.offset >= bytes.length) this.#onWritten();
      } else this.#onError(error);
      this.#pump();
    };
    const rest = bytes.subarray(this.#queue.offset);
    if (stream === null) this.#writeFile(fd, bytes, this.#queue.offset, rest.length, null, onDone);
    else stream.write(rest, (error) => onDone(error, rest.length));
  }

  #watchForHang(): void {
    this.#seenBytes = this.#takenBytes;
    this.#hangTimer = setTimeout(this.#onHangTimer, hangMs).unref();
  }

  readonly #onHangTimer = (): void => {
    this.#hangTimer = null;
    if (this.#isClosed || this.#queue.isEmpty) return;
    // Failures have been told already.
    if (this.#takenBytes === this.#seenBytes && this.#failures === 0) {
      this.#isHanging = true;
      this.#noteTrouble(
        Object.assign(new Error(`the destination has taken nothing for ${hangMs / 1000} s`), { code: "ETIMEDOUT" }),
      );
      this.#leaveHangingWrite();
    }
    this.#watchForHang();
  };

  /**
   * The path has been opened anew, and the write to the old descriptor hangs: goes on with the new one. What the write
   * has is lost, for nobody knows how much of it will be in the old file.
   */
  #leaveHangingWrite(): void {
    if (!this.#isHanging || this.#writingTo === null || this.#next === null || this.#hasLeftWrite) return;
    this.#hasLeftWrite = true;
    this.#writingTo = null;
    this.#descriptor = null;
    this.#isHanging = false;
    this.#queue.loseFirst();
    this.#noteSettled();
    this.#pump();
  }

  #onWritten(): void {
    this.#isHanging = false;
    this.#queue.finish();
    this.#noteSettled();
    this.#fullMs = firstFullMs;
    this.#failures = 0;
    if (this.#isTroubled) this.#noteMended();
  }

  #noteTrouble(error: NodeJS.ErrnoException): void {
    this.#isTroubled = true;
    for (const listener of this.#listeners) listener.onTrouble(error);
  }

  #noteMended(): void {
    if (this.#failures > 0 || this.#openFailures > 0) return;
    this.#isTroubled = false;
    for (const listener of this.#listeners) listener.onMended();
  }

  #lose(untilMs: number): void {
    this.#queue.loseUntil(untilMs);
    this.#noteSettled();
  }

  #noteSettled(): void {
    if (this.#queue.isEmpty) for (const done of this.#settled.splice(0)) done();
  }

  #onError(error: NodeJS.ErrnoException): void {
    const { code } = error;
    if (code === "EAGAIN" || code === "EWOULDBLOCK") {
      this.#retryAfter(this.#fullMs);
      this.#fullMs = Math.min(this.#fullMs * 2, maxFullMs);
      return;
    }
    const delayMs = Math.min(firstRetryMs * 2 ** this.#failures, maxRetryMs);
    this.#failures = Math.min(this.#failures + 1, 10);
    this.#noteTrouble(error);
    // The next reader must not begin with the rest of a line.
    if (code === "EPIPE") this.#queue.dropHalfLine();
    this.#lose(this.#path === null && isFinal(code) ? Infinity : performance.now() - holdMs);
    this.#retryAfter(delayMs);
    if (this.#path === null || shortages.has(code)) return;
    // The number may belong to another file by now: it is given up, not closed.
    if (code === "EBADF") this.#descriptor = null;
    void this.#openBeside(false);
  }

  #retryAfter(delayMs: number): void {
    clearTimer(this.#retry);
    this.#retry = setTimeout(this.#onRetry, delayMs).unref();
  }

  readonly #onRetry = (): void => {
    this.#retry = null;
    this.#pump();
  };

  async #openBeside(isFirst: boolean): Promise<void> {
    if (this.#isOpening) return;
    this.#isOpening = true;
    callsUnderWay++;
    try {
      const descriptor = await openForAppending(this.#path!);
      if (descriptor === null)
        this.#onOpenFailure(Object.assign(new Error("the named pipe has no reader"), { code: "ENXIO" }));
      else this.#onOpened(descriptor);
    } catch (error) {
      if (isFirst) throw error;
      this.#onOpenFailure(error as NodeJS.ErrnoException);
    } finally {
      callsUnderWay--;
      this.#isOpening = false;
    }
    if (!this.#mustOpenAgain || this.#isClosed) return;
    this.#mustOpenAgain = false;
    await this.#openBeside(false);
  }

  #onOpened(descriptor: Descriptor): void {
    this.#openFailures = 0;
    if (this.#isClosed) {
      closeOnce(descriptor);
      return;
    }
    closeOnce(this.#next);
    this.#next = descriptor;
    this.#endReopening();
    this.#leaveHangingWrite();
    this.#tryNow();
    if (this.#isTroubled && this.#queue.isEmpty) {
      this.#failures = 0;
      this.#noteMended();
    }
  }

  #onOpenFailure(error: NodeJS.ErrnoException): void {
    if (this.#isClosed) return;
    this.#endReopening();
    this.#noteTrouble(error);
    if (this.#descriptor === null) {
      this.#failures = Math.max(1, this.#failures);
      this.#lose(performance.now() - holdMs);
    }
    const delayMs = Math.min(firstRetryMs * 2 ** this.#openFailures, maxRetryMs);
    this.#openFailures = Math.min(this.#openFailures + 1, 10);
    clearTimer(this.#reopenRetry);
    this.#reopenRetry = setTimeout(() => void this.#openBeside(false), delayMs).unref();
  }

  /** Puts the new descriptor in place: between two batches, or at once if the old one takes nothing. */
  #swap(): void {
    const next = this.#next;
    if (next === null) return;
    if (this.#failures === 0 && this.#descriptor !== null && (this.#queue.marked > 0 || this.#queue.isInTheMiddle))
      return;
    this.#queue.dropHalfLine();
    this.#next = null;
    this.#queue.marked = 0;
    this.#closeDescriptor();
    this.#descriptor = next;
  }

  #closeDescriptor(): void {
    closeOnce(this.#descriptor);
    this.#descriptor = null;
  }
}

/**
 * Where a write to a pipe that begins at `offset` ends: behind the last line that fits into a write that is never mixed
 * with another's, or behind a line that is longer.
 */
function wholeLines(bytes: Buffer, offset: number): number {
  if (bytes.length - offset <= maxWholePipeWriteBytes) return bytes.length;
  const end = bytes.lastIndexOf(lineFeed, offset + maxWholePipeWriteBytes - 1);
  return end >= offset ? end + 1 : bytes.indexOf(lineFeed, offset) + 1;
}

function closeOnce(descriptor: Descriptor | null): void {
  if (descriptor?.isOwned === true) close(descriptor.fd, () => {});
}

function clearTimer(timer: NodeJS.Timeout | null): void {
  if (timer !== null) clearTimeout(timer);
}

const heard = new WeakSet<Writable>();

/** What goes wrong is told to the write; without a listener it would end the process as well. */
function listenForErrors(stream: Writable | null): void {
  if (stream === null || heard.has(stream)) return;
  heard.add(stream);
  stream.on("error", () => {});
}
