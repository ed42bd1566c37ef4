/**
 * The blocks of the memory store: which are free, and the chains that are made of them. A chain is a list of runs of
 * neighbouring blocks; the first block of a run has the run's length and the next run. Free blocks are taken one behind
 * the other from where the last search ended, so that what is stored at one time mostly lies together: a body of a few
 * blocks is one copy. All of it needs the lock, but `read`.
 */
import { blockBytes, groupBlocks, header, type MemoryViews } from "./memory-layout.ts";

const groupWords = groupBlocks / 32;

/** One thread's window on the blocks. */
export class BlockPool {
  readonly #header: Int32Array<SharedArrayBuffer>;
  readonly #map: Int32Array<SharedArrayBuffer>;
  readonly #groups: Int32Array<SharedArrayBuffer>;
  readonly #links: Int32Array<SharedArrayBuffer>;
  readonly #data: Buffer<SharedArrayBuffer>;

  constructor(views: MemoryViews) {
    this.#header = views.header;
    this.#map = views.map;
    this.#groups = views.groups;
    this.#links = views.links;
    this.#data = views.data;
  }

  /** How many there are, without the one that stands for none. */
  get total(): number {
    return this.#map.length * 32 - 1;
  }

  get free(): number {
    return this.#header[header.freeBlocks]!;
  }

  /** Makes all blocks free. */
  reset(): void {
    this.#map.fill(0);
    this.#groups.fill(0);
    this.#map[0] = 1;
    this.#groups[0] = 1;
    this.#header[header.blockCursor] = 1;
    this.#header[header.freeBlocks] = this.total;
  }

  /** Takes `count` blocks, of which there must be so many. @returns the first run */
  take(count: number): number {
    let first = 0;
    let last = 0;
    let at = this.#header[header.blockCursor]!;
    for (let left = count; left > 0; ) {
      at = this.#nextFree(at);
      const length = this.#runLength(at, left);
      this.#mark(at, length, true);
      this.#links[at * 2] = length;
      this.#links[at * 2 + 1] = 0;
      if (last === 0) first = at;
      else this.#links[last * 2 + 1] = at;
      last = at;
      at += length;
      left -= length;
    }
    this.#header[header.blockCursor] = at;
    this.#header[header.freeBlocks]! -= count;
    return first;
  }

  /** Puts the chain `added` behind the last run of the chain that `run` is in. */
  append(run: number, added: number): void {
    let last = run;
    for (let next = this.nextRun(last); next !== 0; next = this.nextRun(next)) last = next;
    Atomics.store(this.#links, last * 2 + 1, added);
  }

  /** The run behind `run`; 0 = it is the last. */
  nextRun(run: number): number {
    return Atomics.load(this.#links, run * 2 + 1);
  }

  /** The bytes of a run. */
  runBytes(run: number): number {
    return this.#links[run * 2]! * blockBytes;
  }

  /** Frees the chain that begins with `first`; 0 = none. */
  give(first: number): void {
    let count = 0;
    for (let run = first; run !== 0; ) {
      const length = this.#links[run * 2]!;
      this.#mark(run, length, false);
      count += length;
      run = this.#links[run * 2 + 1]!;
    }
    this.#header[header.freeBlocks]! += count;
  }

  /**
   * Marks the chain that begins with `first` as taken, while everything is put in order again.
   * @returns its blocks; -1 if it cannot be one: then nothing is marked
   */
  claim(first: number): number {
    const count = this.#count(first);
    if (count <= 0) return count;
    for (let run = first; run !== 0; run = this.#links[run * 2 + 1]!) this.#mark(run, this.#links[run * 2]!, true);
    this.#header[header.freeBlocks]! -= count;
    return count;
  }

  #count(first: number): number {
    let count = 0;
    for (let run = first; run !== 0; run = this.#links[run * 2 + 1]!) {
      const length = this.#links[run * 2]!;
      if (run < 0 || length <= 0 || run + length > this.#map.length * 32 || count > this.total) return -1;
      for (let block = run; block < run + length; block++) if (this.#isTaken(block)) return -1;
      count += length;
    }
    return count;
  }

  #isTaken(block: number): boolean {
    return ((this.#map[block >>> 5]! >>> (block & 31)) & 1) === 1;
  }

  /** Writes `bytes` into the run `run` and those behind it, from the byte `at` of the run on. They must have room. */
  write(run: number, at: number, bytes: Buffer): void {
    let current = run;
    let offset = at;
    for (let done = 0; done < bytes.length; ) {
      const length = Math.min(this.runBytes(current) - offset, bytes.length - done);
      bytes.copy(this.#data, current * blockBytes + offset, done, done + length);
      done += length;
      offset = 0;
      if (done < bytes.length) current = this.nextRun(current);
    }
  }

  /**
   * Copies `length` bytes of the chain that begins with `first` to the start of `target`. Without the lock or a pin the
   * chain may change meanwhile: then it gives anything, or false; the caller looks afterwards.
   */
  read(first: number, start: number, length: number, target: Buffer): boolean {
    let run = first;
    let offset = start;
    for (let done = 0; done < length; ) {
      if (run <= 0 || run >= this.#map.length * 32) return false;
      const bytes = this.runBytes(run);
      if (offset < bytes) {
        const from = run * blockBytes + offset;
        const part = Math.min(bytes - offset, length - done);
        if (part <= 0 || this.#data.copy(target, done, from, from + part) !== part) return false;
        done += part;
        offset = 0;
      } else {
        if (bytes <= 0) return false;
        offset -= bytes;
      }
      run = this.nextRun(run);
    }
    return true;
  }

  /** The first free block at `from` or behind it; begins anew at the end. There must be one. */
  #nextFree(from: number): number {
    const words = this.#map.length;
    let word = from >>> 5;
    if (word >= words) word = 0;
    else {
      const bits = ~this.#map[word]! & (-1 << (from & 31));
      if (bits !== 0) return word * 32 + lowestBit(bits);
      word++;
    }
    for (;;) {
      if (word >= words) word = 0;
      if (word % groupWords === 0 && this.#isFull(word / groupWords)) {
        word += groupWords;
        continue;
      }
      const bits = ~this.#map[word]!;
      if (bits !== 0) return word * 32 + lowestBit(bits);
      word++;
    }
  }

  #isFull(group: number): boolean {
    return this.#groups[group] === Math.min(groupBlocks, (this.#map.length - group * groupWords) * 32);
  }

  /** How many blocks from `block` on are free, at most `most`. */
  #runLength(block: number, most: number): number {
    const end = Math.min(block + most, this.#map.length * 32);
    let at = block;
    while (at < end) {
      const bits = this.#map[at >>> 5]! >>> (at & 31);
      if (bits !== 0) return Math.min(at + lowestBit(bits), end) - block;
      at = (at | 31) + 1;
    }
    return end - block;
  }

  #mark(block: number, length: number, isTaken: boolean): void {
    const end = block + length;
    for (let at = block; at < end; ) {
      const next = Math.min((at | 31) + 1, end);
      const mask = next - at === 32 ? -1 : ((1 << (next - at)) - 1) << (at & 31);
      if (isTaken) this.#map[at >>> 5]! |= mask;
      else this.#map[at >>> 5]! &= ~mask;
      this.#groups[Math.floor(at / groupBlocks)]! += isTaken ? next - at : at - next;
      at = next;
    }
  }
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
