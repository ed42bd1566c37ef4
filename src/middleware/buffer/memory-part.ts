/**
 * The part of a body that is held in memory: copied into blocks that grow with it, so that a trickle of tiny chunks
 * costs no more than its bytes.
 */
import type { HeldMemory } from "../../base/held-memory.ts";

const minBlockBytes = 1_024;
const maxBlockBytes = 16_384;

/** Keeps a copy of the beginning of a body, within its own limit and that of the process. */
export class MemoryPart {
  readonly blocks: Buffer[] = [];
  byteLength = 0;
  readonly #held: HeldMemory;
  readonly #maxBytes: number;
  #block: Buffer | null = null;
  #used = 0;
  #blockBytes = 0;

  constructor(held: HeldMemory, maxBytes: number) {
    this.#held = held;
    this.#maxBytes = maxBytes;
  }

  /** Takes a copy of the start of `chunk`, as much as its limit and that of the process allow. @returns how much */
  append(chunk: Buffer): number {
    const end = Math.min(chunk.length, this.#maxBytes - this.byteLength);
    let at = 0;
    while (at < end && this.#ensureBlock()) {
      const copied = chunk.copy(this.#block!, this.#used, at, end);
      this.#used += copied;
      this.byteLength += copied;
      at += copied;
    }
    return at;
  }

  #ensureBlock(): boolean {
    if (this.#block !== null && this.#used < this.#block.length) return true;
    const size = Math.min(maxBlockBytes, Math.max(minBlockBytes, this.byteLength));
    if (!this.#held.take(size)) return false;
    this.finish();
    this.#blockBytes += size;
    this.#block = Buffer.allocUnsafeSlow(size);
    this.#used = 0;
    this.blocks.push(this.#block);
    return true;
  }

  /** Nothing more comes. */
  finish(): void {
    if (this.#block !== null && this.#used < this.#block.length)
      this.blocks[this.blocks.length - 1] = this.#block.subarray(0, this.#used);
    this.#block = null;
  }

  /** Lets go of everything. */
  clear(): void {
    this.blocks.length = 0;
    this.#block = null;
    this.#held.give(this.#blockBytes);
    this.#blockBytes = 0;
  }
}
