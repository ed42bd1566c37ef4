/**
 * A block of memory that log lines are written into as bytes. A line that is text until its batch is written is some
 * forty objects, which live until then; one that is bytes at once is none, and costs half (`bench/micro/access-log.ts`,
 * and the benchmark with and without the log).
 */

/**
 * Lines that are written in a block before it is handed over. Each block is a write by another thread of the pool; with
 * 64 KiB the changes between threads cost 0.3 µs a line.
 */
export const fullBlockBytes = 256 * 1024;
/** What is free in a block before a line is written without looking at its length. */
export const maxPlainLineBytes = 24 * 1024;
/** The size of a block; memory that holds few lines, or too long ones, has another. */
const lineBlockBytes = fullBlockBytes + maxPlainLineBytes;

/** Blocks that have been written, for the next ones; in most threads only the last few are under way. */
const freeBlocks: Buffer[] = [];
const maxFreeBlocks = 2;

const takeBlock = (): Buffer => freeBlocks.pop() ?? Buffer.allocUnsafeSlow(lineBlockBytes);

/**
 * Takes memory back that `LineBlock.take` gave away; nobody reads it any more. It is used again by this thread, or given
 * back to the system at once: V8 would collect it late in a thread that does nothing but write logs.
 */
export function returnBlock({ buffer }: Buffer): void {
  if (buffer.byteLength !== lineBlockBytes || !(buffer instanceof ArrayBuffer)) return;
  if (freeBlocks.length < maxFreeBlocks) freeBlocks.push(Buffer.from(buffer));
  else buffer.transfer(0);
}

/** Printable ASCII without quote and backslash: what no format of a log escapes. */
const isPlain = new Uint8Array(256).fill(1, 0x20, 0x7f);
isPlain[0x22] = 0;
isPlain[0x5c] = 0;

/** The three digits of each number below 1000. */
const threeDigits = Uint8Array.from({ length: 3_000 }, (_, at) =>
  String(Math.floor(at / 3))
    .padStart(3, "0")
    .charCodeAt(at % 3),
);

/** Takes pieces of lines, in order. */
export class LineBlock {
  #bytes = takeBlock();
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
    if (value < 10) {
      this.#bytes[this.end++] = 48 + value;
      return;
    }
    if (value > 0x3fffffff) {
      this.ascii(String(value));
      return;
    }
    let length = 1;
    for (let limit = 10; value >= limit; limit *= 10) length++;
    this.#digits(value | 0, length);
  }

  /** Appends microseconds as milliseconds with three decimals, `12.345`; `null` if they are negative. */
  milliseconds(micros: number): void {
    if (micros < 0) {
      this.ascii("null");
      return;
    }
    const whole = Math.floor(micros / 1000);
    this.integer(whole);
    const digits = (micros - whole * 1000) * 3;
    const bytes = this.#bytes;
    const { end } = this;
    bytes[end] = 0x2e;
    bytes[end + 1] = threeDigits[digits]!;
    bytes[end + 2] = threeDigits[digits + 1]!;
    bytes[end + 3] = threeDigits[digits + 2]!;
    this.end = end + 4;
  }

  /** Writes less than ten milliseconds, given in microseconds, over the five bytes at `at`, which read `0.000`. */
  setShort(at: number, micros: number): void {
    const whole = (micros / 1000) | 0;
    const digits = (micros - whole * 1000) * 3;
    const bytes = this.#bytes;
    bytes[at] = 48 + whole;
    bytes[at + 2] = threeDigits[digits]!;
    bytes[at + 3] = threeDigits[digits + 1]!;
    bytes[at + 4] = threeDigits[digits + 2]!;
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
    this.#bytes = takeBlock();
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
