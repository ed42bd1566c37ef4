/**
 * The control thread's view of all metrics: adds up the pages of every thread, living and dead, and what collectors add at the time of reading.
 * It asks no thread anything. When a thread ends, its counters and histograms are kept, its gauges are forgotten, and its pages are let go.
 */
import { allFamilies, type MetricFamily } from "./families.ts";
import { PageReader, type PageRecord, SeriesType } from "./metric-page.ts";
import { labelsText, splitSeriesText } from "./series-text.ts";

/** A series as summed over all threads. `values`: one number, or a histogram's buckets (not cumulative), `+Inf` and sum. */
export interface SeriesSum {
  readonly labels: string;
  readonly values: Float64Array;
}

/** A family with its series, as they stand now. Valid until the reader reads again. */
export interface FamilySum {
  readonly family: MetricFamily;
  readonly series: readonly SeriesSum[];
}

/** Adds series that are known to the control thread only; called at every reading. Must not throw or wait. */
export type MetricCollector = (add: (family: MetricFamily, labelValues: readonly string[], value: number) => void) => void;

const familyByName: ReadonlyMap<string, MetricFamily> = new Map(allFamilies.map((family) => [family.name, family]));

class Series implements SeriesSum {
  readonly family: MetricFamily;
  readonly labels: string;
  /** From threads that have ended. */
  readonly retained: Float64Array;
  readonly values: Float64Array;
  /** Counters and histograms: for ever, once seen. Gauges: while a thread that has them lives. */
  isPresent = false;

  constructor(family: MetricFamily, labels: string, slotCount: number) {
    this.family = family;
    this.labels = labels;
    this.retained = new Float64Array(slotCount);
    this.values = new Float64Array(slotCount);
  }
}

interface PlacedSeries {
  readonly series: Series;
  readonly source: Float64Array;
  readonly firstSlot: number;
}

interface SourcePage {
  readonly reader: PageReader;
  readonly placed: PlacedSeries[];
}

/** Sums pages. One a control thread (or one an embedded proxy). */
export class MetricReader {
  readonly #series = new Map<string, Series>();
  readonly #byFamily = new Map<MetricFamily, Series[]>();
  readonly #pagesBySource = new Map<string, SourcePage[]>();
  readonly #collectors: MetricCollector[] = [];

  /** Takes a page of the thread `source`. */
  addPage(source: string, page: SharedArrayBuffer): void {
    const pages = this.#pagesBySource.get(source) ?? [];
    pages.push({ reader: new PageReader(page), placed: [] });
    this.#pagesBySource.set(source, pages);
  }

  /** The thread `source` has ended: keeps what it counted, forgets its gauges, lets its pages go. Harmless when it is unknown. */
  retire(source: string): void {
    for (const page of this.#pagesBySource.get(source) ?? []) {
      this.#readNew(page);
      for (const placed of page.placed) {
        if (placed.series.family.type === "gauge") continue;
        addSlots(placed.series.retained, placed.source, placed.firstSlot);
        placed.series.isPresent = true;
      }
    }
    this.#pagesBySource.delete(source);
  }

  /** From now on every reading asks `collector`, too. */
  addCollector(collector: MetricCollector): void {
    this.#collectors.push(collector);
  }

  /** Everything, in the registry's order; families without series are left out. */
  read(): FamilySum[] {
    this.#sum();
    const collected = this.#collect();
    const result: FamilySum[] = [];
    for (const family of allFamilies) {
      const series: SeriesSum[] = (this.#byFamily.get(family) ?? []).filter((one) => one.isPresent);
      series.push(...(collected.get(family)?.values() ?? []));
      if (series.length > 0) result.push({ family, series });
    }
    return result;
  }

  /**
   * The sum of a family's series from threads (collectors excluded), slot by slot: one number, or a histogram's buckets, `+Inf` and sum.
   * `isCounted` sees a series' labels as text (`code="200"`); default: all of them.
   */
  total(family: MetricFamily, isCounted?: (labels: string) => boolean): Float64Array {
    this.#sum();
    const total = new Float64Array(family.type === "histogram" ? family.bounds.length + 2 : 1);
    for (const one of this.#byFamily.get(family) ?? []) {
      if (one.isPresent && (isCounted === undefined || isCounted(one.labels))) addSlots(total, one.values, 0);
    }
    return total;
  }

  #sum(): void {
    for (const series of this.#series.values()) {
      series.values.set(series.retained);
      if (series.family.type === "gauge") series.isPresent = false;
    }
    for (const pages of this.#pagesBySource.values()) {
      for (const page of pages) {
        this.#readNew(page);
        for (const placed of page.placed) {
          placed.series.isPresent = true;
          addSlots(placed.series.values, placed.source, placed.firstSlot);
        }
      }
    }
  }

  #collect(): Map<MetricFamily, Map<string, SeriesSum>> {
    const collected = new Map<MetricFamily, Map<string, SeriesSum>>();
    for (const collector of this.#collectors) {
      collector((family, labelValues, value) => {
        const series = collected.get(family) ?? new Map<string, SeriesSum>();
        const labels = labelsText(family, labelValues);
        series.set(labels, { labels, values: Float64Array.of(value) });
        collected.set(family, series);
      });
    }
    return collected;
  }

  #readNew(page: SourcePage): void {
    for (const record of page.reader.takeNew()) {
      const series = this.#seriesOf(record);
      if (series !== null) page.placed.push({ series, source: page.reader.values, firstSlot: record.firstSlot });
    }
  }

  #seriesOf(record: PageRecord): Series | null {
    const known = this.#series.get(record.text);
    if (known !== undefined) return known;
    const { name, labels } = splitSeriesText(record.text);
    const family = familyByName.get(name);
    if (family === undefined || SeriesType[family.type] !== record.type) return null;
    const series = new Series(family, labels, record.slotCount);
    this.#series.set(record.text, series);
    const siblings = this.#byFamily.get(family) ?? [];
    siblings.push(series);
    this.#byFamily.set(family, siblings);
    return series;
  }
}

function addSlots(target: Float64Array, source: Float64Array, firstSlot: number): void {
  for (let at = 0; at < target.length; at++) target[at]! += source[firstSlot + at] ?? 0;
}
