/**
 * One thread's metrics: hands out instruments whose slots lie in shared pages. Asking for an instrument costs a look-up
 * by text and belongs in a constructor or behind a cache; using one costs nanoseconds. Writers never talk to each
 * other: the reader adds up what they wrote.
 */
import { type Clock, systemClock } from "../base/clock.ts";
import { families } from "./families.ts";
import type { MetricFamily } from "./metric-family.ts";
import { Counter, Gauge, Histogram } from "./instruments.ts";
import { createPageBuffer, PageWriter, SeriesType, type WrittenRecord } from "./metric-page.ts";
import { seriesText } from "./series-text.ts";

/** What stands in every label of the series that takes what is beyond the limit of series. */
export const overflowLabelValue = "_overflow";

/** What a metric writer is made of. */
export interface MetricWriterOptions {
  /**
   * Is given each page before anything is written to it; posts it to the control thread, whose `MetricReader` takes it.
   */
  readonly onPage: (page: SharedArrayBuffer) => void;
  /**
   * Size of a page in bytes; default 1 MiB, of which the system gives memory only to what is written. A histogram takes
   * about 250 bytes.
   */
  readonly pageBytes?: number;
  /**
   * Limit of series of this thread, all families together; default 20,000. Beyond it a family's new series share one
   * whose labels say `_overflow`.
   */
  readonly maxSeries?: number;
  readonly clock?: Clock;
}

interface Place {
  readonly values: Float64Array;
  readonly slot: number;
  readonly page: PageWriter;
  readonly record: WrittenRecord;
  readonly family: MetricFamily;
  readonly labelValues: readonly string[];
}

/** A place whose series was let go. */
interface FreePlace extends Pick<Place, "page" | "record"> {
  readonly freedMs: number;
}

/**
 * For so long nothing new is counted in the place of a series that was let go: an exchange under way may hold its
 * instrument.
 */
const quarantineMs = 60_000;
/** How many free places are tried for a series whose text needs room. */
const maxFits = 8;
/** What is open under a name that is gone is counted down later. */
const keptWhileOpen: ReadonlySet<MetricFamily> = new Set<MetricFamily>([
  families.tunnels,
  families.connections,
  families.requestsInFlight,
]);

const typeOf = { counter: SeriesType.counter, gauge: SeriesType.gauge, histogram: SeriesType.histogram };

/** Registers series and places them in pages. One a thread. */
export class MetricWriter {
  readonly #onPage: (page: SharedArrayBuffer) => void;
  readonly #pageBytes: number;
  readonly #maxSeries: number;
  readonly #clock: Clock;
  readonly #places = new Map<string, Place>();
  /** By number of slots, the longest free first. */
  readonly #free = new Map<number, FreePlace[]>();
  #page: PageWriter | null = null;
  #dropped: Counter | null = null;

  constructor(options: MetricWriterOptions) {
    this.#onPage = options.onPage;
    this.#pageBytes = options.pageBytes ?? 1024 * 1024;
    this.#maxSeries = options.maxSeries ?? 20_000;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * The counter of `family` with these label values, in the family's order. @throws TypeError when the family is no
   * counter.
   */
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

  /**
   * Lets go the series that `isKept` refuses; instruments for them must not be used any more, and are made anew if they
   * are needed after all.
   */
  forget(isKept: (family: MetricFamily, labelValues: readonly string[]) => boolean): void {
    const freedMs = this.#clock.now();
    for (const [text, { family, labelValues, page, record, values, slot }] of this.#places) {
      if (isKept(family, labelValues) || (keptWhileOpen.has(family) && values[slot] !== 0)) continue;
      this.#places.delete(text);
      page.remove(record);
      const free = this.#free.get(record.slotCount) ?? [];
      free.push({ page, record, freedMs });
      this.#free.set(record.slotCount, free);
    }
  }

  #place(family: MetricFamily, labelValues: readonly string[]): Place {
    const text = seriesText(family, labelValues);
    const known = this.#places.get(text);
    if (known !== undefined) return known;
    if (this.#places.size < this.#maxSeries || labelValues.length === 0)
      return this.#register(family, labelValues, text);
    this.#dropped ??= this.counter(families.seriesDropped);
    this.#dropped.add();
    const overflowValues = family.labels.map(() => overflowLabelValue);
    const overflowText = seriesText(family, overflowValues);
    return this.#places.get(overflowText) ?? this.#register(family, overflowValues, overflowText);
  }

  #register(family: MetricFamily, labelValues: readonly string[], text: string): Place {
    const slotCount = family.type === "histogram" ? family.bounds.length + 2 : 1;
    const { page, record } = this.#reuse(family, text, slotCount) ?? this.#append(family, text, slotCount);
    const place = { values: page.values, slot: record.firstSlot, page, record, family, labelValues };
    this.#places.set(text, place);
    return place;
  }

  #reuse(family: MetricFamily, text: string, slotCount: number): Pick<Place, "page" | "record"> | null {
    const free = this.#free.get(slotCount) ?? [];
    const freedBy = this.#clock.now() - quarantineMs;
    for (let at = 0; at < Math.min(free.length, maxFits); at++) {
      const { page, record, freedMs } = free[at]!;
      if (freedMs > freedBy) return null;
      if (!page.reuse(record, typeOf[family.type], text)) continue;
      free.splice(at, 1);
      return { page, record };
    }
    return null;
  }

  #append(family: MetricFamily, text: string, slotCount: number): Pick<Place, "page" | "record"> {
    let page = this.#page ?? this.#addPage(0);
    let record = page.append(typeOf[family.type], text, slotCount);
    if (record === null) {
      page = this.#addPage(text.length * 4 + slotCount * 8 + 64);
      record = page.append(typeOf[family.type], text, slotCount)!;
    }
    return { page, record };
  }

  #addPage(leastBytes: number): PageWriter {
    const page = new PageWriter(createPageBuffer(Math.max(this.#pageBytes, leastBytes)));
    this.#page = page;
    this.#onPage(page.buffer);
    return page;
  }
}
