/**
 * What stands behind the proxy that its owner holds (`proxy.ts`): validation, health checks, metrics, the admin
 * listener, reloads and the way out. It never touches proxied traffic; that is the data planes'.
 */
import type { AdminSources } from "../admin/admin-sources.ts";
import { Countdown } from "../base/countdown.ts";
import { Mutex } from "../base/mutex.ts";
import { SharedMemory } from "../base/shared-memory.ts";
import { TimeSlices } from "../base/time-slices.ts";
import type { ConfigDiff } from "../config/config-diff.ts";
import type { ConfigInput } from "../config/config-input.ts";
import { diffConfig } from "../config/diff-config.ts";
import type { Config } from "../config/schema.ts";
import type { TlsMaterial } from "../net/tls/tls-material.ts";
import { AccessLogFiles } from "../observe/access-log-files.ts";
import { families } from "../observe/families.ts";
import { LabelNames } from "../observe/label-names.ts";
import { type Logger, silentLogger } from "../observe/logger.ts";
import { logWarnings, RepeatedWarnings } from "../observe/repeated-warning.ts";
import { lostApplicationLines } from "../observe/standard-output.ts";
import { AdminListener } from "./admin-listener.ts";
import { withUser } from "./assert-address-free.ts";
import { ListenerCertificates } from "./certificates/listener-certificates.ts";
import { collectBalancing } from "./balancing-metrics.ts";
import { UpstreamCertificates } from "./certificates/upstream-certificates.ts";
import { ControlMetrics } from "./control-metrics.ts";
import { createPlanes } from "./create-planes.ts";
import type { DataPlanes } from "./data-planes.ts";
import { EndpointControl } from "./endpoint-control.ts";
import { type CreateEndpointSource, EndpointLists, staticSource } from "./endpoint-lists.ts";
import { EndpointWatch } from "./endpoint-watch.ts";
import type { Inspection } from "./inspection.ts";
import { nameReports } from "./name-reports.ts";
import type { WantCertificate } from "./plane-certificates.ts";
import type { Proxy, ProxyAddress, ProxyOptions } from "./proxy.ts";
import { type ProxyState, proxyAdminSources } from "./proxy-admin-sources.ts";
import { addressText } from "./proxy-status.ts";
import { type EndpointsOf, SharedEndpoints } from "./shared-endpoints.ts";
import { toConfig } from "./to-config.ts";

const firstChecksMs = 1_000;

