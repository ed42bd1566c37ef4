/**
 * The best rank among keys of each length: lets a look-up that would cut a key out of a longer string and hash it see
 * beforehand whether there can be such a key at all, and whether it could still win. Most keys are short: for those a
 * bit says whether there is one, and the best rank of all stands for its rank, so that a look-up reads this object and
 * no array behind it. There is one for each host, and of ten thousand hosts the arrays alone were several MiB.
 */

/** No rule; worse than every rank. */
export const noRank = 0x7fffffff;

/** Shorter keys are bits. */
const longLength = 64;

/** Says which rank a key of a given length can have at best. Filled when a router is built. */
export class RankByLength {
  /** The best rank of all. */
  best = noRank;
  /** The length of the longest key; -1 if there is none. */
  maxLength = -1;
  /** Bit n: there is a key of length n. */
  #lengthsTo31 = 0;
  /** Bit n: there is a key of length 32 + n. */
  #lengthsTo63 = 0;
  /** Ranks by length, from `longLength` on; `noRank` if no key has it. */
  #longRanks: Int32Array | null = null;

  /** Notes a key of `length` whose best rule has `rank`. */
  note(length: number, rank: number): void {
    this.best = Math.min(this.best, rank);
    this.maxLength = Math.max(this.maxLength, length);
    if (length < 32) this.#lengthsTo31 |= 1 << length;
    else if (length < longLength) this.#lengthsTo63 |= 1 << (length - 32);
    else this.#noteLong(length - longLength, rank);
  }

  #noteLong(at: number, rank: number): void {
    const known = this.#longRanks;
    if (known !== null && at < known.length) {
      known[at] = Math.min(known[at] ?? noRank, rank);
      return;
    }
    const longer = new Int32Array(at + 1).fill(noRank);
    if (known !== null) longer.set(known);
    longer[at] = rank;
    this.#longRanks = longer;
  }

  /** No key of `length` has a better rank; `noRank` if there is none. */
  at(length: number): number {
    if (length > this.maxLength) return noRank;
    if (length < longLength) {
      const lengths = length < 32 ? this.#lengthsTo31 : this.#lengthsTo63;
      return (lengths & (1 << (length & 31))) === 0 ? noRank : this.best;
    }
    return this.#longRanks?.[length - longLength] ?? noRank;
  }
}
