/** What is counted for one endpoint of one upstream: attempts by outcome, and the time to the first byte. */
import { families } from "./families.ts";
import type { Counter, Histogram } from "./instruments.ts";
import type { MetricWriter } from "./metric-writer.ts";

/** One thread's counts for one (upstream, endpoint); series appear with the first attempt that needs them. */
export class EndpointMetrics {
  readonly #writer: MetricWriter;
  readonly #upstreamName: string;
  readonly #endpointName: string;
  readonly #attempts = new Map<number | string, Counter>();
  #duration: Histogram | null = null;

  constructor(writer: MetricWriter, upstreamName: string, endpointName: string) {
    this.#writer = writer;
    this.#upstreamName = upstreamName;
    this.#endpointName = endpointName;
  }

  /**
   * Counts an attempt that ended. @param code the endpoint's status, or a reason code. @param firstByteMs time to its
   * first byte; negative = there was none.
   */
  record(code: number | string, firstByteMs: number): void {
    let counter = this.#attempts.get(code);
    if (counter === undefined) {
      counter = this.#writer.counter(families.upstreamRequests, [this.#upstreamName, this.#endpointName, String(code)]);
      this.#attempts.set(code, counter);
    }
    counter.add(1);
    if (firstByteMs >= 0) {
      this.#duration ??= this.#writer.histogram(families.upstreamDuration, [this.#upstreamName, this.#endpointName]);
      this.#duration.observe(firstByteMs / 1000);
    }
  }
}
