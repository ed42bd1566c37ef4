/**
 * A proxy as its owner holds it, and the control side of it: validation, health checks, metrics, the admin listener, reloads and the way out.
 * It never touches proxied traffic; that is the data planes'.
 */
import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { createAdminServer, type AdminServer } from "../admin/admin-server.ts";
import type { AdminSources, ReloadResult } from "../admin/admin-sources.ts";
import { SharedMemory } from "../base/shared-memory.ts";
import { type ConfigDiff, diffConfig } from "../config/diff-config.ts";
import type { Config, ConfigInput } from "../config/schema.ts";
import { formatListenAddress } from "../net/listen-address.ts";
import { families } from "../observe/families.ts";
import { type Logger, silentLogger } from "../observe/logger.ts";
import { MetricReader } from "../observe/metric-reader.ts";
import { MetricWriter } from "../observe/metric-writer.ts";
import { collectProcessMetrics } from "../observe/process-metrics.ts";
import { StatisticsLine } from "../observe/statistics-line.ts";
import { systemScheduler } from "../base/scheduler.ts";
import { HealthChecker, type HealthEvent } from "../upstream/health/health-checker.ts";
import { createHttpProbe } from "../upstream/health/http-probe.ts";
import { HostResolver, toLookupFunction } from "../upstream/host-resolver.ts";
import { DataPlane, type Inspection } from "./data-plane.ts";
import { type DataPlanes, InlinePlane } from "./data-planes.ts";
import { addressText, describeProxy } from "./proxy-status.ts";
import { SharedEndpoints } from "./shared-endpoints.ts";
import { ProxyThreads } from "./threads/proxy-threads.ts";

/** What a program may give its proxy. */
export interface ProxyOptions {
  /** Where messages go; default: nowhere. */
  readonly logger?: Logger;
  /** Takes the statistics line; default: nobody, and there is none. */
  readonly onStatisticsLine?: (line: string) => void;
  /** Reads the configuration anew when the admin listener is asked to; default: it answers that there is nothing to reload. */
  readonly onReloadRequest?: () => Promise<ReloadResult>;
}

/** Where a proxy can be reached. `port` is 0 for a Unix socket, whose path `host` is then. */
export interface ProxyAddress {
  /** The listener's name. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** As people write it. */
  readonly text: string;
}

const firstChecksMs = 1_000;
const controlSource = "control";

/** A reverse proxy. Any number may live in one process; they share nothing. */
export class Proxy {
  readonly #options: ProxyOptions;
  readonly #logger: Logger;
  readonly #memory = new SharedMemory();
  readonly #reader = new MetricReader();
  readonly #writer: MetricWriter;
  readonly #planes: DataPlanes;
  readonly #endpoints: SharedEndpoints;
  readonly #resolver = new HostResolver();
  readonly #health: HealthChecker;
  #config: Config;
  #admin: AdminServer | null = null;
  #statistics: StatisticsLine | null = null;
  #state: "new" | "starting" | "ready" | "draining" | "closed" = "new";
  #reloading: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | null = null;
  #cutShort: () => void = () => {};

  /** Use `createProxy`. */
  constructor(config: Config, options: ProxyOptions) {
    this.#config = config;
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.#writer = new MetricWriter({ onPage: (page) => this.#reader.addPage(controlSource, page), pageBytes: 65_536 });
    this.#reader.addCollector(collectProcessMetrics);
    const pseudonym = `millrace-${randomBytes(6).toString("hex")}`;
    const workers = config.workers === "auto" ? availableParallelism() : config.workers;
    this.#planes = workers === 0 ? this.#createInline(pseudonym) : this.#createThreads(workers, pseudonym);
    this.#endpoints = new SharedEndpoints(this.#memory, this.#planes.stripes);
    this.#reader.addCollector(this.#endpoints.collect);
    this.#reader.addCollector((add) => add(families.threads, [], this.#planes.threads.filter((thread) => thread.isRunning).length));
    this.#health = new HealthChecker({ probe: createHttpProbe(systemScheduler, toLookupFunction(this.#resolver)), onChange: (event) => this.#onHealthChange(event) });
  }

