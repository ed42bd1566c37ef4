/** The arithmetic of the report: medians over rounds and ratios within a round. */

/** Middle value; the mean of the two middle ones for an even count; NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  if (sorted.length % 2 === 1) return sorted[middle] as number;
  return ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/**
 * Median of `ours[i] / theirs[i]`. Rounds with the same index ran next to each other, so a machine that is slow for a
 * while slows both sides of a ratio.
 */
export function medianRatio(ours: readonly number[], theirs: readonly number[]): number {
  return median(paired(ours, theirs).map(([a, b]) => a / b));
}

/** Median of `ours[i] - theirs[i]`, over rounds as in `medianRatio`. */
export function medianDifference(ours: readonly number[], theirs: readonly number[]): number {
  return median(paired(ours, theirs).map(([a, b]) => a - b));
}

/** The value that `percent` of them do not exceed; 0 for none. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? 0;
}

function paired(ours: readonly number[], theirs: readonly number[]): [number, number][] {
  const count = Math.min(ours.length, theirs.length);
  return Array.from({ length: count }, (_, index) => [ours[index] as number, theirs[index] as number]);
}
