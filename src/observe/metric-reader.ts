/**
 * The control thread's view of all metrics: adds up the pages of every thread, living and dead, and what collectors add
 * at the time of reading. It asks no thread anything. When a thread ends, its counters and histograms are kept, its
 * gauges are forgotten, and its pages are let go. A series that every thread has let go is forgotten; the totals go on
 * with what it had counted.
 */
import { allFamilies } from "./families.ts";
import type { MetricFamily } from "./metric-family.ts";
import { PageReader, type PageRecord, SeriesType } from "./metric-page.ts";
import { labelsText, splitSeriesText } from "./series-text.ts";

/**
 * A series as summed over all threads. `values`: one number, or a histogram's buckets (not cumulative), `+Inf` and sum.
 */
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
export type MetricCollector = (
  add: (family: MetricFamily, labelValues: readonly string[], value: number) => void,
) => void;

const familyByName: ReadonlyMap<string, MetricFamily> = new Map(allFamilies.map((family) => [family.name, family]));

class Series implements SeriesSum {
  readonly family: MetricFamily;
  readonly labels: string;
  /** From threads that have ended. */
  readonly retained: Float64Array;
  readonly values: Float64Array;
  /** A thread that ended had it, and the configuration has it still. */
  isRetained = false;
  /** A thread has it, or had it to its end. */
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
  placed: PlacedSeries[];
}

/** Sums pages. One a control thread (or one an embedded proxy). */
export class MetricReader {
  readonly #series = new Map<string, Series>();
  readonly #byFamily = new Map<MetricFamily, Series[]>();
  readonly #pagesBySource = new Map<string, SourcePage[]>();
  readonly #collectors: MetricCollector[] = [];
  /** What series had counted that were let go, by family and then by status, which some totals ask for. */
  readonly #departed = new Map<MetricFamily, Map<string, Float64Array>>();

  /** Takes a page of the thread `source`. */
  addPage(source: string, page: SharedArrayBuffer): void {
    const pages = this.#pagesBySource.get(source) ?? [];
    pages.push({ reader: new PageReader(page), placed: [] });
    this.#pagesBySource.set(source, pages);
  }

  /**
   * The thread `source` has ended: keeps what it counted, forgets its gauges, lets its pages go. Harmless when it is
   * unknown.
   */
  retire(source: string): void {
    for (const page of this.#pagesBySource.get(source) ?? []) {
      this.#readNew(page);
      for (const placed of page.placed) {
        if (placed.series.family.type === "gauge") continue;
        addSlots(placed.series.retained, placed.source, placed.firstSlot);
        placed.series.isRetained = true;
      }
    }
    this.#pagesBySource.delete(source);
  }

  /** Forgets what threads that ended had counted under names that `isKept` refuses. */
  forgetRetained(isKept: (family: MetricFamily, labelValues: readonly string[]) => boolean): void {
    for (const series of this.#series.values()) {
      if (!series.isRetained || isKept(series.family, valuesOfLabels(series.labels))) continue;
      series.isRetained = false;
      this.#depart(series, series.retained, 0);
      series.retained.fill(0);
    }
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
   * The sum of a family's series from threads (collectors excluded), slot by slot: one number, or a histogram's
   * buckets, `+Inf` and sum. `isCounted` sees a series' labels as text (`code="200"`); default: all of them.
   */
  total(family: MetricFamily, isCounted?: (labels: string) => boolean): Float64Array {
    this.#sum();
    const total = new Float64Array(family.type === "histogram" ? family.bounds.length + 2 : 1);
    for (const one of this.#byFamily.get(family) ?? []) {
      if (one.isPresent && (isCounted === undefined || isCounted(one.labels))) addSlots(total, one.values, 0);
    }
    for (const [labels, values] of this.#departed.get(family) ?? [])
      if (isCounted === undefined || isCounted(labels)) addSlots(total, values, 0);
    return total;
  }

  #sum(): void {
    for (const series of this.#series.values()) {
      series.values.set(series.retained);
      series.isPresent = series.isRetained;
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
    this.#dropAbsent();
  }

  #dropAbsent(): void {
    const touched = new Set<MetricFamily>();
    for (const [text, series] of this.#series) {
      if (series.isPresent) continue;
      this.#series.delete(text);
      touched.add(series.family);
    }
    for (const family of touched)
      this.#byFamily.set(
        family,
        (this.#byFamily.get(family) ?? []).filter((series) => series.isPresent),
      );
  }

  #depart({ family, labels }: Series, source: Float64Array, firstSlot: number): void {
    if (family.type === "gauge") return;
    const byStatus = this.#departed.get(family) ?? new Map<string, Float64Array>();
    const status = /(?:^|,)(code="\d{3}")$/.exec(labels)?.[1] ?? "";
    const sum = byStatus.get(status) ?? new Float64Array(family.type === "histogram" ? family.bounds.length + 2 : 1);
    addSlots(sum, source, firstSlot);
    byStatus.set(status, sum);
    this.#departed.set(family, byStatus);
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
    const { isAll, records } = page.reader.take();
    const before = page.placed;
    if (isAll) page.placed = [];
    for (const record of records) {
      const series = this.#seriesOf(record);
      if (series !== null) page.placed.push({ series, source: page.reader.values, firstSlot: record.firstSlot });
    }
    if (!isAll) return;
    const kept = new Map(page.placed.map(({ firstSlot, series }) => [firstSlot, series]));
    for (const { series, source, firstSlot } of before)
      if (kept.get(firstSlot) !== series) this.#depart(series, source, firstSlot);
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

/** The values of labels as `labelsText` wrote them, with their escapes undone. */
function valuesOfLabels(labels: string): string[] {
  return Array.from(labels.matchAll(/="((?:[^"\\]|\\.)*)"/g), ([, value = ""]) =>
    value.replace(/\\(.)/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped)),
  );
}
