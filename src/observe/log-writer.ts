/**
 * Brings log lines to one destination: never blocking, never throwing, in order, whole lines, with bounded memory.
 * Nothing that happens to the destination stops what is served: what it does not take in time is lost and counted. The
 * writer owns its descriptor: a new one is opened beside the old (`log-opener.ts`), takes its place between two batches,
 * and the old one is closed once.
 *
 * A failure (a full disk, a reader that went away, a closed terminal) is tried again, ever more slowly, up to once a
 * second; lines that have waited for two seconds by then are lost. A destination that is merely slow keeps lines
 * waiting up to a bound of bytes. A line that is half written is finished before anything else is.
 *
 * A destination that hangs (a disk or a file server that does not answer) is in trouble, too. If its path can be opened
 * anew, after a rotation, the call that hangs is left alone: lines go to the new file.
 */
import { write } from "node:fs";
import { BackgroundWrite, type FileWrite, listenForErrors } from "./log-background-write.ts";
import { hangMs } from "./log-call.ts";
import { closeDescriptor, type Descriptor, openForAppending } from "./log-destination.ts";
import { HangWatch, type HangWatchHost } from "./log-hang-watch.ts";
import { type FileOpen, LogOpener, type LogOpenerHost } from "./log-opener.ts";
import { writeToPipe } from "./log-pipe-write.ts";
import { type LogAccount, LogQueue } from "./log-queue.ts";
import { LogRetry } from "./log-retry.ts";
import { Settling, type SettlingHost } from "./log-settling.ts";
import { createHangError, LogTrouble, type LogWriterListener } from "./log-trouble.ts";

export type { LogAccount } from "./log-queue.ts";
export type { LogWriterListener } from "./log-trouble.ts";

/** What a log writer is made of. */
export interface LogWriterOptions {
  /** The path at which the destination is opened anew; null = it was inherited and cannot be. */
  readonly path: string | null;
  /** What is open; null = nothing yet. */
  readonly descriptor: Descriptor | null;
  /** Characters or bytes that may wait; default 4 MiB. Lines beyond are lost. */
  readonly maxWaiting?: number;
  readonly listener?: LogWriterListener;
  /** Writes to a file in the background. Default: that of `node:fs`. */
  readonly writeFile?: FileWrite;
  /** Opens the path. Default: `openForAppending`. */
  readonly openFile?: FileOpen;
}

/** What is written to a pipe before others get their turn. */
const maxBytesPerTurn = 256 * 1024;
/** Lines that have waited so long while the destination fails are lost. */
const holdMs = 2_000;

/** The disk is full: another descriptor would not help. */
const shortages: ReadonlySet<string | undefined> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);
/** For an inherited descriptor, these mean that nobody will ever read again. */
const isFinal = (code: string | undefined): boolean => code === "EPIPE" || code === "EBADF" || code === "EIO";

/** Writes complete lines to one destination in the background; what cannot be written in time is lost and counted. */
export class LogWriter implements LogOpenerHost, HangWatchHost, SettlingHost {
  /** Null if the destination was inherited. */
  readonly #opener: LogOpener | null;
  readonly #queue: LogQueue;
  readonly #trouble = new LogTrouble();
  readonly #background: BackgroundWrite;
  readonly #hangWatch = new HangWatch(this);
  #descriptor: Descriptor | null;
  /** Opened beside `#descriptor`, and takes its place. */
  #next: Descriptor | null = null;
  /** Nothing has been taken for `hangMs` although lines wait, or nothing could be opened in that time. */
  #isHanging = false;
  /**
   * While a reopening that was asked for is under way, for three seconds at most, later lines wait for the new file:
   * the old one may be packed away already.
   */
  #reopening: NodeJS.Timeout | null = null;
  #isClosed = false;
  /** Also counts a failure if nothing could be opened yet. */
  readonly #retry = new LogRetry(() => this.#pump());
  readonly #settling = new Settling(this);
  takenBytes = 0;

  constructor(options: LogWriterOptions) {
    const { path, descriptor, listener } = options;
    this.#opener = path === null ? null : new LogOpener(path, options.openFile ?? openForAppending, this);
    this.#descriptor = descriptor;
    this.#background = new BackgroundWrite(options.writeFile ?? write, this.#onBackgroundDone);
    this.#queue = new LogQueue(options.maxWaiting ?? 4 * 1024 * 1024);
    if (listener !== undefined) this.#trouble.watch(listener);
    listenForErrors(descriptor?.stream ?? null);
  }

