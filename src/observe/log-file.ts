/**
 * Where log lines go: a file or standard output, written in batches of whole lines, never blocking and never throwing.
 * Several threads may append to one file: it is opened with O_APPEND and every write is whole lines. A pipe keeps writes of up to PIPE_BUF bytes in one piece,
 * so batches for anything but a regular file stay below that. What a slow or failing destination cannot take is dropped, beyond a bound, and counted.
 */
import { constants, fstatSync, openSync } from "node:fs";
import type { SonicBoom } from "sonic-boom";
import sonicBoom from "sonic-boom";

export interface LogFileOptions {
  /** A path, or `-` for standard output. */
  readonly path: string;
  /** Bytes that may wait for the destination; default 4 MiB. Lines beyond are dropped. */
  readonly maxWaitingBytes?: number;
  /** How long a line may wait for others to be written with it, in milliseconds; default 100. */
  readonly flushIntervalMs?: number;
  /** Lines were dropped. */
  readonly onDrop?: (lineCount: number) => void;
  /** Writing failed; at most once a minute. Writing goes on as soon as it works again. */
  readonly onError?: (error: Error) => void;
}

const fileBatchBytes = 128 * 1024;
/** PIPE_BUF on Linux; POSIX guarantees 512, everybody gives more. */
const pipeBatchBytes = 4096;
const errorReportIntervalMs = 60_000;
const closeTimeoutMs = 2_000;
const retryIntervalMs = 1_000;

/** A destination of log lines. */
export class LogFile {
  readonly #destination: SonicBoom;
  readonly #isReopenable: boolean;
  readonly #batchBytes: number;
  readonly #flushIntervalMs: number;
  readonly #onDrop: (lineCount: number) => void;
  readonly #onError: (error: Error) => void;
  #batch = "";
  #timer: NodeJS.Timeout | null = null;
  /** Done when the latest reopening is; the library forgets one that an end overtakes. */
  #reopened: Promise<void>;
  #isBroken = false;
  #isClosed = false;
  #lastReportMs = -Infinity;

  /** @throws the system's error where the path cannot be opened for appending. */
  constructor(options: LogFileOptions) {
    this.#flushIntervalMs = options.flushIntervalMs ?? 100;
    this.#onDrop = options.onDrop ?? (() => {});
    this.#onError = options.onError ?? (() => {});
    this.#isReopenable = options.path !== "-";
    const fd = this.#isReopenable ? openSync(options.path, "a", 0o640) : openStandardOutput();
    const isFile = fstatSync(fd).isFile();
    this.#batchBytes = isFile ? fileBatchBytes : pipeBatchBytes;
    this.#destination = new sonicBoom.SonicBoom({
      fd,
      append: true,
      mode: 0o640,
      maxLength: options.maxWaitingBytes ?? 4 * 1024 * 1024,
      maxWrite: isFile ? 2 * fileBatchBytes : pipeBatchBytes,
      // Writes again what an error left behind (a full disk) when no new line comes along.
      periodicFlush: retryIntervalMs,
    });
    // Opened here, so that it can be written to and fail at once, but reopened by path: what the library keeps in `file` when it opens a path itself.
    if (this.#isReopenable) Object.assign(this.#destination, { file: options.path });
    this.#reopened = new Promise((resolve) => this.#destination.once("ready", resolve));
    this.#destination.on("error", (error: Error) => this.#handleError(error));
    this.#destination.on("drop", (lines: string) => this.#onDrop(countLines(lines)));
  }

  /** Takes a complete line (ASCII, with its line feed). */
  write(line: string): void {
    if (this.#isBroken || this.#isClosed) {
      this.#onDrop(1);
      return;
    }
    if (this.#batch.length + line.length > this.#batchBytes) this.#flushBatch();
    this.#batch += line;
    if (this.#timer === null) {
      this.#timer = setTimeout(() => {
        this.#timer = null;
        this.#flushBatch();
      }, this.#flushIntervalMs);
      this.#timer.unref();
    }
  }

  /** Opens the path anew, for rotation; what is being written still goes to the old file. Nothing for standard output. */
  reopen(): void {
    if (!this.#isReopenable || this.#isClosed) return;
    this.#flushBatch();
    const destination = this.#destination;
    this.#reopened = this.#reopened.then(() => new Promise((resolve) => {
      const finish = (): void => {
        destination.off("ready", finish);
        destination.off("error", finish);
        resolve();
      };
      destination.once("ready", finish);
      destination.once("error", finish);
      if (this.#isBroken) finish();
      else destination.reopen();
    }));
  }

  /** Writes what waits, within two seconds, and closes. Lines that come later are dropped. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const destination = this.#destination;
    let giveUp: NodeJS.Timeout | null = null;
    await Promise.race([
      new Promise<void>((resolve) => { giveUp = setTimeout(resolve, closeTimeoutMs); }),
      this.#reopened.then(() => new Promise<void>((resolve) => {
        destination.once("close", resolve);
        destination.once("error", () => resolve());
        this.#flushBatch();
        if (this.#isBroken) resolve();
        else destination.end();
      })),
    ]);
    if (giveUp !== null) clearTimeout(giveUp);
    destination.destroy();
  }

  #flushBatch(): void {
    if (this.#batch === "") return;
    const batch = this.#batch;
    this.#batch = "";
    if (this.#isBroken) this.#onDrop(countLines(batch));
    else this.#destination.write(batch);
  }

  #handleError(error: NodeJS.ErrnoException): void {
    // Nobody reads any more, and nobody will: trying again is of no use. Everything else (a full disk, a lost mount) may mend.
    if (error.code === "EPIPE" || error.code === "EBADF") this.#isBroken = true;
    const now = performance.now();
    if (now - this.#lastReportMs < errorReportIntervalMs) return;
    this.#lastReportMs = now;
    this.#onError(error);
  }
}

/**
 * A file description of our own for standard output, so that it can be non-blocking without making it so for whoever shares it: a blocked write would hold
 * one of the four threads of the pool for as long as the reader sleeps. Where the system has no such way in, standard output itself.
 */
function openStandardOutput(): number {
  if (process.platform !== "linux") return 1;
  try {
    return openSync("/proc/self/fd/1", constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK);
  } catch {
    return 1;
  }
}

function countLines(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) count++;
  return count;
}
