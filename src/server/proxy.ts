/**
 * A proxy as its owner holds it, and the control side of it: validation, health checks, metrics, the admin listener,
 * reloads and the way out. It never touches proxied traffic; that is the data planes'.
 */
import { randomBytes } from "node:crypto";
import type { AdminSources, ReloadResult } from "../admin/admin-sources.ts";
import { Countdown } from "../base/countdown.ts";
import { Mutex } from "../base/mutex.ts";
import { systemScheduler } from "../base/scheduler.ts";
import { SharedMemory } from "../base/shared-memory.ts";
import { type ConfigDiff, diffConfig } from "../config/diff-config.ts";
import type { Config, ConfigInput } from "../config/schema.ts";
import { AccessLogFiles } from "../observe/access-log-files.ts";
import { families } from "../observe/families.ts";
import { LabelNames } from "../observe/label-names.ts";
import { type Logger, silentLogger } from "../observe/logger.ts";
import { type MetricCollector, MetricReader } from "../observe/metric-reader.ts";
import { MetricWriter } from "../observe/metric-writer.ts";
import { collectProcessMetrics } from "../observe/process-metrics.ts";
import { logWarnings, RepeatedWarnings } from "../observe/repeated-warning.ts";
import { lostApplicationLines } from "../observe/standard-output.ts";
import { type Statistics, StatisticsLine } from "../observe/statistics-line.ts";
import { EjectionKeeper } from "../upstream/ejection-keeper.ts";
import { HealthChecker, type HealthEvent } from "../upstream/health/health-checker.ts";
import { createHttpProbe } from "../upstream/health/http-probe.ts";
import { HostResolver } from "../upstream/names/host-resolver.ts";
import { toLookupFunction } from "../upstream/names/lookup-function.ts";
import { AdminListener } from "./admin-listener.ts";
import { withUser } from "./assert-address-free.ts";
import { DataPlane, type Inspection } from "./data-plane.ts";
import { collectBalancing } from "./balancing-metrics.ts";
import { type DataPlanes, InlinePlane } from "./data-planes.ts";
import { EndpointControl } from "./endpoint-control.ts";
import { nameReports } from "./name-reports.ts";
import { PanicWatch } from "./panic-watch.ts";
import { addressText, describeProxy } from "./proxy-status.ts";
import { SharedEndpoints } from "./shared-endpoints.ts";
import { ProxyThreads } from "./threads/proxy-threads.ts";
import { decideThreadCount } from "./threads/thread-count.ts";
import { toConfig } from "./to-config.ts";

