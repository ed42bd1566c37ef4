/**
 * A block of memory that log lines are written into as bytes. A line that is text until its batch is written is some
 * forty pieces that garbage collections copy again and again; one that is bytes at once is nothing to them
 * (`bench/micro/access-log.ts`).
 */

/** Lines that are written in a block before it is handed over. */
export const fullBlockBytes = 64 * 1024;
/** What is free in a block before a line is written without looking at its length. */
export const maxPlainLineBytes = 24 * 1024;
/** The size of a block; blocks of lines that are few, or too long, have another. */
export const lineBlockBytes = fullBlockBytes + maxPlainLineBytes;

/** Printable ASCII without quote and backslash: what no format of a log escapes. */
const isPlain = new Uint8Array(256).fill(1, 0x20, 0x7f);
isPlain[0x22] = 0;
isPlain[0x5c] = 0;

/** Takes pieces of lines, in order. */
export class LineBlock {
  #bytes = Buffer.allocUnsafeSlow(lineBlockBytes);
  /** How much has been written. Setting it back takes pieces away. */
  end = 0;

  /** Appends bytes as they are. */
  bytes(piece: Uint8Array): void {
    this.#bytes.set(piece, this.end);
    this.end += piece.length;
  }

  /** Appends ASCII text as it is, of whatever length. */
  ascii(text: string): void {
    if (text.length > this.#bytes.length - this.end) this.#grow(text.length);
    this.end += this.#bytes.write(text, this.end, "latin1");
  }

  /**
   * Appends text from a stranger, if no format would have to escape any of it. There must be room.
   * @returns false if something has to be escaped; then only a part was appended
   */
  plain(text: string): boolean {
    const bytes = this.#bytes;
    const start = this.end;
    const { length } = text;
    for (let at = 0; at < length; at++) {
      const code = text.charCodeAt(at);
      if (isPlain[code] !== 1) return false;
      bytes[start + at] = code;
    }
    this.end = start + length;
    return true;
  }

  /** Appends a non-negative integer. */
  integer(value: number): void {
    if (value > 0x3fffffff) {
      this.ascii(String(value));
      return;
    }
    let length = 1;
    for (let limit = 10; value >= limit; limit *= 10) length++;
    this.#digits(value | 0, length);
  }

  /** Appends milliseconds with three decimals, `12.345`; `null` if they are negative. */
  milliseconds(ms: number): void {
    if (ms < 0) {
      this.ascii("null");
      return;
    }
    const micros = Math.round(ms * 1000);
    const whole = Math.floor(micros / 1000);
    this.integer(whole);
    this.#bytes[this.end++] = 0x2e;
    this.#digits((micros - whole * 1000) | 0, 3);
  }

  /** What has been written, as memory that nobody else has; the block is empty then. */
  take(): Buffer {
    const bytes = this.#bytes;
    const length = this.end;
    this.end = 0;
    // A few lines do not deserve a whole block: many of them may have to wait.
    if (length < bytes.length / 4) {
      const few = Buffer.allocUnsafeSlow(length);
      bytes.copy(few, 0, 0, length);
      return few;
    }
    this.#bytes = Buffer.allocUnsafeSlow(lineBlockBytes);
    return bytes.subarray(0, length);
  }

  #digits(value: number, length: number): void {
    const bytes = this.#bytes;
    const end = this.end + length;
    let rest = value;
    for (let at = end - 1; at >= this.end; at--) {
      const tens = (rest / 10) | 0;
      bytes[at] = 48 + rest - tens * 10;
      rest = tens;
    }
    this.end = end;
  }

  #grow(byteCount: number): void {
    const larger = Buffer.allocUnsafeSlow(this.end + byteCount + maxPlainLineBytes);
    this.#bytes.copy(larger, 0, 0, this.end);
    this.#bytes = larger;
  }
}
