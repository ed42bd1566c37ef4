/**
 * Keeps the certificates of all listeners in the control thread: reads and validates them before a configuration comes
 * to work, follows their files, takes what other sources give, and brings every change to all threads. Whatever goes
 * wrong with a running configuration leaves the certificates as they were.
 */
import { randomBytes } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { Config } from "../../config/schema.ts";
import { type ConfigWatch, watchConfig } from "../../config/watch-config.ts";
import type { ListenerOptions } from "../../net/options.ts";
import type { CertificateHost, CertificateSource, WantedKind } from "../../net/tls/certificate-source.ts";
import type { Staple } from "../../net/tls/ocsp.ts";
import type { ListenerTlsOptions } from "../../net/tls/options.ts";
import {
  type CertificateMaterial,
  type ChallengeCertificate,
  type ListenerTlsMaterial,
  noTlsMaterial,
  type TlsMaterial,
} from "../../net/tls/tls-material.ts";
import type { Logger } from "../../observe/logger.ts";
import type { MetricWriter } from "../../observe/metric-writer.ts";
import { loadFunctions } from "../load-functions.ts";
import { CertificateFiles } from "./certificate-file.ts";
import { ExpiryWatch } from "./expiry-watch.ts";
import type { FileWarning } from "./file-findings.ts";
import { CertificateCache, type ListenerFiles, readListenerFiles } from "./listener-files.ts";
import { sourceFactories } from "./source-factories.ts";
import type { SourceFactory } from "./source-factory.ts";
import { type AskResponder, Stapler } from "./stapler.ts";

/** What the keeper is made of. */
export interface KeeperParts {
  readonly logger: Logger;
  readonly metrics: MetricWriter;
  /** `material` is another one: it is to be brought to all threads. Resolves when they have it. */
  onChange(): Promise<void>;
  readonly factories?: readonly SourceFactory[];
  /** How OCSP responders are asked; default: by HTTP. */
  readonly ask?: AskResponder;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** A source, and what it gave last. */
interface KeptSource {
  readonly key: string;
  readonly options: unknown;
  readonly source: CertificateSource;
  certificates: readonly CertificateMaterial[];
  isStarted: boolean;
}

interface KeptListener {
  readonly name: string;
  readonly options: ListenerTlsOptions;
  files: ListenerFiles;
  readonly sources: readonly KeptSource[];
}

/** A configuration that is not at work yet. */
interface Prepared {
  readonly listeners: readonly KeptListener[];
  readonly files: CertificateFiles;
  readonly warnings: readonly FileWarning[];
}

/** File systems that give no notice are rare, and certificates change seldom. */
const pollMs = 60_000;

/** The certificates of one proxy. */
export class CertificateKeeper {
  readonly #parts: KeeperParts;
  readonly #factories: readonly SourceFactory[];
  readonly #now: () => number;
  readonly #cache = new CertificateCache();
  /** How long the certificates last. */
  readonly expiry: ExpiryWatch;
  /** What tickets are encrypted with if no secret is configured. */
  readonly #ownSecret = randomBytes(32).toString("base64");
  readonly #stapler: Stapler;
  readonly #httpChallenges = new Map<string, string>();
  readonly #alpnChallenges = new Map<string, ChallengeCertificate>();
  #listeners: readonly KeptListener[] = [];
  #prepared: Prepared | null = null;
  #material: TlsMaterial = noTlsMaterial;
  #watch: ConfigWatch | null = null;
  /** Warnings about files that stand: each is said once. */
  #said: ReadonlySet<string> = new Set();
  #isClosed = false;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    this.#factories = parts.factories ?? sourceFactories;
    this.#now = parts.now ?? Date.now;
    const { logger, ask } = parts;
    this.expiry = new ExpiryWatch({ logger, now: this.#now });
    this.#stapler = new Stapler({
      logger,
      onChange: () => void this.#change(),
      now: this.#now,
      ...(ask !== undefined && { ask }),
    });
  }

  /** What holds at the moment. The same object as long as nothing changes. */
  get material(): TlsMaterial {
    return this.#material;
  }

  /**
   * Reads what `config` needs. Nothing changes until `commit`; `abort` forgets it.
   * @returns what threads are to be prepared with @throws ConfigError with everything that is wrong with its files
   */
  async prepare(config: Config): Promise<TlsMaterial> {
    const files = new CertificateFiles();
    const warnings: FileWarning[] = [];
    const listeners: KeptListener[] = [];
    this.#cache.beginRound();
    try {
      for (const listener of config.listeners) {
        if (listener.tls === null) continue;
        const reading = await readListenerFiles(listener.tls, {
          files,
          cache: this.#cache,
          nowMs: this.#now(),
          before: null,
        });
        warnings.push(...reading.warnings);
        const sources = await this.#prepareSources(listener, config);
        listeners.push({ name: listener.name, options: listener.tls, files: reading.files, sources });
      }
    } catch (error) {
      this.#closeNew(listeners);
      throw error;
    }
    this.#prepared = { listeners, files, warnings };
    return this.#assemble(listeners);
  }

