/**
 * nginx's smooth weighted round-robin: at each step every member gains its weight as credit; the member with the most
 * credit is chosen and pays the sum of all weights. Weights 5:1:1 give a a b a c a a, not five in a row followed by the
 * rest. After one period the credits are as at the start, so a whole period can be computed once and walked by all
 * threads.
 */

/** Longest sequence that is kept: 128 KiB. */
const maxLength = 65_536;
/** The most steps of work to compute one: about a millisecond. */
const maxWork = 1 << 19;

/**
 * One period as indexes into `weights` (whole numbers above 0), or null if it would be too long to compute and keep.
 * Weights are reduced by their common divisor first.
 */
export function smoothSequence(weights: readonly number[]): Uint16Array | null {
  const divisor = weights.reduce(commonDivisor, 0);
  const shares = weights.map((weight) => weight / divisor);
  const length = shares.reduce((sum, share) => sum + share, 0);
  if (length === weights.length && length <= maxLength) return Uint16Array.from(weights.keys());
  if (length > maxLength || length * weights.length > maxWork) return null;
  const credits = new Float64Array(weights.length);
  const sequence = new Uint16Array(length);
  for (let step = 0; step < length; step++) sequence[step] = smoothStep(shares, credits, length);
  return sequence;
}

/** One step of the algorithm over `credits`, which start as zeros; `total` is the sum of `weights`. */
function smoothStep(weights: readonly number[], credits: Float64Array, total: number): number {
  let best = 0;
  for (let index = 0; index < weights.length; index++) {
    credits[index]! += weights[index]!;
    if (credits[index]! > credits[best]!) best = index;
  }
  credits[best]! -= total;
  return best;
}

function commonDivisor(one: number, other: number): number {
  return other === 0 ? one : commonDivisor(other, one % other);
}
