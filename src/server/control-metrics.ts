/**
 * The metrics of a proxy as its control thread has them: the pages of all threads, what the control thread counts by
 * itself, and the statistics line that is made of both.
 */
import { families } from "../observe/families.ts";
import type { LabelNames } from "../observe/label-names.ts";
import { MetricReader } from "../observe/metric-reader.ts";
import { MetricWriter } from "../observe/metric-writer.ts";
import { collectProcessMetrics } from "../observe/process-metrics.ts";
import { StatisticsLine, type StatisticsLineOptions } from "../observe/statistics-line.ts";

const controlSource = "control";
const controlPageBytes = 65_536;

/** Reads the metrics of all threads, and writes those of the control thread. */
export class ControlMetrics {
  readonly reader = new MetricReader();
  /** For those who count something in the control thread. */
  readonly writer: MetricWriter;
  readonly #writeStatistics: StatisticsLineOptions["write"] | null;
  #names: LabelNames | null = null;
  #statistics: StatisticsLine | null = null;
  /** Milliseconds between statistics lines; 0 = none. */
  #statisticsMs = 0;

  /** @param writeStatistics takes statistics lines; null = nobody does */
  constructor(writeStatistics: StatisticsLineOptions["write"] | null) {
    this.#writeStatistics = writeStatistics;
    this.writer = new MetricWriter({
      onPage: (page) => this.reader.addPage(controlSource, page),
      pageBytes: controlPageBytes,
    });
    this.reader.addCollector(collectProcessMetrics);
  }

  /** Exchanges and tunnels that a shutdown has cut so far. */
  get cut(): { readonly exchanges: number; readonly tunnels: number } {
    const countOf = (kind: string): number =>
      this.reader.total(families.cut, (labels) => labels === `kind="${kind}"`)[0] ?? 0;
    return { exchanges: countOf("exchange"), tunnels: countOf("tunnel") };
  }

  /** Lets go what was counted under names that `names` does not have. */
  adopt(names: LabelNames): void {
    this.#names = names;
    this.#forget();
  }

  /** `upstream` has other endpoints: lets go what was counted under those that are gone. */
  patchEndpoints(upstream: string, patch: Parameters<LabelNames["patchEndpoints"]>[1]): void {
    this.#names?.patchEndpoints(upstream, patch);
    this.#forget();
  }

  #forget(): void {
    const names = this.#names;
    if (names !== null) this.reader.forgetRetained((family, labelValues) => names.has(family, labelValues));
  }

  /** A configuration is running, which wants a statistics line every `statisticsMs`; 0 = none. */
  noteInstalled(statisticsMs: number): void {
    this.writer.gauge(families.configLastReloadTime).set(Date.now() / 1000);
    this.writer.gauge(families.configLastReloadSuccess).set(1);
    if (this.#statisticsMs === statisticsMs) return;
    this.#statisticsMs = statisticsMs;
    this.#statistics?.close();
    this.#statistics = null;
    if (statisticsMs === 0 || this.#writeStatistics === null) return;
    this.#statistics = new StatisticsLine({
      reader: this.reader,
      intervalMs: statisticsMs,
      write: this.#writeStatistics,
    });
    this.#statistics.start();
  }

  noteReload(result: "success" | "failure"): void {
    this.writer.counter(families.configReloads, [result]).add(1);
    this.writer.gauge(families.configLastReloadSuccess).set(result === "success" ? 1 : 0);
  }

  close(): void {
    this.#statistics?.close();
  }
}
