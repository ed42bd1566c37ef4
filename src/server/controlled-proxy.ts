/**
 * What stands behind the proxy that its owner holds (`proxy.ts`): validation, health checks, metrics, the admin
 * listener, reloads and the way out. It never touches proxied traffic; that is the data planes'.
 */
import type { AdminSources } from "../admin/admin-sources.ts";
import { Countdown } from "../base/countdown.ts";
import { Mutex } from "../base/mutex.ts";
import { sentenceOf } from "../base/sentence-of.ts";
import { SharedMemory } from "../base/shared-memory.ts";
import { TimeSlices } from "../base/time-slices.ts";
import { CacheKeeper } from "../cache/cache-keeper.ts";
import type { ConfigDiff } from "../config/config-diff.ts";
import type { ConfigInput } from "../config/config-input.ts";
import { diffConfig } from "../config/diff-config.ts";
import type { Config } from "../config/schema.ts";
import { AccessLogFiles } from "../observe/access-log-files.ts";
import { families } from "../observe/families.ts";
import { LabelNames } from "../observe/label-names.ts";
import { type Logger, silentLogger } from "../observe/logger.ts";
import { logWarnings, RepeatedWarnings } from "../observe/repeated-warning.ts";
import { describeListDifference } from "../upstream/discovery/list-difference.ts";
import { AdminListener } from "./admin-listener.ts";
import { cachePlacesOf, storedUrlsOf } from "./cache-places.ts";
import { ListenerCertificates } from "./certificates/listener-certificates.ts";
import { UpstreamCertificates } from "./certificates/upstream-certificates.ts";
import { type CommandOptions, describeConfiguration } from "./configuration-source.ts";
import { ControlMetrics } from "./control-metrics.ts";
import { createPlanes } from "./create-planes.ts";
import type { DataPlanes } from "./data-planes.ts";
import { drainWithin } from "./drain-within.ts";
import { EndpointControl } from "./endpoint-control.ts";
import { addControlCollectors } from "./control-collectors.ts";
import { configuredSources } from "./configured-sources.ts";
import { type CreateEndpointSource, EndpointLists, type ListChange, withLists } from "./endpoint-lists.ts";
import { EndpointWatch } from "./endpoint-watch.ts";
import type { Inspection } from "./inspection.ts";
import { LimitExchanges } from "./limit-exchanges.ts";
import { nameReports } from "./name-reports.ts";
import type { WantCertificate } from "./plane-certificates.ts";
import type { Proxy, ProxyAddress } from "./proxy.ts";
import { prepareListening } from "./prepare-listening.ts";
import { type ProxyState, proxyAdminSources } from "./proxy-admin-sources.ts";
import { toProxyAddress } from "./proxy-status.ts";
import { SharedEndpoints } from "./shared-endpoints.ts";
import { toConfig } from "./to-config.ts";

const firstChecksMs = 1_000;

/** A proxy with its control side; `Proxy` says what its methods do. */
export class ControlledProxy implements Proxy {
  readonly #options: CommandOptions;
  readonly #logger: Logger;
  readonly #memory = new SharedMemory();
  readonly #metrics: ControlMetrics;
  readonly #planes: DataPlanes;
  readonly #endpoints: SharedEndpoints;
  readonly #watch: EndpointWatch;
  /** Of all threads. */
  readonly #warnings: RepeatedWarnings;
  readonly #accessLogFiles: AccessLogFiles;
  readonly #certificates: ListenerCertificates;
  readonly endpointControl: EndpointControl;
  readonly cache: CacheKeeper;
  readonly #admin: AdminListener;
  /** As it was given. */
  #configured: Config;
  /** With the lists of endpoints as they are now. */
  #config: Config;
  readonly #lists: EndpointLists;
  readonly #endpointTls: UpstreamCertificates;
  readonly #limits: LimitExchanges;
  #state: ProxyState = "new";
  /** Starting and reloading come one after the other. */
  readonly #reloads = new Mutex();
  /** What changes the data planes comes one after the other. Within `#reloads`, if both are needed. */
  readonly #changes = new Mutex();
  readonly #ready = Promise.withResolvers<void>();
  readonly #grace = new Countdown();
  #closing: Promise<void> | null = null;

