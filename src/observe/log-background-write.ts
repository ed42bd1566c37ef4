/**
 * Writes to files and streams in the background, one write at a time: disks may hang. A write that hangs can be left
 * alone; its descriptor is closed when it comes back.
 */
import type { write } from "node:fs";
import type { Writable } from "node:stream";
import { isPoolShort, LogCall } from "./log-call.ts";
import { closeDescriptor, type Descriptor } from "./log-destination.ts";

/** Writes `length` bytes from `offset` to `fd`, and calls `onDone` later with how many were written; see `write`. */
export type FileWrite = (
  fd: number,
  bytes: Buffer,
  offset: number,
  length: number,
  position: null,
  onDone: OnWritten,
) => void;

/** Is told how many bytes of a write were taken. */
export type OnWritten = (error: NodeJS.ErrnoException | null, written: number) => void;

/** The write that one log has under way. */
export class BackgroundWrite {
  readonly #writeFile: FileWrite | typeof write;
  readonly #onDone: OnWritten;
  /** It is written to; null = nothing is under way. */
  #descriptor: Descriptor | null = null;
  /** Null if it goes to a stream. */
  #call: LogCall | null = null;
  #hasLeftOne = false;

  /** @param onDone is told of every write that was not left alone, never before `start` has returned */
  constructor(writeFile: FileWrite | typeof write, onDone: OnWritten) {
    this.#writeFile = writeFile;
    this.#onDone = onDone;
  }

  get isUnderWay(): boolean {
    return this.#descriptor !== null;
  }

  /** Writes `bytes` from `offset` on; nothing may be under way. They must stay as they are until it is done. */
  start(descriptor: Descriptor, bytes: Buffer, offset: number): void {
    const length = bytes.length - offset;
    this.#descriptor = descriptor;
    if (descriptor.stream !== null) {
      descriptor.stream.write(bytes.subarray(offset), (error) => this.#end(descriptor, error ?? null, length));
      return;
    }
    const call = new LogCall();
    this.#call = call;
    this.#writeFile(descriptor.fd, bytes, offset, length, null, (error, written) => {
      call.end();
      this.#end(descriptor, error, written);
    });
  }

  /** What is under way does not come back in time. */
  noteHanging(): void {
    this.#call?.noteHanging();
  }

  /**
   * Leaves the write alone that is under way: nothing is heard of it any more. One at a time.
   * @returns false if that cannot be
   */
  leave(): boolean {
    if (this.#hasLeftOne || isPoolShort()) return false;
    this.#hasLeftOne = true;
    this.#descriptor = null;
    this.#call = null;
    return true;
  }

  #end(descriptor: Descriptor, error: NodeJS.ErrnoException | null, written: number): void {
    if (this.#descriptor !== descriptor) {
      this.#hasLeftOne = false;
      closeDescriptor(descriptor);
      return;
    }
    this.#descriptor = null;
    this.#call = null;
    this.#onDone(error, written);
  }
}

const heard = new WeakSet<Writable>();

/** What goes wrong is told to the write; without a listener it would end the process as well. */
export function listenForErrors(stream: Writable | null): void {
  if (stream === null || heard.has(stream)) return;
  heard.add(stream);
  stream.on("error", () => {});
}
