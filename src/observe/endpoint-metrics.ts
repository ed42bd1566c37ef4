/** What is counted for one endpoint of one upstream: attempts by outcome, and the time to the first byte. */
import { families } from "./families.ts";
import type { Counter, Histogram } from "./instruments.ts";
import type { MetricWriter } from "./metric-writer.ts";

/** Which endpoint is counted, and what its series say of it. */
export interface CountedEndpoint {
  readonly upstreamName: string;
  readonly endpointName: string;
  readonly upstreamLabel: string;
  readonly endpointLabel: string;
}

/** One thread's counts for one (upstream, endpoint); series appear with the first attempt that needs them. */
export class EndpointMetrics {
  readonly upstreamName: string;
  readonly endpointName: string;
  readonly #writer: MetricWriter;
  readonly #labels: readonly [upstream: string, endpoint: string];
  readonly #attempts = new Map<number | string, Counter>();
  #lastCode: number | string = 0;
  #lastAttempts: Counter | null = null;
  #duration: Histogram | null = null;

  constructor(writer: MetricWriter, { upstreamName, endpointName, upstreamLabel, endpointLabel }: CountedEndpoint) {
    this.upstreamName = upstreamName;
    this.endpointName = endpointName;
    this.#writer = writer;
    this.#labels = [upstreamLabel, endpointLabel];
  }

  /**
   * Counts an attempt that ended. @param code the endpoint's status, or a reason code. @param firstByteMs time to its
   * first byte; negative = there was none.
   */
  record(code: number | string, firstByteMs: number): void {
    let counter = this.#lastAttempts;
    if (counter === null || code !== this.#lastCode) {
      counter = this.#attempts.get(code) ?? this.#addAttempts(code);
      this.#lastCode = code;
      this.#lastAttempts = counter;
    }
    counter.add(1);
    if (firstByteMs >= 0) {
      this.#duration ??= this.#writer.histogram(families.upstreamDuration, this.#labels);
      this.#duration.observe(firstByteMs / 1000);
    }
  }

  #addAttempts(code: number | string): Counter {
    const counter = this.#writer.counter(families.upstreamRequests, [...this.#labels, String(code)]);
    this.#attempts.set(code, counter);
    return counter;
  }
}
