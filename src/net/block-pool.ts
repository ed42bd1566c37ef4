/**
 * Blocks of one size for one thread: one that nobody needs any more serves again, so that there is nothing for the
 * garbage collector to do.
 */

/** Far more than are out at one time; the rest is left to the collector. */
const maxFree = 16;

/** Lends blocks of memory and takes them back. */
export class BlockPool {
  readonly blockBytes: number;
  readonly #free: Buffer[] = [];

  constructor(blockBytes: number) {
    this.blockBytes = blockBytes;
  }

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.blockBytes);
  }

  /** Gives back a block that was taken. Nobody may hold a slice of it. */
  giveBack(block: Buffer): void {
    if (this.#free.length < maxFree) this.#free.push(block);
  }
}
