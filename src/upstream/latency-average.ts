/**
 * How long an endpoint takes to answer, after Finagle's peak EWMA (Twitter 2014; also in Linkerd): a moving average
 * weighted by time. It jumps to a slower sample at once and comes down slowly. It fades towards zero while nothing is
 * measured, so that an endpoint that was slow once is tried again.
 *
 * All threads share one average, written without locks: if two threads write at once, one of two samples may be lost,
 * which does not matter to an average. Aligned 64-bit numbers are read and written whole on every machine that Node
 * runs on.
 */

/** The time in which the past loses all but 37 % of its weight. */
export const latencyDecayMs = 10_000;

/**
 * A window on one endpoint's average: two numbers, the average in milliseconds and when it was written; the average is
 * 0 until there is a sample.
 */
export class LatencyAverage {
  readonly #cells: Float64Array;

  /** @param cells two numbers, which other threads may share */
  constructor(cells: Float64Array) {
    this.#cells = cells;
  }

  /** Takes a sample into account. @param nowMs by the clock of the process */
  observe(sampleMs: number, nowMs: number): void {
    const cells = this.#cells;
    const average = cells[0]!;
    if (sampleMs >= average) cells[0] = Math.max(sampleMs, Number.MIN_VALUE);
    else {
      const past = Math.exp(-Math.max(0, nowMs - cells[1]!) / latencyDecayMs);
      cells[0] = average * past + sampleMs * (1 - past);
    }
    cells[1] = nowMs;
  }

  /** Forgets what was measured. */
  forget(): void {
    this.#cells.fill(0);
  }

  /** What to expect now, in milliseconds; 0 = nothing was ever measured. */
  at(nowMs: number): number {
    const average = this.#cells[0]!;
    return average === 0 ? 0 : average * Math.exp(-Math.max(0, nowMs - this.#cells[1]!) / latencyDecayMs);
  }
}
