/** The room on the disk that a draft has taken, before it is written. */
import { blockBytes, type DiskIndex, type Victim } from "./disk-index.ts";

/** Room for a body of unknown length is taken in steps. */
const stepBlocks = 64;

export class DraftRoom {
  /** Files that have to be deleted before anything is written: the room was theirs. */
  readonly victims: Victim[] = [];
  /** What is taken. */
  blocks = 0;
  readonly #index: DiskIndex;

  constructor(index: DiskIndex) {
    this.#index = index;
  }

  /** Takes room for a file of a known length, or the first step for one of which only this much is known. */
  begin(fileBytes: number, length: "known" | "unknown"): boolean {
    return this.#take(blocksOf(fileBytes) + (length === "known" ? 0 : stepBlocks));
  }

  /** Takes what a longer file needs. @returns false if there is no more */
  extend(fileBytes: number): boolean {
    const more = blocksOf(fileBytes) - this.blocks;
    return more <= 0 || this.#take(more + stepBlocks);
  }

  /** The room is the file's now. */
  handOver(): void {
    this.blocks = 0;
  }

  /** Gives it back. */
  give(): void {
    if (this.blocks > 0) this.#index.giveRoom(this.blocks);
    this.blocks = 0;
  }

  #take(blocks: number): boolean {
    if (!this.#index.takeRoom(blocks, this.victims)) return false;
    this.blocks += blocks;
    return true;
  }
}

/** How many blocks a file takes. */
export function blocksOf(fileBytes: number): number {
  return Math.ceil(fileBytes / blockBytes);
}
