/** Reads the vectors of TLS (RFC 8446 section 3.4) from bytes that a stranger has sent. */

/** Reads forward. A read beyond the end gives zeros and sets `isBroken`, so that one look at the end is enough. */
export class ByteCursor {
  isBroken = false;
  readonly #bytes: Buffer;
  #at: number;
  readonly #end: number;

  /** Reads `bytes[start, end)`. */
  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get isAtEnd(): boolean {
    return this.isBroken || this.#at === this.#end;
  }

  /** An unsigned number of 1 to 3 bytes, the most significant first. */
  number(byteCount: 1 | 2 | 3): number {
    const at = this.#take(byteCount);
    return at === -1 ? 0 : this.#bytes.readUIntBE(at, byteCount);
  }

  /** What follows a length of `lengthBytes` bytes, as a cursor of its own. */
  vector(lengthBytes: 1 | 2 | 3): ByteCursor {
    const byteCount = this.number(lengthBytes);
    const at = this.#take(byteCount);
    const inner = new ByteCursor(this.#bytes, at, at + byteCount);
    if (at === -1) inner.isBroken = true;
    return inner;
  }

  skip(byteCount: number): void {
    this.#take(byteCount);
  }

  /** The rest, as latin1. */
  text(): string {
    const at = this.#take(this.#end - this.#at);
    return at === -1 ? "" : this.#bytes.latin1Slice(at, this.#end);
  }

  /** The rest, as numbers of two bytes. */
  pairs(): number[] {
    const numbers: number[] = [];
    while (!this.isAtEnd) numbers.push(this.number(2));
    return numbers;
  }

  #take(byteCount: number): number {
    const at = this.#at;
    if (this.isBroken || byteCount > this.#end - at) {
      this.isBroken = true;
      return -1;
    }
    this.#at = at + byteCount;
    return at;
  }
}
