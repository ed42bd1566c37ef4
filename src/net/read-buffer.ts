/**
 * The memory that a connection's reads go into: one buffer, used again for every read, unless slices of it are still
 * needed when the read is over. It grows while reads fill it: large answers take fewer system calls, and idle
 * connections little memory.
 */

const firstBytes = 16_384;
const largestBytes = 262_144;

/** Lends the memory for reads to a connection to an endpoint. One for each connection. */
export class ReadBuffer {
  readonly #largestBytes: number;
  #size = firstBytes;
  /** A new buffer that the socket has not been given yet. */
  #fresh: Buffer | undefined = Buffer.allocUnsafeSlow(firstBytes);

  /** @param growth `none` = no read ever brings more than 16 KiB */
  constructor(growth: "whenFull" | "none" = "whenFull") {
    this.#largestBytes = growth === "none" ? firstBytes : largestBytes;
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
    this.#size *= 4;
    this.#fresh = Buffer.allocUnsafeSlow(this.#size);
  }

  /** Slices of the current buffer are still in use: gives it away and allocates a new one. */
  surrender(): void {
    this.#fresh = Buffer.allocUnsafeSlow(this.#size);
  }
}
