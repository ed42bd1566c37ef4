/**
 * What stands behind the proxy that its owner holds (`proxy-handle.ts`): validation, health checks, metrics, the admin
 * listener, reloads and the way out. It never touches proxied traffic; that is the data planes'.
 */
import { randomBytes } from "node:crypto";
import type { AdminSources } from "../admin/admin-sources.ts";
import { Countdown } from "../base/countdown.ts";
import { Mutex } from "../base/mutex.ts";
import { systemScheduler } from "../base/scheduler.ts";
import { SharedMemory } from "../base/shared-memory.ts";
import { TimeSlices } from "../base/time-slices.ts";
import type { ConfigDiff } from "../config/config-diff.ts";
import type { ConfigInput } from "../config/config-input.ts";
import { diffConfig } from "../config/diff-config.ts";
import type { Config } from "../config/schema.ts";
import { AccessLogFiles } from "../observe/access-log-files.ts";
import { families } from "../observe/families.ts";
import { LabelNames } from "../observe/label-names.ts";
import { type Logger, silentLogger } from "../observe/logger.ts";
import { type MetricCollector, MetricReader } from "../observe/metric-reader.ts";
import { MetricWriter } from "../observe/metric-writer.ts";
import { collectProcessMetrics } from "../observe/process-metrics.ts";
import { logWarnings, RepeatedWarnings } from "../observe/repeated-warning.ts";
import { lostApplicationLines } from "../observe/standard-output.ts";
import { StatisticsLine } from "../observe/statistics-line.ts";
import { EjectionKeeper } from "../upstream/ejection-keeper.ts";
import { HealthChecker, type HealthEvent, type HealthTarget } from "../upstream/health/health-checker.ts";
import { createHttpProbe } from "../upstream/health/http-probe.ts";
import { HostResolver } from "../upstream/names/host-resolver.ts";
import { toLookupFunction } from "../upstream/names/lookup-function.ts";
import { AdminListener } from "./admin-listener.ts";
import { withUser } from "./assert-address-free.ts";
import { collectBalancing } from "./balancing-metrics.ts";
import type { DataPlanes } from "./data-planes.ts";
import { EndpointControl } from "./endpoint-control.ts";
import { type CreateEndpointSource, EndpointLists, staticSource } from "./endpoint-lists.ts";
import { InlinePlane } from "./inline-plane.ts";
import type { Inspection } from "./inspection.ts";
import { nameReports } from "./name-reports.ts";
import { PanicWatch } from "./panic-watch.ts";
import type { Proxy, ProxyAddress, ProxyOptions } from "./proxy-handle.ts";
import { addressText, describeProxy } from "./proxy-status.ts";
import { type ReservedList, SharedEndpoints } from "./shared-endpoints.ts";
import { ProxyThreads } from "./threads/proxy-threads.ts";
import { decideThreadCount } from "./threads/thread-count.ts";
import { toConfig } from "./to-config.ts";

const firstChecksMs = 1_000;
const controlSource = "control";

