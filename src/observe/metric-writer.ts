/**
 * One thread's metrics: hands out instruments whose slots lie in shared pages. Asking for an instrument costs a look-up by text and belongs in a constructor or
 * behind a cache; using one costs nanoseconds. Writers never talk to each other: the reader adds up what they wrote.
 */
import { families, type MetricFamily } from "./families.ts";
import { Counter, Gauge, Histogram } from "./instruments.ts";
import { createPageBuffer, PageWriter, SeriesType } from "./metric-page.ts";
import { seriesText } from "./series-text.ts";

/** What stands in every label of the series that takes what is beyond the limit of series. */
export const overflowLabelValue = "_overflow";

export interface MetricWriterOptions {
  /** Is given each page before anything is written to it; posts it to the control thread, whose `MetricReader` takes it. */
  readonly onPage: (page: SharedArrayBuffer) => void;
  /** Size of a page in bytes; default 1 MiB, of which the system gives memory only to what is written. A histogram takes about 250 bytes. */
  readonly pageBytes?: number;
  /** Limit of series of this thread, all families together; default 20,000. Beyond it a family's new series share one whose labels say `_overflow`. */
  readonly maxSeries?: number;
}

interface Place {
  readonly values: Float64Array;
  readonly slot: number;
}

const typeOf = { counter: SeriesType.counter, gauge: SeriesType.gauge, histogram: SeriesType.histogram };

/** Registers series and places them in pages. One a thread. */
export class MetricWriter {
  readonly #onPage: (page: SharedArrayBuffer) => void;
  readonly #pageBytes: number;
  readonly #maxSeries: number;
  readonly #places = new Map<string, Place>();
  #page: PageWriter | null = null;
  #dropped: Counter | null = null;

  constructor(options: MetricWriterOptions) {
    this.#onPage = options.onPage;
    this.#pageBytes = options.pageBytes ?? 1024 * 1024;
    this.#maxSeries = options.maxSeries ?? 20_000;
  }

  /** The counter of `family` with these label values, in the family's order. @throws TypeError when the family is no counter. */
  counter(family: MetricFamily, labelValues: readonly string[] = []): Counter {
    if (family.type !== "counter") throw new TypeError(`${family.name} is no counter`);
    const place = this.#place(family, labelValues);
    return new Counter(place.values, place.slot);
  }

  /** The gauge of `family` with these label values. @throws TypeError when the family is no gauge. */
  gauge(family: MetricFamily, labelValues: readonly string[] = []): Gauge {
    if (family.type !== "gauge") throw new TypeError(`${family.name} is no gauge`);
    const place = this.#place(family, labelValues);
    return new Gauge(place.values, place.slot);
  }

  /** The histogram of `family` with these label values. @throws TypeError when the family is no histogram. */
  histogram(family: MetricFamily, labelValues: readonly string[] = []): Histogram {
    if (family.type !== "histogram") throw new TypeError(`${family.name} is no histogram`);
    const place = this.#place(family, labelValues);
    return new Histogram(place.values, place.slot, family.bounds);
  }

  #place(family: MetricFamily, labelValues: readonly string[]): Place {
    const text = seriesText(family, labelValues);
    const known = this.#places.get(text);
    if (known !== undefined) return known;
    if (this.#places.size < this.#maxSeries || labelValues.length === 0) return this.#register(family, text);
    this.#dropped ??= this.counter(families.seriesDropped);
    this.#dropped.add();
    const overflowText = seriesText(family, family.labels.map(() => overflowLabelValue));
    return this.#places.get(overflowText) ?? this.#register(family, overflowText);
  }

  #register(family: MetricFamily, text: string): Place {
    const slotCount = family.type === "histogram" ? family.bounds.length + 2 : 1;
    let page = this.#page ?? this.#addPage(0);
    let slot = page.append(typeOf[family.type], text, slotCount);
    if (slot === -1) {
      page = this.#addPage(text.length * 4 + slotCount * 8 + 64);
      slot = page.append(typeOf[family.type], text, slotCount);
    }
    const place = { values: page.values, slot };
    this.#places.set(text, place);
    return place;
  }

  #addPage(leastBytes: number): PageWriter {
    const page = new PageWriter(createPageBuffer(Math.max(this.#pageBytes, leastBytes)));
    this.#page = page;
    this.#onPage(page.buffer);
    return page;
  }
}