  /** Opens nothing until `listen`. @param createSource where endpoints come from; default: the configuration */
  constructor(config: Config, options: CommandOptions, createSource: CreateEndpointSource | null = null) {
    this.#configured = config;
    this.#config = config;
    this.#options = options;
    this.#logger = options.logger ?? silentLogger;
    this.#endpointTls = new UpstreamCertificates({ logger: this.#logger, onChange: () => this.#takeEndpointTls() });
    this.#warnings = new RepeatedWarnings({ onReport: logWarnings(this.#logger) });
    this.#lists = new EndpointLists({
      createSource: createSource ?? this.#createConfiguredSources(),
      onChange: () => void this.#takeLists(),
    });
    this.#accessLogFiles = new AccessLogFiles(this.#warnings);
    this.#metrics = new ControlMetrics(options.onStatisticsLine ?? null);
    this.#certificates = new ListenerCertificates({
      logger: this.#logger,
      metrics: this.#metrics.writer,
      onChange: () => this.#takeCertificates(),
    });
    this.#planes = this.#createPlanes();
    this.#endpoints = new SharedEndpoints(this.#memory, this.#planes.stripes);
    const resolving = nameReports(this.#warnings, this.#metrics.writer);
    this.#watch = new EndpointWatch({ endpoints: this.#endpoints, logger: this.#logger, resolving });
    this.endpointControl = new EndpointControl(this.#endpoints, this.#logger);
    this.#limits = new LimitExchanges({ memory: this.#memory, logger: this.#logger, names: this.#watch });
    this.cache = new CacheKeeper({
      memory: this.#memory,
      stripes: this.#planes.stripes,
      metrics: this.#metrics.writer,
      logger: this.#logger,
      warnings: this.#warnings,
    });
    this.#admin = new AdminListener(this.#adminSources(), this.#logger);
    addControlCollectors(this.#metrics.reader, {
      config: () => this.#config,
      endpoints: this.#endpoints,
      lists: this.#lists,
      cache: this.cache,
      watch: this.#watch,
      certificates: this.#certificates,
      planes: this.#planes,
      accessLogFiles: this.#accessLogFiles,
      options,
    });
  }

  #createConfiguredSources(): CreateEndpointSource {
    return configuredSources({
      logger: this.#logger,
      warnings: this.#warnings,
      lastGoodFolder: this.#options.lastGoodFolder ?? null,
      lookup: () => this.#watch.lookup,
    });
  }

  #createPlanes(): DataPlanes {
    return createPlanes(this.#configured.workers, {
      memory: this.#memory,
      idleGraceMs: this.#options.idleGraceMs ?? 0,
      logger: this.#logger,
      warnings: this.#warnings,
      onMetricPage: (source, page) => this.#metrics.reader.addPage(source, page),
      onAccessLog: this.#onAccessLog,
      onCertificateWanted: this.#onCertificateWanted,
      onDeath: (stripeIndex, source) => {
        this.#endpoints.clearStripe(stripeIndex);
        this.#metrics.reader.retire(source);
        // One that ends with the proxy is not replaced.
        if (this.#state !== "draining") this.#metrics.writer.counter(families.threadRestarts).add(1);
      },
    });
  }

  async listen(): Promise<void> {
    if (this.#state !== "new") throw new Error("this proxy has been started before");
    this.#state = "starting";
    try {
      await this.#reloads.run(() => this.#install(this.#configured));
      void this.#awaitFirstChecks();
    } catch (error) {
      await this.close({ graceMs: 0 });
      throw error;
    }
  }

  ready(): Promise<void> {
    return this.#ready.promise;
  }

  async #awaitFirstChecks(): Promise<void> {
    const patience = new Countdown();
    patience.limit(firstChecksMs);
    await Promise.race([this.#watch.firstRoundDone, patience.over]);
    patience.end();
    if (this.#state === "starting") this.#state = "ready";
    this.#ready.resolve();
  }

  addresses(): ProxyAddress[] {
    return this.#planes.addresses.map(toProxyAddress);
  }

  adminAddress(): string | null {
    return this.#admin.address;
  }

  /** Takes the normal form, too, as the loader of files gives it. */
  reload(next: ConfigInput | Config): Promise<ConfigDiff> {
    return this.#reloads.run(async () => {
      if (!this.#isRunning) throw new Error("this proxy is not running");
      try {
        const diff = await this.#reload(next);
        this.#metrics.noteReload("success");
        return diff;
      } catch (error) {
        this.#metrics.noteReload("failure");
        throw error;
      }
    });
  }

  async #reload(next: ConfigInput | Config): Promise<ConfigDiff> {
    const config = await toConfig(next, this.#configured.workers);
    const diff = await diffConfig(this.#configured, config);
    if (diff.otherKeys.includes("workers")) this.#logger.warn("a change of workers takes effect at the next start");
    if (!diff.isEmpty || (await this.#endpointTls.hasChanged())) await this.#install(config);
    else await this.#refreshCertificates();
    return diff;
  }

  get #isRunning(): boolean {
    return this.#state === "starting" || this.#state === "ready";
  }

  /** A configuration was refused before it came here: it counts as a reload that failed. */
  noteRefusedReload(): void {
    this.#metrics.noteReload("failure");
  }

  /**
   * Brings `configured` to work everywhere, or changes nothing anywhere. While new sources of endpoints are waited for,
   * those that run may bring their changes.
   */
  async #install(configured: Config): Promise<void> {
    this.#planes.warmUp();
    try {
      await this.#lists.open(configured);
    } catch (error) {
      this.#lists.abort();
      throw error;
    }
    await this.#changes.run(() => this.#installListed(configured));
  }

  async #installListed(configured: Config): Promise<void> {
    if (this.#state === "draining" || this.#state === "closed") throw new Error("this proxy has been closed");
    const listed = await this.#lists.prepare(configured);
    let config: Config;
    let names: LabelNames;
    try {
      config = await this.#endpointTls.prepare(listed);
      names = await LabelNames.build(config);
      await this.#prepare(config);
    } catch (error) {
      await this.#endpoints.release();
      await this.cache.abort();
      this.#endpointTls.abort();
      this.#lists.abort();
      throw error;
    }
    await this.#planes.commit();
    await this.cache.commit();
    this.#certificates.commit();
    this.#accessLogFiles.commit();
    this.#admin.commit();
    this.#configured = configured;
    await this.#adopt(config, names);
    this.#lists.commit();
    this.#endpointTls.commit();
  }

  /** Files of TLS to endpoints have changed: a reload that is about nothing else. */
  #takeEndpointTls(): Promise<void> {
    return this.#reloads.run(async () => {
      if (this.#isRunning) await this.#install(this.#configured);
    });
  }

  /** Brings the lists of endpoints that have changed to the proxy threads, and leaves everything else alone. */
  #takeLists(): Promise<void> {
    return this.#changes
      .run(async () => {
        // Also on the way out: requests come until others have noticed it.
        await this.#lists.bringChanges(this.#config, (changes) => this.#bringLists(changes));
      })
      .catch((error: unknown) =>
        this.#logger.error("the endpoints of an upstream could not be changed", { error: sentenceOf(error) }),
      );
  }

  async #bringLists(changes: readonly ListChange[]): Promise<void> {
    const lists = changes.map((change) => this.#endpoints.reserveList(change));
    const before = changes.map(({ upstream }) => ({ upstream, options: this.#config.upstreams[upstream]! }));
    const config = withLists(this.#config, changes);
    try {
      const posted = lists.map(({ upstream, memory }, at) => ({ upstream, patch: changes[at]!.patch, memory }));
      await this.#planes.takeLists(posted, config);
    } catch (error) {
      withLists(config, before);
      throw error;
    }
    this.#config = config;
    lists.forEach((list, at) => {
      this.#endpoints.adoptList(list);
      this.#watch.adoptList(list, describeListDifference(before[at]!.options.endpoints, changes[at]!.patch));
      this.#metrics.patchEndpoints(list.upstream, changes[at]!.patch);
    });
  }

  /** Looks for files that have changed, within a reload that changes nothing else. */
  #refreshCertificates(): Promise<void> {
    return this.#changes.run(async () => {
      await this.#certificates.refresh();
      await this.#planes.takeCertificates(this.#certificates.material);
    });
  }

  /** Brings the certificates that have changed to the proxy threads, and leaves everything else alone. */
  #takeCertificates(): Promise<void> {
    return this.#changes.run(async () => {
      if (this.#isRunning) await this.#planes.takeCertificates(this.#certificates.material);
    });
  }

  async #prepare(config: Config): Promise<void> {
    await this.#endpoints.reserve(config);
    await this.cache.prepare(cachePlacesOf(config), storedUrlsOf(config));
    const tls = await this.#certificates.prepare(config);
    try {
      await this.#accessLogFiles.prepare(config.log.access?.path ?? null);
      await prepareListening({ planes: this.#planes, admin: this.#admin }, config, tls);
    } catch (error) {
      this.#accessLogFiles.abort();
      this.#certificates.abort();
      throw error;
    }
  }

  /** Follows the proxy threads, which have `config`, in slices. */
  async #adopt(config: Config, names: LabelNames): Promise<void> {
    const slices = new TimeSlices();
    this.#config = config;
    await this.#endpoints.adopt(slices);
    this.#metrics.adopt(names);
    await this.#watch.adopt(config, slices);
    await this.#limits.adopt(config);
    this.#metrics.noteInstalled(config.log.stats);
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
    return this.#metrics.cut;
  }

  async #close(isDelayed: boolean): Promise<void> {
    const wasReady = this.#state === "ready";
    const wasRunning = this.#state === "starting" || wasReady;
    this.#state = "draining";
    let leave = await this.#changes.enter();
    try {
      leave();
      // The delay is for load balancers that send requests here: before it was ready, none did.
      const { grace: graceMs, delay } = this.#config.shutdown;
      const delayMs = isDelayed && wasReady ? delay : 0;
      if (wasRunning) await drainWithin(this.#planes, this.#grace, { delayMs, graceMs });
      this.#grace.end();
      leave = await this.#changes.enter();
      await Promise.all([this.#lists.close(), this.#limits.close()]);
      this.#endpointTls.close();
      this.#watch.close();
      this.#certificates.close();
      this.#metrics.close();
      await this.#planes.close();
      await this.cache.close();
      await this.#accessLogFiles.close();
      await this.#admin.close();
      this.#warnings.close();
    } finally {
      this.#state = "closed";
      this.#ready.resolve();
      leave();
    }
  }

  #adminSources(): AdminSources {
    return proxyAdminSources({
      configuration: () => describeConfiguration(this.#options),
      state: () => this.#state,
      config: () => this.#config,
      planes: this.#planes,
      endpoints: this.#endpoints,
      lists: this.#lists,
      missingLists: () => this.#lists.missingAtStart(),
      reader: this.#metrics.reader,
      certificates: this.#certificates,
      endpointControl: this.endpointControl,
      cache: this.cache,
      onReloadRequest: this.#options.onReloadRequest ?? null,
    });
  }

  readonly #onCertificateWanted: WantCertificate = (listenerName, name, kind) =>
    this.#certificates.want(listenerName, name, kind).catch((error: unknown) => {
      this.#logger.error("a certificate could not be made", { name, error: sentenceOf(error) });
    });

  readonly #onAccessLog = (path: string, lines: Buffer, lineCount: number, lostBefore: number): boolean => {
    this.#accessLogFiles.write(path, lines, lineCount, lostBefore);
    return true;
  };
}
