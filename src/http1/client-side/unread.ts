/**
 * What has arrived on a client connection and nobody has consumed. It may be borrowed from the memory that all reads go
 * into: see `net/node-internals.ts`.
 */
import { isOnlyEmptyLines } from "../syntax/head-reader.ts";
import { JoinedBytes } from "../../net/joined-bytes.ts";
import { ownCopy } from "../../net/own-bytes.ts";

/** The bytes of one client connection that have arrived and are not consumed, in the order of their arrival. */
export class Unread {
  /**
   * The unread bytes are `#bytes[#start, #end)`: of the memory for reading, no slice is made to say which part is meant.
   * If there are none, that memory may still be here, for the next read.
   */
  #bytes: Buffer | null = null;
  #start = 0;
  #end = 0;
  #isBorrowed = false;
  readonly #joined = new JoinedBytes();

  get isEmpty(): boolean {
    return this.#start === this.#end;
  }

  /** The bytes lie in memory that the next read overwrites. */
  get isBorrowed(): boolean {
    return this.#isBorrowed;
  }

  /** Some of a request has come; empty lines ahead of one are nothing (RFC 9112 section 2.2). */
  get hasRequestBytes(): boolean {
    return !this.isEmpty && !isOnlyEmptyLines(this.#bytes!, this.#start, this.#end);
  }

  get length(): number {
    return this.#end - this.#start;
  }

  /** Where `bytes` are unread: `bytes[start, end)`. If `isBorrowed`, no slice of them may be kept. Null if there are none. */
  get bytes(): Buffer | null {
    return this.isEmpty ? null : this.#bytes;
  }

  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#end;
  }

  /** Appends `chunk`, which is given for good. */
  append(chunk: Buffer): void {
    this.#add(chunk, chunk.length);
    this.#isBorrowed = false;
  }

  /** Appends `memory[0, byteCount)`, which is the giver's again after `keep`. */
  borrow(memory: Buffer, byteCount: number): void {
    const isBorrowed = this.isEmpty;
    this.#add(memory, byteCount);
    this.#isBorrowed = isBorrowed;
  }

  #add(chunk: Buffer, byteCount: number): void {
    if (this.isEmpty) {
      if (this.#bytes !== chunk) this.#bytes = chunk;
      this.#start = 0;
      this.#end = byteCount;
      return;
    }
    const joined = this.#joined.join(this.look()!, byteCount === chunk.length ? chunk : chunk.subarray(0, byteCount));
    this.#bytes = joined;
    this.#start = 0;
    this.#end = joined.length;
  }

  /** Takes a copy of what is still borrowed. */
  keep(): void {
    if (!this.#isBorrowed) return;
    this.#isBorrowed = false;
    const bytes = this.look();
    if (bytes === null) return;
    this.#bytes = ownCopy(bytes);
    this.#start = 0;
    this.#end = bytes.length;
  }

  /** All unread bytes and no others, or null if there are none. If `isBorrowed`, no slice of them may be kept. */
  look(): Buffer | null {
    if (this.isEmpty) return null;
    const bytes = this.#bytes!;
    return this.#start === 0 && this.#end === bytes.length ? bytes : bytes.subarray(this.#start, this.#end);
  }

  /** The first `byteCount` are consumed. */
  drop(byteCount: number): void {
    this.#start += byteCount;
    if (this.#start === this.#end) this.clear();
  }

  clear(): void {
    // The memory for reading stays: the next read brings it again.
    if (!this.#isBorrowed) this.#bytes = null;
    this.#start = 0;
    this.#end = 0;
    this.#joined.clear();
  }
}
