/** The part of a body that is held in memory: copied into blocks that grow with it, so that a trickle of tiny chunks costs no more than its bytes. */

const minBlockBytes = 1_024;
const maxBlockBytes = 16_384;

/** See the head of this file. */
export class MemoryPart {
  readonly blocks: Buffer[] = [];
  byteLength = 0;
  #block: Buffer | null = null;
  #used = 0;

  append(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#block === null || this.#used === this.#block.length) {
        this.#block = Buffer.allocUnsafeSlow(Math.min(maxBlockBytes, Math.max(minBlockBytes, this.byteLength)));
        this.#used = 0;
        this.blocks.push(this.#block);
      }
      const copied = chunk.copy(this.#block, this.#used, at);
      this.#used += copied;
      this.byteLength += copied;
      at += copied;
    }
  }

  /** Nothing more comes. */
  finish(): void {
    if (this.#block !== null && this.#used < this.#block.length) this.blocks[this.blocks.length - 1] = this.#block.subarray(0, this.#used);
    this.#block = null;
  }

  /** Lets go of everything. */
  clear(): void {
    this.blocks.length = 0;
    this.#block = null;
  }
}
