/**
 * A temporary file for what does not fit into memory. It loses its name as soon as it is open, so that nobody else can open it and nothing is left behind by a crash.
 * Writes come one after the other; it is closed when the last write or read is over.
 */
import { randomBytes } from "node:crypto";
import { close, open, read, unlink, write } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Above this much that is not written yet, whoever writes should wait. */
const maxPendingBytes = 262_144;

export interface SpillFileListener {
  /** Less than the limit is left to write; `isIdle`: nothing. */
  onWritten(isIdle: boolean): void;
  onError(error: Error): void;
}

/** See the head of this file. */
export class SpillFile {
  byteLength = 0;
  readonly #listener: SpillFileListener;
  #fd = -1;
  #queue: Buffer[] = [];
  #pendingBytes = 0;
  /** Operations of the system under way: the file is not closed under them. */
  #operations = 1;
  #isWriting = false;
  #isClosed = false;

  constructor(listener: SpillFileListener) {
    this.#listener = listener;
    const path = join(tmpdir(), `millrace-${randomBytes(12).toString("hex")}`);
    open(path, "wx+", 0o600, (error, fd) => {
      this.#operations--;
      if (error !== null) return this.#fail(error);
      this.#fd = fd;
      // Where an open file cannot be removed (Windows), the system's temporary folder is its place.
      unlink(path, () => {});
      if (this.#isClosed) this.#release();
      else this.#next();
    });
  }

  /** Takes `chunk`, which must stay as it is until it is written. Where `canTake` is false then, more should wait for `onWritten`. */
  append(chunk: Buffer): void {
    this.#queue.push(chunk);
    this.byteLength += chunk.length;
    this.#pendingBytes += chunk.length;
    this.#next();
  }

  get canTake(): boolean {
    return this.#pendingBytes < maxPendingBytes;
  }

  get isIdle(): boolean {
    return this.#pendingBytes === 0;
  }

  /** Reads up to `length` bytes at `position`, when everything is written. Nothing comes after `close`. */
  read(position: number, length: number, onRead: (chunk: Buffer) => void): void {
    this.#operations++;
    const target = Buffer.allocUnsafeSlow(length);
    read(this.#fd, target, 0, length, position, (error, count) => {
      this.#operations--;
      if (this.#isClosed) this.#release();
      else if (error !== null || count === 0) this.#fail(error ?? new Error("a temporary file has become shorter"));
      else onRead(count === length ? target : target.subarray(0, count));
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#queue = [];
    this.#release();
  }

  #next(): void {
    const chunk = this.#queue[0];
    if (chunk === undefined || this.#isWriting || this.#fd === -1) return;
    this.#isWriting = true;
    this.#operations++;
    const position = this.byteLength - this.#pendingBytes;
    write(this.#fd, chunk, 0, chunk.length, position, (error, count) => {
      this.#isWriting = false;
      this.#operations--;
      if (this.#isClosed) return this.#release();
      if (error !== null) return this.#fail(error);
      this.#pendingBytes -= count;
      if (count === chunk.length) this.#queue.shift();
      else this.#queue[0] = chunk.subarray(count);
      this.#next();
      if (this.canTake) this.#listener.onWritten(this.isIdle);
    });
  }

  #fail(error: Error): void {
    if (!this.#isClosed) this.#listener.onError(error);
  }

  #release(): void {
    if (this.#fd === -1 || this.#operations > 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    close(fd, () => {});
  }
}
