/**
 * Copies of what an encoder or decoder is to be given. Chunks of a body are lent for the time of a call, and zlib reads
 * in another thread, later: so bytes are copied into blocks, which are used again once they were read.
 */

/** How long a block is. */
export const blockBytes = 65_536;

/** Enough for those that are busy at a time; more are left to the garbage collector. */
const maxSpareBlocks = 16;
const spareBlocks: Buffer[] = [];

/** The start of a body that is small as a rule is kept in a block of this length. */
const smallBlockBytes = 4_096;

function takeBlock(byteLength: number): Buffer {
  if (byteLength <= smallBlockBytes) return Buffer.allocUnsafeSlow(smallBlockBytes);
  return spareBlocks.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
}

/** Bytes that wait, in their order. */
export class InputBlocks {
  byteLength = 0;
  #blocks: Buffer[] = [];
  /** How much of the last block is used. */
  #used = 0;

  /** Takes a copy of `chunk`. */
  append(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      let block = this.#blocks.at(-1);
      if (block === undefined || this.#used === block.length) {
        block = takeBlock(chunk.length - at);
        this.#blocks.push(block);
        this.#used = 0;
      }
      const copied = chunk.copy(block, this.#used, at);
      this.#used += copied;
      at += copied;
    }
    this.byteLength += chunk.length;
  }

  /**
   * The first bytes that wait, at most `blockBytes` of them. They are the caller's, who calls `giveBack` if nobody reads
   * them any more.
   */
  shift(): Buffer | null {
    const block = this.#blocks.shift();
    if (block === undefined) return null;
    const bytes = this.#blocks.length > 0 ? block : block.subarray(0, this.#used);
    this.byteLength -= bytes.length;
    return bytes;
  }

  /** All that waits, as one piece that is the caller's. */
  takeAll(): Buffer {
    const pieces: Buffer[] = [];
    for (let bytes = this.shift(); bytes !== null; bytes = this.shift()) pieces.push(bytes);
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  /** `bytes`, which `shift` has given, are read. */
  static giveBack(bytes: Buffer): void {
    if (bytes.buffer.byteLength === blockBytes && spareBlocks.length < maxSpareBlocks)
      spareBlocks.push(Buffer.from(bytes.buffer));
  }

  /** Lets go of all that waits. */
  clear(): void {
    for (let bytes = this.shift(); bytes !== null; bytes = this.shift()) InputBlocks.giveBack(bytes);
  }
}