/** What a program may give its proxy. */
export interface ProxyOptions {
  /** Where messages go; default: nowhere. */
  readonly logger?: Logger;
  /** Takes the statistics line, and what it tells as numbers; default: nobody, and there is none. */
  readonly onStatisticsLine?: (line: string, statistics: Statistics) => void;
  /**
   * Reads the configuration anew when the admin listener is asked to; default: it answers that there is nothing to
   * reload.
   */
  readonly onReloadRequest?: () => Promise<ReloadResult>;
  /**
   * Milliseconds; default 0: `close` closes idle client connections at once, as Node's own server does, and a request
   * that is on its way to one of them is lost. With more, a connection that was in use less than this long ago waits
   * that long for such a request. The command waits 300 ms.
   */
  readonly idleGraceMs?: number;
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
  readonly #panics: PanicWatch;
  /** Of all threads. */
  readonly #warnings: RepeatedWarnings;
  readonly #accessLogFiles: AccessLogFiles;
  /** Drains, enables and weighs endpoints at run time. */
  readonly endpointControl: EndpointControl;
  readonly #admin: AdminListener;
  readonly #resolver: HostResolver;
  readonly #health: HealthChecker;
  readonly #ejections = new EjectionKeeper({
    onReturn: ({ upstream, endpoint }, cause) =>
      this.#logger.info("endpoint is no longer ejected", { upstream, endpoint, cause }),
  });
  #config: Config;
  #statistics: StatisticsLine | null = null;
  #state: "new" | "starting" | "ready" | "draining" | "closed" = "new";
  /** Starting, reloading and closing come one after the other. */
  readonly #changes = new Mutex();
  readonly #ready = Promise.withResolvers<void>();
  readonly #grace = new Countdown();
  #closing: Promise<void> | null = null;

  /** Use `createProxy`. */
  constructor(config: Config, options: ProxyOptions) {
    this.#config = config;
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.#warnings = new RepeatedWarnings({ onReport: logWarnings(this.#logger) });
    this.#accessLogFiles = new AccessLogFiles(this.#warnings);
    this.#writer = new MetricWriter({ onPage: (page) => this.#reader.addPage(controlSource, page), pageBytes: 65_536 });
    this.#resolver = new HostResolver(nameReports(this.#warnings, this.#writer));
    this.#reader.addCollector(collectProcessMetrics);
    const pseudonym = `millrace-${randomBytes(6).toString("hex")}`;
    const count = decideThreadCount(config.workers);
    this.#planes = count === 0 ? this.#createInline(pseudonym) : this.#createThreads(count, pseudonym);
    this.#endpoints = new SharedEndpoints(this.#memory, this.#planes.stripes);
    this.endpointControl = new EndpointControl(this.#endpoints, this.#logger);
    this.#admin = new AdminListener(this.#adminSources(), this.#logger);
    this.#reader.addCollector(this.#endpoints.collect);
    this.#panics = new PanicWatch((upstream) => this.#endpoints.of(upstream), this.#logger);
    this.#reader.addCollector(this.#panics.collect);
    this.#reader.addCollector(
      collectBalancing(
        () => this.#config,
        (upstream) => this.#endpoints.of(upstream),
      ),
    );
    this.#reader.addCollector((add) =>
      add(families.threads, [], this.#planes.threads.filter((thread) => thread.isRunning).length),
    );
    this.#reader.addCollector(this.#collectHealth);
    this.#reader.addCollector(this.#collectLost);
    this.#health = new HealthChecker({
      probe: createHttpProbe(systemScheduler, toLookupFunction(this.#resolver)),
      onChange: (event) => this.#onHealthChange(event),
      onPass: ({ upstream, endpoint }) => this.#ejections.notePass(upstream, endpoint.url, "pass"),
    });
  }

  #createInline(pseudonym: string): DataPlanes {
    const plane = new DataPlane({
      memory: this.#memory,
      stripeIndex: 0,
      stripes: 1,
      pseudonym,
      idleGraceMs: this.#options.idleGraceMs ?? 0,
      logger: this.#logger,
      warnings: this.#warnings,
      onAccessLog: this.#onAccessLog,
      onMetricPage: (page) => this.#reader.addPage("inline", page),
    });
    return new InlinePlane(plane);
  }

  #createThreads(count: number, pseudonym: string): DataPlanes {
    return new ProxyThreads({
      count,
      memory: this.#memory,
      pseudonym,
      idleGraceMs: this.#options.idleGraceMs ?? 0,
      logger: this.#logger,
      onMetricPage: (source, page) => this.#reader.addPage(source, page),
      onAccessLog: this.#onAccessLog,
      onWarning: (report) => this.#warnings.take(report),
      troubles: () => this.#warnings.current(),
      onDeath: (stripeIndex, source) => {
        this.#endpoints.clearStripe(stripeIndex);
        this.#reader.retire(source);
        // One that ends with the proxy is not replaced.
        if (this.#state !== "draining") this.#writer.counter(families.threadRestarts).add(1);
      },
    });
  }

  /**
   * Opens the listeners, and the admin listener where one is configured.
   * @throws the system's error where an address cannot be used; then nothing is left open, and the proxy is closed.
   */
  async listen(): Promise<void> {
    if (this.#state !== "new") throw new Error("this proxy has been started before");
    this.#state = "starting";
    try {
      await this.#start();
    } catch (error) {
      await this.close({ graceMs: 0 });
      throw error;
    }
  }

  async #start(): Promise<void> {
    const leave = await this.#changes.enter();
    try {
      await this.#install(this.#config);
      void this.#awaitFirstChecks();
    } finally {
      leave();
    }
  }

  /** Settles when the first health checks after `listen` are done, or after a second; then `/readyz` says so, too. */
  ready(): Promise<void> {
    return this.#ready.promise;
  }

  async #awaitFirstChecks(): Promise<void> {
    const patience = new Countdown();
    patience.limit(firstChecksMs);
    await Promise.race([this.#health.firstRoundDone, patience.over]);
    patience.end();
    if (this.#state === "starting") this.#state = "ready";
    this.#ready.resolve();
  }

  /** Where it listens. */
  addresses(): ProxyAddress[] {
    return this.#planes.addresses.map((address) => ({
      name: address.name,
      host: address.host,
      port: address.port,
      text: addressText(address),
    }));
  }

  /** Where the admin listener is, as people write it; null where there is none. */
  adminAddress(): string | null {
    return this.#admin.address;
  }

  /**
   * Makes `next` the running configuration, without dropping anything: what has not changed lives on, what is gone is
   * drained. One at a time; a later call waits for the earlier one.
   * @throws ConfigError or the system's error; then the running configuration is untouched.
   */
  async reload(next: ConfigInput | Config): Promise<ConfigDiff> {
    this.#assertRunning();
    const leave = await this.#changes.enter();
    try {
      this.#assertRunning();
      const config = await toConfig(next, this.#config.workers);
      const diff = diffConfig(this.#config, config);
      if (diff.otherKeys.includes("workers")) this.#logger.warn("a change of workers takes effect at the next start");
      if (!diff.isEmpty) await this.#install(config);
      this.#noteReload("success");
      return diff;
    } catch (error) {
      this.#noteReload("failure");
      throw error;
    } finally {
      leave();
    }
  }

  #assertRunning(): void {
    if (this.#state !== "starting" && this.#state !== "ready") throw new Error("this proxy is not running");
  }

  /** Brings `config` to work everywhere, or changes nothing anywhere. */
  async #install(config: Config): Promise<void> {
    try {
      await this.#prepare(config);
    } catch (error) {
      this.#endpoints.release();
      throw error;
    }
    await this.#planes.commit();
    this.#accessLogFiles.commit();
    this.#admin.commit();
    this.#adopt(config);
  }

  async #prepare(config: Config): Promise<void> {
    this.#endpoints.reserve(config);
    await this.#accessLogFiles.prepare(config.log.access?.path ?? null);
    try {
      await this.#planes.prepare(config).catch((error: unknown) => {
        const admin = this.#admin.boundAddress;
        throw withUser(
          error,
          admin?.kind === "tcp" ? [{ port: admin.port, name: "the admin listener of this Millrace" }] : [],
        );
      });
      try {
        await this.#admin.prepare(config.admin);
      } catch (error) {
        await this.#planes.abort();
        throw withUser(
          error,
          this.#planes.addresses.map(({ port, name }) => ({ port, name: `the listener ${name} of this Millrace` })),
        );
      }
    } catch (error) {
      this.#accessLogFiles.abort();
      throw error;
    }
  }

  #adopt(config: Config): void {
    const isStatisticsChanged = this.#statistics === null || this.#config.log.stats !== config.log.stats;
    this.#config = config;
    this.#endpoints.adopt(config);
    const names = new LabelNames(config);
    this.#reader.forgetRetained((family, labelValues) => names.has(family, labelValues));
    this.#panics.adopt(config);
    this.#health.update(this.#endpoints.healthTargets(config));
    this.#ejections.update(this.#endpoints.ejectionTargets(config));
    this.#writer.gauge(families.configLastReloadTime).set(Date.now() / 1000);
    this.#writer.gauge(families.configLastReloadSuccess).set(1);
    if (!isStatisticsChanged) return;
    this.#statistics?.close();
    this.#statistics = null;
    const write = this.#options.onStatisticsLine;
    if (config.log.stats > 0 && write !== undefined) {
      this.#statistics = new StatisticsLine({ reader: this.#reader, intervalMs: config.log.stats, write });
      this.#statistics.start();
    }
  }

  #noteReload(result: "success" | "failure"): void {
    this.#writer.counter(families.configReloads, [result]).add(1);
    this.#writer.gauge(families.configLastReloadSuccess).set(result === "success" ? 1 : 0);
  }

  /** Opens the access log anew, after it was rotated. */
  reopenLogs(): void {
    this.#accessLogFiles.reopen();
  }

  /** What is open; for tests and the curious. */
  inspect(): Promise<Inspection> {
    return this.#planes.inspect();
  }

  /**
   * Ends a proxy thread as a fault would, for drills and tests: it is replaced at once, and the others do not notice.
   * @throws RangeError where there is none of that number
   */
  killThread(index: number): Promise<void> {
    return this.#planes.killThread(index);
  }

  /**
   * Ends the proxy: no new connections, exchanges under way get `graceMs` (default: as configured), then everything is
   * closed. A second call with a shorter time shortens it. Harmless before `listen` and after everything is closed.
   */
  close(options: { readonly graceMs?: number } = {}): Promise<void> {
    if (options.graceMs !== undefined) this.#grace.limit(options.graceMs);
    this.#closing ??= this.#close(options.graceMs === undefined);
    return this.#closing;
  }

  /**
   * What was under way and had to be ended, since the start, because the time of a shutdown (or of a listener that a
   * reload removed) was over. Complete once it is closed.
   */
  get cut(): { readonly exchanges: number; readonly tunnels: number } {
    const countOf = (kind: string): number =>
      this.#reader.total(families.cut, (labels) => labels === `kind="${kind}"`)[0] ?? 0;
    return { exchanges: countOf("exchange"), tunnels: countOf("tunnel") };
  }

  async #close(isDelayed: boolean): Promise<void> {
    const wasReady = this.#state === "ready";
    const wasRunning = this.#state === "starting" || wasReady;
    this.#state = "draining";
    const leave = await this.#changes.enter();
    try {
      // Nobody has been told to come yet: nobody has to notice.
      if (wasRunning) await this.#drain(isDelayed && wasReady);
      this.#grace.end();
      this.#health.close();
      this.#ejections.close();
      this.#resolver.close();
      this.#statistics?.close();
      await this.#planes.close();
      await this.#accessLogFiles.close();
      await this.#admin.close();
      this.#warnings.close();
    } finally {
      this.#state = "closed";
      this.#ready.resolve();
      leave();
    }
  }

  /** The delay in which others may notice that this proxy is going, then the time that exchanges under way have. */
  async #drain(isDelayed: boolean): Promise<void> {
    const { grace, delay } = this.#config.shutdown;
    if (isDelayed) {
      const noticing = new Countdown();
      noticing.limit(delay);
      await Promise.race([noticing.over, this.#grace.over]);
      noticing.end();
    }
    this.#grace.limit(grace);
    if (!this.#grace.isOver) await Promise.race([this.#planes.drain(), this.#grace.over]);
  }

  #adminSources(): AdminSources {
    const statusState = (): "starting" | "ready" | "draining" =>
      this.#state === "ready"
        ? "ready"
        : this.#state === "draining" || this.#state === "closed"
          ? "draining"
          : "starting";
    return {
      metrics: () => this.#reader.read(),
      readiness: () => {
        const state = statusState();
        if (state === "ready") return { isReady: true, reasons: [] };
        return {
          isReady: false,
          reasons: [state === "starting" ? "The first health checks are under way." : "Shutting down."],
        };
      },
      status: () =>
        describeProxy({
          state: statusState(),
          config: this.#config,
          planes: this.#planes,
          endpoints: this.#endpoints,
          reader: this.#reader,
        }),
      endpoint: (upstream, endpoint, change) => this.endpointControl.apply(upstream, endpoint, change),
      reload: this.#options.onReloadRequest ?? null,
    };
  }

  readonly #collectHealth: MetricCollector = (add) => {
    for (const { upstream, endpoint, successes, failures } of this.#health.status()) {
      add(families.healthChecks, [upstream, endpoint, "success"], successes);
      add(families.healthChecks, [upstream, endpoint, "failure"], failures);
    }
  };

  readonly #collectLost: MetricCollector = (add) => {
    add(families.logLinesLost, ["access"], this.#accessLogFiles.lost);
    add(families.logLinesLost, ["application"], lostApplicationLines());
    add(families.accessLogDropped, [], this.#accessLogFiles.lost);
  };

  readonly #onAccessLog = (path: string, lines: string, lineCount: number, lostBefore: number): boolean => {
    this.#accessLogFiles.write(path, lines, lineCount, lostBefore);
    return true;
  };

  #onHealthChange({ upstream, endpoint, from, to, reason }: HealthEvent): void {
    if (to === "healthy") this.#ejections.notePass(upstream, endpoint, from === "unhealthy" ? "recovery" : "pass");
    this.#logger[to === "unhealthy" ? "warn" : "info"](`endpoint is ${to}`, { upstream, endpoint, from, reason });
    this.#panics.look(upstream);
  }
}
