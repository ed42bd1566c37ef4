/**
 * What has arrived on a client connection and nobody has consumed. It may be borrowed from the memory that all reads go
 * into: see `net/node-internals.ts`.
 */
import { isOnlyEmptyLines } from "../syntax/head-reader.ts";
import { JoinedBytes } from "../../net/joined-bytes.ts";
import { ownCopy } from "../../net/own-bytes.ts";

/** The bytes of one client connection that have arrived and are not consumed, in the order of their arrival. */
export class Unread {
  #bytes: Buffer | null = null;
  #isBorrowed = false;
  readonly #joined = new JoinedBytes();

  get isEmpty(): boolean {
    return this.#bytes === null;
  }

  /** The bytes lie in memory that the next read overwrites. */
  get isBorrowed(): boolean {
    return this.#isBorrowed;
  }

  /** Some of a request has come; empty lines ahead of one are nothing (RFC 9112 section 2.2). */
  get hasRequestBytes(): boolean {
    return this.#bytes !== null && !isOnlyEmptyLines(this.#bytes);
  }

  get length(): number {
    return this.#bytes === null ? 0 : this.#bytes.length;
  }

  /** Appends `chunk`, which is given for good. */
  append(chunk: Buffer): void {
    this.#bytes = this.#bytes === null ? chunk : this.#joined.join(this.#bytes, chunk);
    this.#isBorrowed = false;
  }

  /** Appends `chunk`, which is the giver's again after `keep`. */
  borrow(chunk: Buffer): void {
    this.#isBorrowed = this.#bytes === null;
    this.#bytes = this.#bytes === null ? chunk : this.#joined.join(this.#bytes, chunk);
  }

  /** Takes a copy of what is still borrowed. */
  keep(): void {
    if (!this.#isBorrowed) return;
    this.#isBorrowed = false;
    if (this.#bytes === null) return;
    this.#bytes = ownCopy(this.#bytes);
  }

  /** All unread bytes, or null if there are none. If `isBorrowed`, no slice of them may be kept. */
  look(): Buffer | null {
    return this.#bytes;
  }

  /** The first `byteCount` are consumed. */
  drop(byteCount: number): void {
    const bytes = this.#bytes!;
    if (byteCount === bytes.length) this.clear();
    else this.#bytes = bytes.subarray(byteCount);
  }

  clear(): void {
    this.#bytes = null;
    this.#joined.clear();
  }
}
