/**
 * Keys that were evicted lately, as hashes: what comes back soon was evicted too early and is worth more than what
 * comes the first time. A table that forgets: a key is remembered until as many others as there are objects came after
 * it, or its bucket is full. All of it needs the lock; nothing depends on what it says but what is evicted.
 */
import { header, type MemoryViews } from "./memory-layout.ts";

const slots = 4;

/** One thread's window on them. */
export class GhostKeys {
  readonly #header: Int32Array<SharedArrayBuffer>;
  /** Two words a key: the upper half of its hash, and when it was remembered; 0 = nothing is. */
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #mask: number;

  constructor(views: MemoryViews) {
    this.#header = views.header;
    this.#words = views.ghosts;
    this.#mask = views.layout.ghosts / slots - 1;
  }

  add(low: number, high: number): void {
    const words = this.#words;
    const time = ++this.#header[header.ghostTime]!;
    const start = (low & this.#mask) * slots * 2;
    let place = start;
    for (let at = start; at < start + slots * 2; at += 2) {
      if (words[at + 1] === 0 || words[at] === high) {
        place = at;
        break;
      }
      if (((words[at + 1]! - words[place + 1]!) | 0) < 0) place = at;
    }
    words[place] = high;
    words[place + 1] = time;
  }

  /** Is the key one of the last `most` that were evicted? Then it is forgotten. */
  take(low: number, high: number, most: number): boolean {
    const words = this.#words;
    const start = (low & this.#mask) * slots * 2;
    for (let at = start; at < start + slots * 2; at += 2) {
      if (words[at] !== high || words[at + 1] === 0) continue;
      const age = (this.#header[header.ghostTime]! - words[at + 1]!) | 0;
      words[at + 1] = 0;
      return age < most;
    }
    return false;
  }
}
