/**
 * The memory that a connection's reads go into: one buffer, used again for every read, unless slices of it are still
 * needed when the read is over. It grows while reads fill it: large answers take fewer system calls, and idle
 * connections little memory.
 *
 * It begins small, because V8 counts such memory: with 16 KiB for each connection, every two thousandth that was opened
 * brought on a full collection (measured with a connection to the endpoint for each request: a sixth of all processor
 * time).
 */

const firstBytes = 4_096;
/** The largest record of TLS, whose reads bring one each (RFC 8446 section 5.1). */
export const maxRecordBytes = 16_384;
const mostBytes = 262_144;

/** Lends the memory for reads to a connection to an endpoint. One for each connection. */
export class ReadBuffer {
  readonly #largestBytes: number;
  #size = firstBytes;
  /** A new buffer that the socket has not been given yet. */
  #fresh: Buffer | undefined = Buffer.allocUnsafeSlow(firstBytes);

  /** @param largestBytes no read ever brings more */
  constructor(largestBytes = mostBytes) {
    this.#largestBytes = largestBytes;
  }

  /** Asked by the socket before each read; undefined = go on with the same. */
  readonly take = (): Buffer | undefined => {
    const buffer = this.#fresh;
    this.#fresh = undefined;
    return buffer;
  };

  /** A read of `byteCount` bytes is over. */
  noteRead(byteCount: number): void {
    if (byteCount < this.#size || this.#size === this.#largestBytes) return;
    this.#size = Math.min(this.#size * 4, this.#largestBytes);
    this.#fresh = Buffer.allocUnsafeSlow(this.#size);
  }

  /** Slices of the current buffer are still in use: gives it away and allocates a new one. */
  surrender(): void {
    this.#fresh = Buffer.allocUnsafeSlow(this.#size);
  }
}