  #createInline(pseudonym: string): DataPlanes {
    const plane = new DataPlane({
      memory: this.#memory, stripeIndex: 0, stripes: 1, pseudonym, logger: this.#logger,
      onMetricPage: (page) => this.#reader.addPage("inline", page),
    });
    return new InlinePlane(plane);
  }

  #createThreads(count: number, pseudonym: string): DataPlanes {
    return new ProxyThreads({
      count, memory: this.#memory, pseudonym, logger: this.#logger,
      onMetricPage: (source, page) => this.#reader.addPage(source, page),
      onDeath: (stripeIndex, source) => {
        this.#endpoints.clearStripe(stripeIndex);
        this.#reader.retire(source);
        this.#writer.counter(families.threadRestarts).add(1);
      },
    });
  }

  /**
   * Opens the listeners, and the admin listener where one is configured.
   * @throws the system's error where an address cannot be used; then nothing is left open.
   */
  async listen(): Promise<void> {
    if (this.#state !== "new") throw new Error("this proxy has been started before");
    this.#state = "starting";
    const config = this.#config;
    try {
      this.#endpoints.reserve(config);
      await this.#planes.prepare(config);
      this.#admin = await this.#openAdmin(config);
      await this.#planes.commit();
    } catch (error) {
      await this.close({ graceMs: 0 });
      throw error;
    }
    this.#adopt(config);
  }

  /** Settles when the first health checks are done, or after a second. */
  async ready(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, firstChecksMs);
    await Promise.race([this.#health.firstRoundDone, promise]);
    clearTimeout(timer);
    if (this.#state === "starting") this.#state = "ready";
  }

  /** Where it listens. */
  addresses(): ProxyAddress[] {
    return this.#planes.addresses.map((address) => ({ name: address.name, host: address.host, port: address.port, text: addressText(address) }));
  }

  /** Where the admin listener is, as people write it; null where there is none. */
  adminAddress(): string | null {
    return this.#admin === null ? null : formatListenAddress(this.#admin.address);
  }

  /**
   * Makes `next` the running configuration, without dropping anything: what has not changed lives on, what is gone is drained.
   * One at a time; a later call waits for the earlier one.
   * @throws ConfigError or the system's error; then the running configuration is untouched.
   */
  reload(next: ConfigInput | Config): Promise<ConfigDiff> {
    const result = this.#reloading.then(() => this.#reload(next));
    this.#reloading = result.catch(() => {});
    return result;
  }

  async #reload(next: ConfigInput | Config): Promise<ConfigDiff> {
    if (this.#state !== "starting" && this.#state !== "ready") throw new Error("this proxy is not running");
    try {
      const config = await toConfig(next);
      const diff = diffConfig(this.#config, config);
      if (diff.otherKeys.includes("workers")) this.#logger.warn("a change of workers takes effect at the next start");
      if (!diff.isEmpty) await this.#apply(config, diff);
      this.#writer.counter(families.configReloads, ["success"]).add(1);
      this.#noteReload(1);
      return diff;
    } catch (error) {
      this.#writer.counter(families.configReloads, ["failure"]).add(1);
      this.#noteReload(0);
      throw error;
    }
  }

  async #apply(config: Config, diff: ConfigDiff): Promise<void> {
    const isAdminChanged = diff.otherKeys.includes("admin");
    const wasAdmin = this.#admin;
    const isSameAddress = JSON.stringify(this.#config.admin?.address) === JSON.stringify(config.admin?.address);
    this.#endpoints.reserve(config);
    await this.#planes.prepare(config);
    if (isAdminChanged) {
      try {
        if (isSameAddress) await wasAdmin?.close();
        this.#admin = await this.#openAdmin(config);
      } catch (error) {
        await this.#planes.abort();
        throw error;
      }
    }
    await this.#planes.commit();
    if (isAdminChanged && !isSameAddress) await wasAdmin?.close();
    this.#adopt(config);
  }

  #adopt(config: Config): void {
    const isStatisticsChanged = this.#statistics === null || this.#config.log.stats !== config.log.stats;
    this.#config = config;
    this.#endpoints.adopt(config);
    this.#health.update(this.#endpoints.healthTargets(config));
    this.#noteReload(1);
    if (!isStatisticsChanged) return;
    this.#statistics?.close();
    this.#statistics = null;
    const write = this.#options.onStatisticsLine;
    if (config.log.stats > 0 && write !== undefined) {
      this.#statistics = new StatisticsLine({ reader: this.#reader, intervalMs: config.log.stats, write });
      this.#statistics.start();
    }
  }

  #noteReload(success: 0 | 1): void {
    this.#writer.gauge(families.configLastReloadSuccess).set(success);
    if (success === 1) this.#writer.gauge(families.configLastReloadTime).set(Date.now() / 1000);
  }

  /** Opens the access log anew, after it was rotated. */
  reopenLogs(): void {
    this.#planes.reopenLogs();
  }

  /** What is open; for tests and the curious. */
  inspect(): Promise<Inspection> {
    return this.#planes.inspect();
  }

  /**
   * Ends the proxy: no new connections, exchanges under way get `graceMs` (default: as configured), then everything is closed.
   * A second call with a shorter time shortens it.
   */
  close(options: { readonly graceMs?: number } = {}): Promise<void> {
    if (options.graceMs === 0) this.#cutShort();
    this.#closing ??= this.#close(options.graceMs);
    return this.#closing;
  }

  async #close(graceMs: number | undefined): Promise<void> {
    const wasRunning = this.#state === "starting" || this.#state === "ready";
    this.#state = "draining";
    const cut = Promise.withResolvers<void>();
    this.#cutShort = cut.resolve;
    const { grace, delay } = this.#config.shutdown;
    if (wasRunning && graceMs !== 0) {
      await Promise.race([cut.promise, sleep(graceMs === undefined ? delay : 0, cut.promise)]);
      await Promise.race([this.#planes.drain(), cut.promise, sleep(graceMs ?? grace, cut.promise)]);
    }
    // The timers of the waits above must not keep the process alive.
    cut.resolve();
    this.#health.close();
    this.#resolver.close();
    this.#statistics?.close();
    await this.#planes.close();
    await this.#admin?.close();
    this.#state = "closed";
  }

  async #openAdmin(config: Config): Promise<AdminServer | null> {
    if (config.admin === null) return null;
    return createAdminServer({
      address: config.admin.address,
      tokens: config.admin.tokens,
      sources: this.#adminSources(),
      onError: (error) => this.#logger.error("the admin listener failed", { error }),
    });
  }

  #adminSources(): AdminSources {
    const statusState = (): "starting" | "ready" | "draining" => (this.#state === "ready" ? "ready" : this.#state === "draining" || this.#state === "closed" ? "draining" : "starting");
    return {
      metrics: () => this.#reader.read(),
      readiness: () => {
        const state = statusState();
        if (state === "ready") return { isReady: true, reasons: [] };
        return { isReady: false, reasons: [state === "starting" ? "The first health checks are under way." : "Shutting down."] };
      },
      status: () => describeProxy({ state: statusState(), config: this.#config, planes: this.#planes, endpoints: this.#endpoints, reader: this.#reader }),
      reload: this.#options.onReloadRequest ?? null,
    };
  }

  #onHealthChange({ upstream, endpoint, from, to, reason }: HealthEvent): void {
    this.#logger[to === "unhealthy" ? "warn" : "info"](`endpoint is ${to}`, { upstream, endpoint, from, reason });
  }
}

/** Resolves after `ms`, or when `cut` does; leaves no timer behind. */
async function sleep(ms: number, cut: Promise<void>): Promise<void> {
  if (ms <= 0) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  void cut.then(() => clearTimeout(timer));
  await promise;
}

/** A configuration in normal form is taken as it is; anything else is validated first. */
async function toConfig(next: ConfigInput | Config): Promise<Config> {
  if (isNormalForm(next)) return next;
  const { parseConfig } = await import("../config/parse-config.ts");
  return parseConfig(next);
}

function isNormalForm(next: ConfigInput | Config): next is Config {
  const listener = next.listeners[0];
  return listener !== undefined && typeof listener.address === "object";
}
