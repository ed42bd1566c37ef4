/**
 * Blocks of one size for one thread: a block that was given back is used again, so that the garbage collector has
 * nothing to do.
 */

/** Far more than are in use at one time; the rest is left to the collector. */
const maxFree = 64;

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
