/**
 * Bytes that come in chunks and are wanted in one piece. Chunks after the first are copied into memory that doubles: an
 * answer in chunks of one byte each costs no more than its bytes, and not an object, or the memory of a read, for each.
 */
const nothing = Buffer.alloc(0);

/** Gathers chunks. */
export class GatheredBytes {
  byteLength = 0;
  #memory: Buffer = nothing;

  /** Adds `chunk` at the end. The first one is kept as it is, until `take`; of others nothing is kept. */
  append(chunk: Buffer): void {
    const before = this.byteLength;
    this.byteLength += chunk.length;
    if (before === 0) {
      this.#memory = chunk;
      return;
    }
    if (this.byteLength > this.#memory.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(this.byteLength, 2 * this.#memory.length));
      this.#memory.copy(larger, 0, 0, before);
      this.#memory = larger;
    }
    chunk.copy(this.#memory, before);
  }

  /** All that was added since the last time. */
  take(): Buffer {
    const all = this.#memory.subarray(0, this.byteLength);
    this.byteLength = 0;
    this.#memory = nothing;
    return all;
  }
}
