/**
 * A hash for tables whose keys peers choose: HalfSipHash-1-3 with 64 bits of output (Aumasson and Bernstein's SipHash
 * on 32-bit words, the variant that the Linux kernel uses for its tables). Without the 64-bit seed nobody can find keys
 * that fall together.
 */

/** Hashes text under a seed of its own. */
export class KeyedHash {
  /** The halves of the last hash, as signed 32-bit words. */
  low = 0;
  high = 0;
  readonly #seedLow: number;
  readonly #seedHigh: number;

  /** @param seedLow @param seedHigh 32 random bits each; the same in all threads that share a table */
  constructor(seedLow: number, seedHigh: number) {
    this.#seedLow = seedLow | 0;
    this.#seedHigh = seedHigh | 0;
  }

  /** Hashes the UTF-16 units of `text`, two a block, into `low` and `high`. */
  update(text: string): void {
    let v0 = this.#seedLow;
    let v1 = this.#seedHigh ^ 0xee;
    let v2 = 0x6c796765 ^ this.#seedLow;
    let v3 = 0x74656462 ^ this.#seedHigh;
    const { length } = text;
    const paired = length & ~1;
    // One block more than there are pairs: the last holds the odd unit and the length. Then three rounds, twice, finish
    // each half.
    for (let at = 0, rest = 0; ; at += 2) {
      let block: number;
      if (at < paired) block = text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16);
      else if (rest === 0) {
        block = (length << 16) | (paired < length ? text.charCodeAt(paired) : 0);
        rest = 1;
      } else break;
      v3 ^= block;
      v0 = (v0 + v1) | 0;
      v1 = (v1 << 5) | (v1 >>> 27);
      v1 ^= v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = (v3 << 8) | (v3 >>> 24);
      v3 ^= v2;
      v0 = (v0 + v3) | 0;
      v3 = (v3 << 7) | (v3 >>> 25);
      v3 ^= v0;
      v2 = (v2 + v1) | 0;
      v1 = (v1 << 13) | (v1 >>> 19);
      v1 ^= v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= block;
    }
    v2 ^= 0xee;
    for (let round = 0; round < 6; round++) {
      v0 = (v0 + v1) | 0;
      v1 = (v1 << 5) | (v1 >>> 27);
      v1 ^= v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = (v3 << 8) | (v3 >>> 24);
      v3 ^= v2;
      v0 = (v0 + v3) | 0;
      v3 = (v3 << 7) | (v3 >>> 25);
      v3 ^= v0;
      v2 = (v2 + v1) | 0;
      v1 = (v1 << 13) | (v1 >>> 19);
      v1 ^= v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      if (round === 2) {
        this.low = v1 ^ v3;
        v1 ^= 0xdd;
      }
    }
    this.high = v1 ^ v3;
  }
}