/** A proxy with its control side; `Proxy` says what its methods do. */
export class ControlledProxy implements Proxy {
  readonly #options: ProxyOptions;
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
  readonly #admin: AdminListener;
  /** As it was given. */
  #configured: Config;
  /** With the lists of endpoints as they are now. */
  #config: Config;
  readonly #lists: EndpointLists;
  readonly #endpointTls: UpstreamCertificates;
  #state: ProxyState = "new";
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
    this.#endpointTls = new UpstreamCertificates({ logger: this.#logger, onChange: () => this.#takeEndpointTls() });
    this.#warnings = new RepeatedWarnings({ onReport: logWarnings(this.#logger) });
    this.#accessLogFiles = new AccessLogFiles(this.#warnings);
    this.#metrics = new ControlMetrics(options.onStatisticsLine ?? null);
    this.#certificates = new ListenerCertificates({
      logger: this.#logger,
      metrics: this.#metrics.writer,
      onChange: () => this.#takeCertificates(),
    });
    this.#planes = this.#createPlanes();
    this.#endpoints = new SharedEndpoints(this.#memory, this.#planes.stripes);
    this.#watch = new EndpointWatch({
      endpoints: this.#endpoints,
      logger: this.#logger,
      resolving: nameReports(this.#warnings, this.#metrics.writer),
    });
    this.endpointControl = new EndpointControl(this.#endpoints, this.#logger);
    this.#admin = new AdminListener(this.#adminSources(), this.#logger);
    this.#addCollectors();
  }

  #addCollectors(): void {
    const { reader } = this.#metrics;
    const endpointsOf: EndpointsOf = (upstream) => this.#endpoints.of(upstream);
    reader.addCollector(this.#endpoints.collect);
    reader.addCollector(this.#watch.collect);
    reader.addCollector(this.#certificates.collect);
    reader.addCollector(collectBalancing(() => this.#config, endpointsOf));
    reader.addCollector((add) => {
      add(families.threads, [], this.#planes.threads.filter((thread) => thread.isRunning).length);
      add(families.logLinesLost, ["access"], this.#accessLogFiles.lost);
      add(families.logLinesLost, ["application"], lostApplicationLines());
      add(families.accessLogDropped, [], this.#accessLogFiles.lost);
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
    await Promise.race([this.#watch.firstRoundDone, patience.over]);
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
      if (!diff.isEmpty || (await this.#endpointTls.hasChanged())) await this.#install(config);
      else await this.#refreshCertificates();
      this.#metrics.noteReload("success");
      return diff;
    } catch (error) {
      this.#metrics.noteReload("failure");
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
    const listed = await this.#lists.prepare(configured);
    let config: Config;
    let names: LabelNames;
    try {
      config = await this.#endpointTls.prepare(listed);
      names = await LabelNames.build(config);
      await this.#prepare(config);
    } catch (error) {
      await this.#endpoints.release();
      this.#endpointTls.abort();
      this.#lists.abort();
      throw error;
    }
    await this.#planes.commit();
    this.#certificates.commit();
    this.#accessLogFiles.commit();
    this.#admin.commit();
    this.#configured = configured;
    await this.#adopt(config, names);
    this.#lists.commit();
    this.#endpointTls.commit();
  }

  /** Files of TLS to endpoints have changed: a reload that is about nothing else. */
  async #takeEndpointTls(): Promise<void> {
    const leave = await this.#changes.enter();
    try {
      if (this.#state === "starting" || this.#state === "ready") await this.#install(this.#configured);
    } finally {
      leave();
    }
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
      for (const list of lists) {
        this.#endpoints.adoptList(list);
        this.#watch.adoptList(list);
        this.#metrics.setEndpoints(list.upstream, list.options.endpoints);
      }
    } catch (error) {
      this.#logger.error("the endpoints of an upstream could not be changed", { error: sentenceOf(error) });
    } finally {
      leave();
    }
  }

  /** Looks for files that have changed, within a reload that changes nothing else. */
  async #refreshCertificates(): Promise<void> {
    await this.#certificates.refresh();
    await this.#planes.takeCertificates(this.#certificates.material);
  }

  /** Brings the certificates that have changed to the proxy threads, and leaves everything else alone. */
  async #takeCertificates(): Promise<void> {
    const leave = await this.#changes.enter();
    try {
      if (this.#state === "starting" || this.#state === "ready")
        await this.#planes.takeCertificates(this.#certificates.material);
    } finally {
      leave();
    }
  }

  async #prepare(config: Config): Promise<void> {
    await this.#endpoints.reserve(config);
    const tls = await this.#certificates.prepare(config);
    try {
      await this.#accessLogFiles.prepare(config.log.access?.path ?? null);
      await this.#preparePlanes(config, tls);
    } catch (error) {
      this.#certificates.abort();
      throw error;
    }
  }

  async #preparePlanes(config: Config, tls: TlsMaterial): Promise<void> {
    try {
      await this.#planes.prepare(config, tls).catch((error: unknown) => {
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
  async #adopt(config: Config, names: LabelNames): Promise<void> {
    const slices = new TimeSlices();
    this.#config = config;
    await this.#endpoints.adopt(slices);
    this.#metrics.adopt(names);
    await this.#watch.adopt(config, slices);
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
    const leave = await this.#changes.enter();
    try {
      // The delay is for load balancers that send requests here: before it was ready, none did.
      if (wasRunning) await this.#drain(isDelayed && wasReady);
      this.#grace.end();
      this.#lists.close();
      this.#endpointTls.close();
      this.#watch.close();
      this.#certificates.close();
      this.#metrics.close();
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
    return proxyAdminSources({
      state: () => this.#state,
      config: () => this.#config,
      planes: this.#planes,
      endpoints: this.#endpoints,
      reader: this.#metrics.reader,
      certificates: this.#certificates,
      endpointControl: this.endpointControl,
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

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
