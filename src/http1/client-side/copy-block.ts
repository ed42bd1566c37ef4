/** Copies of what one read brought, in a block that serves again as soon as those who were given them have let go. */
import { readMemoryBytes } from "../../net/bare-socket.ts";
import { BlockPool } from "../../net/block-pool.ts";

/** A block takes as much as a read brings. */
const blocks = new BlockPool(readMemoryBytes);

/** Copies the pieces of one read into one block. One a client connection; it holds memory only within a read. */
export class CopyBlock {
  #block: Buffer | null = null;
  #used = 0;

  /** @returns a copy of `piece`, to be given away before `settle` */
  copy(piece: Buffer): Buffer {
    const end = this.#used + piece.length;
    if (end > blocks.blockBytes) return Buffer.from(piece);
    this.#block ??= blocks.take();
    const own = this.#block.subarray(this.#used, end);
    piece.copy(own);
    this.#used = end;
    return own;
  }

  /** @param isFree nobody needs the copies any more; else they belong to whoever was given them */
  settle(isFree: boolean): void {
    const block = this.#block;
    if (block === null) return;
    this.#block = null;
    this.#used = 0;
    if (isFree) blocks.giveBack(block);
  }
}
