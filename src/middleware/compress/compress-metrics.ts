/** What `compress` counts for one route. */
import type { Counter } from "../../observe/instruments.ts";
import { families } from "../../observe/families.ts";
import type { MetricWriter } from "../../observe/metric-writer.ts";
import type { CompressCoding } from "./defaults.ts";

interface CodingCounters {
  readonly answers: Counter;
  readonly bytesIn: Counter;
  readonly bytesOut: Counter;
}

/** Series are made when there is something to count. */
export class CompressMetrics {
  readonly #metrics: MetricWriter;
  readonly #routeName: string;
  readonly #byCoding = new Map<CompressCoding, CodingCounters>();
  readonly #skipped: Counter;

  constructor(metrics: MetricWriter, routeName: string) {
    this.#metrics = metrics;
    this.#routeName = routeName;
    this.#skipped = metrics.counter(families.compressSkipped, [routeName]);
  }

  /** An answer was compressed, whole or until it broke off. */
  count(coding: CompressCoding, bytesIn: number, bytesOut: number): void {
    const counters = this.#of(coding);
    counters.answers.add();
    counters.bytesIn.add(bytesIn);
    counters.bytesOut.add(bytesOut);
  }

  /** An answer was not, for want of an encoder. */
  countSkipped(): void {
    this.#skipped.add();
  }

  #of(coding: CompressCoding): CodingCounters {
    const known = this.#byCoding.get(coding);
    if (known !== undefined) return known;
    const labels = [this.#routeName, coding];
    const made: CodingCounters = {
      answers: this.#metrics.counter(families.compressedAnswers, labels),
      bytesIn: this.#metrics.counter(families.compressInputBytes, labels),
      bytesOut: this.#metrics.counter(families.compressOutputBytes, labels),
    };
    this.#byCoding.set(coding, made);
    return made;
  }
}