  /**
   * A writer that appends to `path`. A named pipe without a reader, and a disk that does not answer within `patienceMs`,
   * three seconds if it is absent, are opened when they can be.
   * @throws the system's error if it cannot be opened
   */
  static async open(
    path: string,
    options: Omit<LogWriterOptions, "path" | "descriptor"> & { readonly patienceMs?: number } = {},
  ): Promise<LogWriter> {
    const writer = new LogWriter({ ...options, path, descriptor: null });
    await writer.#opener!.openFirst(options.patienceMs ?? hangMs);
    return writer;
  }

  /** Tells `listener` from now on. @returns a function that ends this */
  watch(listener: LogWriterListener): () => void {
    return this.#trouble.watch(listener);
  }

  /**
   * Takes complete lines, with their line feeds; bytes are its own from then on, and detached when they are written.
   * Those that are lost are counted in `account`.
   */
  write(lines: string | Buffer, lineCount: number, account: LogAccount): void {
    if (this.#isClosed) {
      account.lost += lineCount;
      return;
    }
    this.#queue.add(lines, lineCount, account);
    this.#pump();
    if (!this.#queue.isEmpty) this.#hangWatch.start();
  }

  /**
   * Opens the path anew, after it was rotated; if that fails, lines go to the old file until it succeeds. Does nothing
   * for an inherited destination.
   */
  reopen(): void {
    if (this.#opener === null || this.#isClosed) return;
    this.#queue.mark();
    clearTimer(this.#reopening);
    this.#reopening = setTimeout(this.#endReopening, hangMs).unref();
    this.#opener.reopen();
  }

  readonly #endReopening = (): void => {
    clearTimer(this.#reopening);
    if (this.#reopening !== null) {
      // The destination was given nothing to take in the meantime.
      this.#hangWatch.close();
      if (!this.#queue.isEmpty) this.#hangWatch.start();
    }
    this.#reopening = null;
    this.#pump();
  };

  /**
   * Resolves when everything has been written or is lost; after two seconds at most, after half a second in which a
   * reader took nothing, and at once if the destination hangs.
   */
  async settle(): Promise<void> {
    if (this.#queue.isEmpty) return;
    if (this.#retry.failures > 0) this.#tryNow();
    await this.#settling.wait();
  }

  get isStuck(): boolean {
    return this.#retry.failures > 0 || this.#isHanging;
  }

  get isFile(): boolean {
    return this.#descriptor?.kind === "file";
  }

  /** Writes what waits, as far as `settle` waits for it, and closes. What is left is lost; so is what comes later. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    await this.settle();
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#retry.cancel();
    clearTimer(this.#reopening);
    this.#opener?.close();
    this.#hangWatch.close();
    this.#lose(Infinity);
    closeDescriptor(this.#next);
    this.#next = null;
    // A write that hangs has the descriptor still; it is closed when that ends.
    if (!this.#background.isUnderWay) this.#dropDescriptor();
  }

  /** At the end of the process, when nothing asynchronous runs any more: writes what can be written at once. */
  flushNow(): void {
    const descriptor = this.#descriptor;
    if (descriptor === null || descriptor.kind === "stream" || this.#background.isUnderWay) return;
    this.#retry.cancel();
    this.#writeAtOnce(descriptor.fd, Infinity);
  }

  #tryNow(): void {
    this.#retry.cancel();
    this.#pump();
  }

  #pump(): void {
    if (this.#background.isUnderWay || this.#retry.isArranged) return;
    this.#swap();
    const descriptor = this.#descriptor;
    if (descriptor === null || this.#queue.isEmpty || this.#isHolding) return;
    if (descriptor.kind === "pipe") {
      if (!this.#writeAtOnce(descriptor.fd, maxBytesPerTurn)) this.#retry.afterTurn();
    } else this.#background.start(descriptor, this.#queue.take(), this.#queue.offset);
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
          const written = writeToPipe(fd, bytes, this.#queue.offset);
          this.#noteTaken(written);
          left -= written;
        }
      } catch (error) {
        this.#onError(error as NodeJS.ErrnoException);
        return true;
      }
      this.#onBatchWritten();
    }
    return true;
  }

  readonly #onBackgroundDone = (error: NodeJS.ErrnoException | null, written: number): void => {
    if (this.#isClosed) {
      this.#dropDescriptor();
      return;
    }
    if (error === null) {
      this.#noteTaken(written);
      if (this.#queue.offset >= this.#queue.take().length) this.#onBatchWritten();
    } else this.#onError(error);
    this.#pump();
  };

  #noteTaken(byteCount: number): void {
    this.#queue.offset += byteCount;
    this.takenBytes += byteCount;
  }

  #onBatchWritten(): void {
    this.#isHanging = false;
    this.#queue.finish();
    this.#settling.note();
    this.#retry.noteSuccess();
    this.#noteMended();
  }

  get hasLinesWaiting(): boolean {
    return !this.#isClosed && !this.#queue.isEmpty;
  }

  onHang(): void {
    // Failures, and an opening that hangs, have been told already.
    if (this.#retry.failures > 0 || (this.#descriptor === null && this.#opener?.isHanging === true)) return;
    this.#isHanging = true;
    this.#background.noteHanging();
    this.#trouble.note(createHangError(`the destination has taken nothing for ${hangMs / 1000} s`));
    this.#leaveHangingWrite();
  }

  /**
   * The path has been opened anew, and the write to the old descriptor hangs: goes on with the new one. What the write
   * has is lost, for nobody knows how much of it will be in the old file.
   */
  #leaveHangingWrite(): void {
    if (!this.#isHanging || !this.#background.isUnderWay || this.#next === null || !this.#background.leave()) return;
    this.#descriptor = null;
    this.#isHanging = false;
    this.#queue.loseFirst();
    this.#settling.note();
    this.#pump();
  }

  #noteMended(): void {
    if (this.#retry.failures === 0 && this.#opener?.isTroubled !== true) this.#trouble.noteMended();
  }

  #lose(untilMs: number): void {
    this.#queue.loseUntil(untilMs);
    this.#settling.note();
  }

  #onError(error: NodeJS.ErrnoException): void {
    const { code } = error;
    if (code === "EAGAIN" || code === "EWOULDBLOCK") {
      this.#retry.afterFull();
      return;
    }
    this.#retry.afterFailure();
    this.#trouble.note(error);
    // The next reader must not begin with the rest of a line.
    if (code === "EPIPE") this.#queue.dropHalfLine();
    this.#lose(this.#opener === null && isFinal(code) ? Infinity : performance.now() - holdMs);
    if (this.#opener === null || shortages.has(code)) return;
    // The number may belong to another file by now: it is given up, not closed.
    if (code === "EBADF") this.#descriptor = null;
    this.#opener.open();
  }

  onOpened(descriptor: Descriptor): void {
    closeDescriptor(this.#next);
    this.#next = descriptor;
    if (this.#descriptor === null) this.#isHanging = false;
    this.#endReopening();
    this.#leaveHangingWrite();
    this.#tryNow();
    if (this.#trouble.isTroubled && this.#queue.isEmpty) {
      this.#retry.failures = 0;
      this.#noteMended();
    }
  }

  onOpenFailure(error: NodeJS.ErrnoException): void {
    this.#endReopening();
    this.#trouble.note(error);
    if (this.#descriptor !== null) return;
    this.#retry.failures = Math.max(1, this.#retry.failures);
    this.#lose(performance.now() - holdMs);
  }

  onOpenHang(error: NodeJS.ErrnoException): void {
    this.#endReopening();
    if (this.#descriptor === null) this.#isHanging = true;
    this.#trouble.note(error);
  }

  /** Puts the new descriptor in place: between two batches, or at once if the old one takes nothing. */
  #swap(): void {
    const next = this.#next;
    if (next === null) return;
    if (
      this.#retry.failures === 0 &&
      this.#descriptor !== null &&
      (this.#queue.marked > 0 || this.#queue.isInTheMiddle)
    )
      return;
    this.#queue.dropHalfLine();
    this.#next = null;
    this.#queue.marked = 0;
    this.#dropDescriptor();
    this.#descriptor = next;
  }

  #dropDescriptor(): void {
    closeDescriptor(this.#descriptor);
    this.#descriptor = null;
  }
}

function clearTimer(timer: NodeJS.Timeout | null): void {
  if (timer !== null) clearTimeout(timer);
}
