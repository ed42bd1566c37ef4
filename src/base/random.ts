/**
 * Chance, as something that can be handed in: production passes nothing and gets `Math.random`, tests pass a seeded
 * source. Not for secrets.
 */

/** Uniform in [0, 1). */
export type RandomSource = () => number;

/** A repeatable source: mulberry32, period 2^32. */
export function seededRandom(seed: number): RandomSource {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