  async #prepareSources(listener: ListenerOptions, { modules, stores }: Config): Promise<KeptSource[]> {
    const known = this.#listeners.find(({ name }) => name === listener.name)?.sources ?? [];
    const sources: KeptSource[] = [];
    for (const factory of this.#factories) {
      const options = factory.optionsOf(listener, stores);
      if (options === null) continue;
      const kept = known.find((one) => one.key === factory.key && isDeepStrictEqual(one.options, options));
      if (kept !== undefined) {
        sources.push(kept);
        continue;
      }
      const { logger, metrics } = this.#parts;
      const functions = () => loadFunctions(modules);
      const source = await factory.create(listener, { logger, metrics, functions, stores });
      const fresh: KeptSource = { key: factory.key, options, source, certificates: [], isStarted: false };
      sources.push(fresh);
      fresh.certificates = await source.load();
    }
    return sources;
  }

  /** What was prepared holds. */
  commit(): void {
    const prepared = this.#prepared;
    if (prepared === null) return;
    const before = this.#listeners;
    this.#prepared = null;
    this.#listeners = prepared.listeners;
    this.#material = this.#assemble(prepared.listeners);
    this.#adoptMaterial();
    const stay = new Set(prepared.listeners.flatMap(({ sources }) => sources));
    for (const source of before.flatMap(({ sources }) => sources)) if (!stay.has(source)) source.source.close();
    this.#say(prepared.warnings);
    this.#follow(prepared.files);
    for (const { sources } of prepared.listeners)
      for (const source of sources) {
        if (source.isStarted) continue;
        source.isStarted = true;
        source.source.start(this.#hostOf(source));
      }
  }

  /** Forgets what was prepared. */
  abort(): void {
    const prepared = this.#prepared;
    this.#prepared = null;
    if (prepared !== null) this.#closeNew(prepared.listeners);
  }

  #closeNew(listeners: readonly KeptListener[]): void {
    for (const { sources } of listeners) for (const { source, isStarted } of sources) if (!isStarted) source.close();
  }

  close(): void {
    this.#isClosed = true;
    this.abort();
    this.#watch?.close();
    this.expiry.close();
    this.#stapler.close();
    for (const { sources } of this.#listeners) for (const { source } of sources) source.close();
  }

  /**
   * Reads the files of the running configuration anew. The caller brings `material` to all threads.
   * @throws ConfigError with everything that is wrong; then nothing changes
   */
  async refresh(): Promise<void> {
    await this.#readAgain("refuse");
  }

  async #onFilesChanged(): Promise<void> {
    if (await this.#readAgain("keep")) await this.#parts.onChange();
  }

  /**
   * Asks the sources of a listener for a certificate of `name`, or all sources for a challenge: a certificate authority
   * may come to any listener. Resolves when it is there, or will not be.
   */
  async want(listenerName: string, name: string, kind: WantedKind): Promise<void> {
    for (const listener of this.#listeners)
      for (const { source } of listener.sources) {
        if (kind !== "certificate") await source.wantChallenge?.(kind, name);
        else if (listener.name === listenerName) await source.want?.(name);
      }
  }

  /**
   * Reads the files again. `keep`: what cannot be used leaves what was there, and is told.
   * @returns whether `material` is another one
   */
  async #readAgain(onProblem: "keep" | "refuse"): Promise<boolean> {
    const listeners = this.#listeners;
    const files = new CertificateFiles();
    const warnings: FileWarning[] = [];
    const found: ListenerFiles[] = [];
    // Listeners may share a file.
    const kept = new Set<string>();
    this.#cache.beginRound();
    for (const listener of listeners) {
      const reading = await readListenerFiles(listener.options, {
        files,
        cache: this.#cache,
        nowMs: this.#now(),
        before: onProblem === "keep" ? listener.files : null,
      });
      found.push(reading.files);
      warnings.push(...reading.warnings);
      for (const sentence of reading.kept) kept.add(sentence);
    }
    for (const problem of kept)
      this.#parts.logger.error("a file of TLS cannot be used; what was read before stays", { problem });
    // A reload came between.
    if (this.#isClosed || this.#listeners !== listeners) return false;
    listeners.forEach((listener, index) => {
      listener.files = found[index] ?? listener.files;
    });
    this.#say(warnings);
    this.#follow(files);
    return this.#assembleAgain();
  }

  /** @returns whether `material` is another one now */
  #assembleAgain(): boolean {
    const before = this.#material;
    const material = this.#assemble(this.#listeners);
    if (isSameMaterial(before, material) || this.#isClosed) return false;
    this.#material = material;
    this.#tellNew(before, material);
    this.#adoptMaterial();
    return true;
  }

  /** Brings what is other than before to all threads. */
  async #change(): Promise<void> {
    if (this.#assembleAgain()) await this.#parts.onChange();
  }

  #adoptMaterial(): void {
    this.expiry.adopt(this.#material);
    const withoutResponder = new Set(
      this.#listeners.flatMap(({ files }) =>
        files.certificates.filter(({ options }) => options.ocsp !== "auto").map(({ material }) => material.id),
      ),
    );
    this.#stapler.follow([...this.#material.certificates.values()].filter(({ id }) => !withoutResponder.has(id)));
  }

  #tellNew(before: TlsMaterial, { certificates }: TlsMaterial): void {
    for (const { id, names, notAfterMs } of certificates.values())
      if (!before.certificates.has(id))
        this.#parts.logger.info("a certificate was replaced", {
          names: names.slice(0, 5).join(" "),
          expires: new Date(notAfterMs).toISOString(),
        });
  }

  #hostOf(source: KeptSource): CertificateHost {
    return {
      give: async (certificates) => {
        source.certificates = certificates;
        await this.#change();
      },
      setHttpChallenge: async (token, keyAuthorization) => {
        if (keyAuthorization === null) this.#httpChallenges.delete(token);
        else this.#httpChallenges.set(token, keyAuthorization);
        await this.#change();
      },
      setAlpnChallenge: async (serverName, certificate) => {
        if (certificate === null) this.#alpnChallenges.delete(serverName);
        else this.#alpnChallenges.set(serverName, certificate);
        await this.#change();
      },
    };
  }

  #assemble(listeners: readonly KeptListener[]): TlsMaterial {
    const certificates = new Map<string, CertificateMaterial>();
    const add = (bare: CertificateMaterial, staple: Staple | null): string => {
      const { der, nextUpdateMs } = staple ?? {};
      const certificate =
        der === undefined || nextUpdateMs === undefined ? bare : { ...bare, ocsp: { der, nextUpdateMs } };
      const known = this.#material.certificates.get(certificate.id);
      if (!certificates.has(certificate.id))
        certificates.set(
          certificate.id,
          known !== undefined && isDeepStrictEqual(known, certificate) ? known : certificate,
        );
      return certificate.id;
    };
    const byName = new Map<string, ListenerTlsMaterial>();
    for (const { name, options, files, sources } of listeners)
      byName.set(name, {
        certificates: [
          ...files.certificates.map(({ options: { ocsp }, material, staple }) =>
            add(material, ocsp === "auto" ? this.#stapler.stapleOf(material.id) : staple),
          ),
          ...sources.flatMap(({ certificates: given }) =>
            given.map((material) => add(material, this.#stapler.stapleOf(material.id))),
          ),
        ],
        unknownName: options.unknownName,
        isOnDemand: sources.some(({ source }) => source.want !== undefined),
        minVersion: options.minVersion,
        profile: options.profile,
        clientAuth: files.clientAuth,
        hosts: files.hosts,
        ticketSecret: files.ticketSecret ?? this.#ownSecret,
        ticketLifetimeMs: options.tickets?.lifetime ?? 0,
      });
    return {
      certificates,
      listeners: byName,
      challenges: {
        http: new Map(this.#httpChallenges),
        alpn: new Map(this.#alpnChallenges),
        isShared: listeners.some(({ sources }) => sources.some(({ source }) => source.wantChallenge !== undefined)),
      },
    };
  }

  #follow({ digests }: CertificateFiles): void {
    const [first] = digests.keys();
    if (first === undefined || this.#isClosed) {
      this.#watch?.close();
      this.#watch = null;
      return;
    }
    this.#watch ??= watchConfig(first, () => this.#onFilesChanged(), {
      pollMs,
      onError: (error) => this.#parts.logger.warn("watching the files of certificates failed", { error }),
    });
    this.#watch.follow(digests);
  }

  #say(warnings: readonly FileWarning[]): void {
    const sentences = new Set(warnings.map(({ file, message }) => `${file} ${message}`));
    for (const sentence of sentences) if (!this.#said.has(sentence)) this.#parts.logger.warn(sentence);
    this.#said = sentences;
  }
}

function isSameMaterial(one: TlsMaterial, other: TlsMaterial): boolean {
  return (
    isDeepStrictEqual(one.listeners, other.listeners) &&
    isDeepStrictEqual(one.challenges, other.challenges) &&
    one.certificates.size === other.certificates.size &&
    [...one.certificates].every(([id, certificate]) => other.certificates.get(id) === certificate)
  );
}
