/**
 * The best rank among keys of each length: lets a look-up that would cut a key out of a longer string and hash it see
 * beforehand whether there can be such a key at all, and whether it could still win.
 */

/** No rule; worse than every rank. */
export const noRank = 0x7fffffff;

/** Says which rank a key of a given length can have at best. Filled when a router is built. */
export class RankByLength {
  /** The best rank of all. */
  best = noRank;
  /** By length; `noRank` if no key has it. */
  #ranks = new Int32Array(0);

  /** Notes a key of `length` whose best rule has `rank`. */
  note(length: number, rank: number): void {
    if (length >= this.#ranks.length) {
      const longer = new Int32Array(length + 1).fill(noRank);
      longer.set(this.#ranks);
      this.#ranks = longer;
    }
    this.#ranks[length] = Math.min(this.#ranks[length] ?? noRank, rank);
    this.best = Math.min(this.best, rank);
  }

  /** The best rank of the keys of `length`. */
  at(length: number): number {
    return length < this.#ranks.length ? (this.#ranks[length] ?? noRank) : noRank;
  }

  /** The length of the longest key; -1 if there is none. */
  get maxLength(): number {
    return this.#ranks.length - 1;
  }
}
