/** Quantiles out of histograms. */

/**
 * The value below which the share `quantile` (0 to 1) of the observations lies, interpolated linearly within its
 * bucket, as Prometheus does.
 * @param counts one a bound and one for `+Inf`, not cumulative.
 * @returns null without observations; the last bound if the quantile lies beyond it: the result is then a lower limit.
 */
export function estimateQuantile(
  bounds: readonly number[],
  counts: ArrayLike<number>,
  quantile: number,
): number | null {
  let total = 0;
  for (let at = 0; at < counts.length; at++) total += counts[at] ?? 0;
  if (total <= 0) return null;
  const rank = quantile * total;
  let below = 0;
  for (let at = 0; at < bounds.length; at++) {
    const inBucket = counts[at] ?? 0;
    if (inBucket > 0 && below + inBucket >= rank) {
      const lower = at === 0 ? 0 : (bounds[at - 1] ?? 0);
      const upper = bounds[at] ?? lower;
      return lower + (upper - lower) * Math.max(0, (rank - below) / inBucket);
    }
    below += inBucket;
  }
  return bounds[bounds.length - 1] ?? null;
}
