/**
 * Reads JSON objects and arrays that follow each other in a stream of bytes, whatever the chunks: several in one chunk,
 * one in many, with or without line breaks between them. Values of other kinds (a bare number has no end of its own) are
 * nonsense here.
 */

import { GatheredBytes } from "./gathered-bytes.ts";

const defaultMaxBytes = 8 * 1024 * 1024;

/** The stream is not what it should be; nothing can be read from it any more. The message holds no part of it. */
export class JsonStreamError extends Error {}

/** Finds the values in a stream. */
export class JsonValues {
  readonly #maxBytes: number;
  /** The value that has begun, as it came. */
  readonly #begun = new GatheredBytes();
  #depth = 0;
  #isText = false;
  #isEscaped = false;
  #isBroken = false;

  /** @param maxBytes of one value; default: 8 MiB */
  constructor(maxBytes: number = defaultMaxBytes) {
    this.#maxBytes = maxBytes;
  }

  /** Whether a value has begun that is not complete: a stream that ends now was cut. */
  get isWithin(): boolean {
    return this.#depth > 0;
  }

  /**
   * The values that `chunk` completes. It may be kept until its value is complete.
   * @throws JsonStreamError if something is not JSON, or too large; and again for whatever follows
   */
  push(chunk: Buffer): unknown[] {
    if (this.#isBroken) throw new JsonStreamError("what follows nonsense cannot be read");
    const values: unknown[] = [];
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (this.#isText) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (byte === 0x5c) this.#isEscaped = true;
        else if (byte === 0x22) this.#isText = false;
      } else if (byte === 0x7b || byte === 0x5b) {
        if (this.#depth++ === 0) start = at;
      } else if (byte === 0x7d || byte === 0x5d) {
        if (this.#depth === 0) this.#break("a value ends that has not begun");
        if (--this.#depth === 0) values.push(this.#finish(chunk.subarray(start, at + 1)));
      } else if (this.#depth === 0) {
        if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) this.#break("something is not JSON");
      } else if (byte === 0x22) this.#isText = true;
    }
    if (this.#depth > 0) this.#keep(chunk.subarray(start));
    return values;
  }

  #keep(part: Buffer): void {
    if (this.#begun.byteLength + part.length > this.#maxBytes)
      this.#break(`a value is larger than ${this.#maxBytes} bytes`);
    this.#begun.append(part);
  }

  #finish(last: Buffer): unknown {
    this.#keep(last);
    try {
      return JSON.parse(this.#begun.take().toString("utf8")) as unknown;
    } catch {
      return this.#break("something is not JSON");
    }
  }

  #break(message: string): never {
    this.#isBroken = true;
    this.#begun.take();
    throw new JsonStreamError(message);
  }
}
