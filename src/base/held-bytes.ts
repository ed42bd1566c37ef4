/**
 * Bytes that are kept for a while, counted in the memory that all threads together may hold (`held-memory.ts`): copied
 * into blocks that grow with them, so that a trickle of tiny chunks costs no more than its bytes.
 */
import type { HeldMemory } from "./held-memory.ts";

const maxBlockBytes = 16_384;

/** How much is kept. */
export interface HeldBytesLimits {
  readonly maxBytes: number;
  /** The size of the first block. Each further one is as long as all before it, up to 16 KiB. */
  readonly firstBlockBytes: number;
}

/** Keeps a copy of the beginning of what it is given, within its own limit and that of all threads. */
export class HeldBytes {
  byteLength = 0;
  readonly #held: HeldMemory;
  readonly #maxBytes: number;
  readonly #firstBlockBytes: number;
  #blocks: Buffer[] = [];
  /** How much of the last block is used. */
  #used = 0;
  #blockBytes = 0;

  constructor(held: HeldMemory, { maxBytes, firstBlockBytes }: HeldBytesLimits) {
    this.#held = held;
    this.#maxBytes = maxBytes;
    this.#firstBlockBytes = firstBlockBytes;
  }

  /** Takes a copy of the start of `chunk`, as much as its limit and that of all threads allow. @returns how much */
  append(chunk: Buffer): number {
    const end = Math.min(chunk.length, this.#maxBytes - this.byteLength);
    let at = 0;
    while (at < end && (this.#hasRoom || this.#tryToGrow())) at += this.#copy(chunk, at, end);
    return at;
  }

  /** Takes a copy of all of `chunk` whatever the limits: for bytes that have come and must not be lost. */
  appendAnyway(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (!this.#hasRoom) {
        this.#held.takeAnyway(this.#nextBlockBytes);
        this.#grow();
      }
      at += this.#copy(chunk, at, chunk.length);
    }
  }

  get #hasRoom(): boolean {
    return this.#blocks.length > 0 && this.#used < this.#blocks[this.#blocks.length - 1]!.length;
  }

  get #nextBlockBytes(): number {
    return Math.min(maxBlockBytes, Math.max(this.#firstBlockBytes, this.byteLength));
  }

  #tryToGrow(): boolean {
    if (!this.#held.take(this.#nextBlockBytes)) return false;
    this.#grow();
    return true;
  }

  #grow(): void {
    const block = Buffer.allocUnsafeSlow(this.#nextBlockBytes);
    this.#blockBytes += block.length;
    this.#blocks.push(block);
    this.#used = 0;
  }

  /** Copies from `chunk[at, end)` what fits in the last block. @returns how much */
  #copy(chunk: Buffer, at: number, end: number): number {
    const copied = chunk.copy(this.#blocks[this.#blocks.length - 1]!, this.#used, at, end);
    this.#used += copied;
    this.byteLength += copied;
    return copied;
  }

  /** How many pieces there are, none of them empty. */
  get pieceCount(): number {
    return this.#blocks.length;
  }

  /** The piece of this number, from 0. Its memory is never written again: whoever is given it may keep it, and only read. */
  pieceAt(index: number): Buffer {
    const block = this.#blocks[index]!;
    const isFull = index < this.#blocks.length - 1 || this.#used === block.length;
    return isFull ? block : block.subarray(0, this.#used);
  }

  /** Lets go of everything. */
  clear(): void {
    this.byteLength = 0;
    this.#blocks = [];
    this.#used = 0;
    this.#held.give(this.#blockBytes);
    this.#blockBytes = 0;
  }
}
