/**
 * The memory that a connection's reads go into: one buffer, used again for every read, unless slices of it are still needed when the read is over.
 * It grows while reads fill it, so that large answers take fewer system calls and idle connections little memory.
 */

const firstBytes = 16_384;
const largestBytes = 262_144;

/** See the head of this file. */
export class ReadBuffer {
  #size = firstBytes;
  /** What the socket does not know yet. */
  #fresh: Buffer | undefined = Buffer.allocUnsafeSlow(firstBytes);

  /** Asked by the socket before each read; undefined = go on with the same. */
  readonly take = (): Buffer | undefined => {
    const buffer = this.#fresh;
    this.#fresh = undefined;
    return buffer;
  };

  /** A read of `byteCount` bytes is over. */
  noteRead(byteCount: number): void {
    if (byteCount < this.#size || this.#size === largestBytes) return;
    this.#size *= 4;
    this.#fresh = Buffer.allocUnsafeSlow(this.#size);
  }

  /** Somebody still holds slices of the current one: it is theirs now. */
  surrender(): void {
    this.#fresh = Buffer.allocUnsafeSlow(this.#size);
  }
}
