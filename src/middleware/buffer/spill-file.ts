/**
 * A temporary file for what does not fit into memory. It loses its name as soon as it is open, so that nobody else can
 * open it and nothing is left behind by a crash. What comes is gathered in blocks: the system is called once a block,
 * however small the pieces. Writes come one after the other; the file is closed when the last write or read is over.
 *
 * If all bodies together hold as much memory as they may (`HeldMemory`), what a read brought is written at once, and
 * the source waits until it is.
 */
import { close, open, read, unlink, write } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HeldMemory } from "../../base/held-memory.ts";
import { systemRandomBytes } from "../../base/system-random.ts";
import { isBeyondFileCeiling } from "../../net/descriptor-limit.ts";

/** Above this much that is not written yet, whoever writes should wait. */
const maxPendingBytes = 262_144;
const minBlockBytes = 4_096;
const maxBlockBytes = 65_536;

/** Hears how a spill file gets on. */
export interface SpillFileListener {
  /** More can be taken; `isIdle`: nothing is left to write. */
  onWritten(isIdle: boolean): void;
  onError(error: NodeJS.ErrnoException): void;
}

/** Writes bytes to a temporary file in the background and reads them back. Once closed, it is gone. */
export class SpillFile {
  byteLength = 0;
  readonly #held: HeldMemory;
  readonly #listener: SpillFileListener;
  #fd = -1;
  /** Gathered, and to be written: slices of the starts of their blocks. */
  #queue: Buffer[] = [];
  #block: Buffer | null = null;
  #used = 0;
  #pendingBytes = 0;
  #isPressed = false;
  #isFinished = false;
  /** Operations of the system under way: the file is not closed under them. */
  #operations = 1;
  #isWriting = false;
  #isClosed = false;

  constructor(held: HeldMemory, listener: SpillFileListener) {
    this.#held = held;
    this.#listener = listener;
    const path = join(tmpdir(), `millrace-${systemRandomBytes(12).toString("hex")}`);
    open(path, "wx+", 0o600, (error, fd) => {
      this.#operations--;
      if (error !== null) return this.#fail(error);
      this.#fd = fd;
      // If an open file cannot be removed (Windows), the system's temporary folder is its place.
      unlink(path, () => {});
      if (this.#isClosed) this.#release();
      else if (isBeyondFileCeiling(fd))
        this.#fail(Object.assign(new Error(`EMFILE: too many open files, open '${path}'`), { code: "EMFILE" }));
      else this.#next();
    });
  }

  /** Takes a copy of `chunk`. */
  append(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      const block = (this.#block ??= this.#takeBlock());
      const copied = chunk.copy(block, this.#used, at);
      this.#used += copied;
      at += copied;
      if (this.#used === block.length) this.#closeBlock();
    }
    this.byteLength += chunk.length;
    this.#pendingBytes += chunk.length;
    this.#next();
  }

  /** Nothing more comes from this read. @returns false if more should wait for `onWritten` */
  settle(): boolean {
    if (this.#isPressed) this.#writeOut();
    return this.#canTake;
  }

  /** Nothing more comes. */
  finish(): void {
    this.#isFinished = true;
    this.#writeOut();
  }

  get isIdle(): boolean {
    return this.#pendingBytes === 0;
  }

  get #canTake(): boolean {
    return this.#pendingBytes < maxPendingBytes && (!this.#isPressed || this.#pendingBytes === 0);
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
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closeBlock();
    // The system may still read the first.
    for (const chunk of this.#queue.splice(this.#isWriting ? 1 : 0)) this.#held.give(chunk.buffer.byteLength);
    this.#release();
  }

  #takeBlock(): Buffer {
    const size = Math.min(maxBlockBytes, Math.max(minBlockBytes, this.byteLength));
    this.#isPressed = !this.#held.take(size);
    if (this.#isPressed) this.#held.takeAnyway(size);
    return Buffer.allocUnsafeSlow(size);
  }

  #closeBlock(): void {
    if (this.#block === null) return;
    this.#queue.push(this.#block.subarray(0, this.#used));
    this.#block = null;
    this.#used = 0;
  }

  #writeOut(): void {
    this.#closeBlock();
    this.#next();
  }

  #next(): void {
    const chunk = this.#queue[0];
    if (chunk === undefined || this.#isWriting || this.#isClosed || this.#fd === -1) return;
    this.#isWriting = true;
    this.#operations++;
    const position = this.byteLength - this.#pendingBytes;
    write(this.#fd, chunk, 0, chunk.length, position, (error, count) => {
      this.#isWriting = false;
      this.#operations--;
      if (error === null && !this.#isClosed && count < chunk.length) this.#queue[0] = chunk.subarray(count);
      else {
        this.#queue.shift();
        this.#held.give(chunk.buffer.byteLength);
      }
      if (this.#isClosed) return this.#release();
      if (error !== null) return this.#fail(error);
      this.#pendingBytes -= count;
      this.#next();
      if (this.#isFinished ? this.isIdle : this.#canTake) this.#listener.onWritten(this.isIdle);
    });
  }

  #fail(error: NodeJS.ErrnoException): void {
    if (!this.#isClosed) this.#listener.onError(error);
  }

  #release(): void {
    if (this.#fd === -1 || this.#operations > 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    close(fd, () => {});
  }
}
