/** Traces of requests for measures of caches: the popularity of objects falls by Zipf's law, and some are asked for once. */

/** What a trace is made of. */
export interface TraceOptions {
  readonly objects: number;
  readonly requests: number;
  readonly exponent: number;
  /** So many of the requests are for objects, numbered from `objects` on, that nobody asks for again. */
  readonly scanShare: number;
}

/** The objects that are asked for, in their order. @param random numbers from 0 to 1 */
export function createZipfTrace(
  { objects, requests, exponent, scanShare }: TraceOptions,
  random: () => number,
): Uint32Array {
  const sums = new Float64Array(objects);
  let sum = 0;
  for (let rank = 0; rank < objects; rank++) sums[rank] = sum += 1 / (rank + 1) ** exponent;
  let scanned = objects;
  return Uint32Array.from({ length: requests }, () => {
    if (random() < scanShare) return scanned++;
    const wanted = random() * sum;
    let low = 0;
    let high = objects - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  });
}