/** A proxy with its control side; `Proxy` says what its methods do. */
export class ControlledProxy implements Proxy {
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
  readonly endpointControl: EndpointControl;
  readonly #admin: AdminListener;
  readonly #resolver: HostResolver;
  readonly #health: HealthChecker;
  readonly #ejections = new EjectionKeeper({
    onReturn: ({ upstream, endpoint }, cause) =>
      this.#logger.info("endpoint is no longer ejected", { upstream, endpoint, cause }),
  });
  /** As it was given. */
  #configured: Config;
  /** With the lists of endpoints as they are now. */
  #config: Config;
  readonly #lists: EndpointLists;
  #names: LabelNames | null = null;
  #statistics: StatisticsLine | null = null;
  #state: "new" | "starting" | "ready" | "draining" | "closed" = "new";
  /** Starting, reloading and closing come one after the other. */
  readonly #changes = new Mutex();
  readonly #ready = Promise.withResolvers<void>();
  readonly #grace = new Countdown();
  #closing: Promise<void> | null = null;

  /** Opens nothing until `listen`. @param createSource where endpoints come from; default: the configuration */
  constructor(config: Config, options: ProxyOptions, createSource: CreateEndpointSource = staticSource) {
    this.#configured = config;
    this.#config = config;
    this.#lists = new EndpointLists({ createSource, onChange: () => void this.#takeLists() });
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
    return new InlinePlane({
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
      await this.#install(this.#configured);
      void this.#awaitFirstChecks();
    } finally {
      leave();
    }
  }

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

  addresses(): ProxyAddress[] {
    return this.#planes.addresses.map((address) => ({
      name: address.name,
      host: address.host,
      port: address.port,
      text: addressText(address),
    }));
  }

  adminAddress(): string | null {
    return this.#admin.address;
  }

  /** Takes the normal form, too, as the loader of files gives it. */
  async reload(next: ConfigInput | Config): Promise<ConfigDiff> {
    this.#assertRunning();
    const leave = await this.#changes.enter();
    try {
      this.#assertRunning();
      const config = await toConfig(next, this.#configured.workers);
      const diff = await diffConfig(this.#configured, config);
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

  /** Brings `configured` to work everywhere, or changes nothing anywhere. */
  async #install(configured: Config): Promise<void> {
    this.#planes.warmUp();
    const config = await this.#lists.prepare(configured);
    const names = await LabelNames.build(config);
    try {
      await this.#prepare(config);
    } catch (error) {
      await this.#endpoints.release();
      this.#lists.abort();
      throw error;
    }
    await this.#planes.commit();
    this.#accessLogFiles.commit();
    this.#admin.commit();
    this.#configured = configured;
    this.#names = names;
    await this.#adopt(config);
    this.#lists.commit();
  }

  /** Brings the lists of endpoints that have changed to the proxy threads, and leaves everything else alone. */
  async #takeLists(): Promise<void> {
    const leave = await this.#changes.enter();
    try {
      if (this.#state !== "starting" && this.#state !== "ready") return;
      const changes = this.#lists.takeChanges(this.#config);
      if (changes.length === 0) return;
      const lists = changes.map(([upstream, options]) => this.#endpoints.reserveList(upstream, options));
      const config = { ...this.#config, upstreams: { ...this.#config.upstreams, ...Object.fromEntries(changes) } };
      await this.#planes.takeLists(
        lists.map(({ upstream, options, memory }) => ({ upstream, endpoints: options.endpoints, memory })),
        config,
      );
      this.#config = config;
      for (const list of lists) this.#adoptList(list);
      this.#forgetNames();
    } catch (error) {
      this.#logger.error("the endpoints of an upstream could not be changed", { error: sentenceOf(error) });
    } finally {
      leave();
    }
  }

  #adoptList(list: ReservedList): void {
    const { upstream } = list;
    this.#endpoints.adoptList(list);
    this.#names?.setEndpoints(upstream, list.options.endpoints);
    this.#health.updateUpstream(upstream, this.#endpoints.healthTargets(upstream, list.options));
    this.#ejections.update(upstream, this.#endpoints.ejectionTargets(upstream));
    this.#panics.look(upstream);
    this.#logger.info("upstream has other endpoints", { upstream, endpoints: list.options.endpoints.length });
  }

  /** Lets go what was counted under names that are gone. */
  #forgetNames(): void {
    const names = this.#names!;
    this.#reader.forgetRetained((family, labelValues) => names.has(family, labelValues));
  }

  async #prepare(config: Config): Promise<void> {
    await this.#endpoints.reserve(config);
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

  /** Follows the proxy threads, which have `config`, in slices. */
  async #adopt(config: Config): Promise<void> {
    const slices = new TimeSlices();
    const isStatisticsChanged = this.#statistics === null || this.#config.log.stats !== config.log.stats;
    this.#config = config;
    await this.#endpoints.adopt(slices);
    this.#forgetNames();
    this.#panics.adopt(config);
    const checked: HealthTarget[] = [];
    for (const [name, options] of Object.entries(config.upstreams)) {
      checked.push(...this.#endpoints.healthTargets(name, options));
      this.#ejections.update(name, this.#endpoints.ejectionTargets(name));
      const pause = slices.pause();
      if (pause !== null) await pause;
    }
    this.#ejections.keep((upstream) => Object.hasOwn(config.upstreams, upstream));
    this.#health.update(checked);
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

  reopenLogs(): void {
    this.#accessLogFiles.reopen();
  }

  inspect(): Promise<Inspection> {
    return this.#planes.inspect();
  }

  killThread(index: number): Promise<void> {
    return this.#planes.killThread(index);
  }

  close(options: { readonly graceMs?: number } = {}): Promise<void> {
    if (options.graceMs !== undefined) this.#grace.limit(options.graceMs);
    this.#closing ??= this.#close(options.graceMs === undefined);
    return this.#closing;
  }

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
      this.#lists.close();
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

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
