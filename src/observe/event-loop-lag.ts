/**
 * How late a thread's event loop is: the first sign that a thread has more to do than it can. Each thread watches
 * itself and writes two gauges.
 */
import { type EventLoopUtilization, monitorEventLoopDelay, performance } from "node:perf_hooks";
import { families } from "./families.ts";
import type { Gauge } from "./instruments.ts";
import type { MetricWriter } from "./metric-writer.ts";

/** Sampling every 20 ms costs 50 wake-ups a second and finds what hurts; finer sampling costs more than it tells. */
const resolutionMs = 20;
const defaultIntervalMs = 5_000;

/** Watches the event loop of the thread that makes it. */
export class EventLoopLag {
  readonly #lag: Gauge;
  readonly #utilization: Gauge;
  readonly #delays: ReturnType<typeof monitorEventLoopDelay>;
  readonly #interval: NodeJS.Timeout;
  #before: EventLoopUtilization;

  /**
   * @param options.workerName the label: `0`, `1`, ... for proxy threads, `control` for the control thread.
   * @param options.intervalMs how often the gauges are renewed, default 5 s; the timer does not keep the process alive.
   */
  constructor(options: { writer: MetricWriter; workerName: string; intervalMs?: number }) {
    this.#lag = options.writer.gauge(families.eventLoopLag, [options.workerName]);
    this.#utilization = options.writer.gauge(families.eventLoopUtilization, [options.workerName]);
    this.#delays = monitorEventLoopDelay({ resolution: resolutionMs });
    this.#delays.enable();
    this.#before = performance.eventLoopUtilization();
    this.#interval = setInterval(() => this.update(), options.intervalMs ?? defaultIntervalMs).unref();
  }

  /** Renews the gauges from what happened since the last time. */
  update(): void {
    // The recorded delay includes the sampling interval itself.
    const p99Ms = this.#delays.count === 0 ? 0 : this.#delays.percentile(99) / 1e6 - resolutionMs;
    this.#lag.set(Math.max(0, p99Ms) / 1000);
    this.#delays.reset();
    const now = performance.eventLoopUtilization();
    this.#utilization.set(performance.eventLoopUtilization(now, this.#before).utilization);
    this.#before = now;
  }

  close(): void {
    clearInterval(this.#interval);
    this.#delays.disable();
    this.#lag.set(0);
    this.#utilization.set(0);
  }
}
