/**
 * A configuration that is followed in a store: what the store says, what of it runs, what of it was refused, and what is
 * told of that on the side of the key. What runs is never changed by a store that is away, empty or wrong.
 *
 * The store goes before the copy on the disk, always: the copy serves a start for which the store has nothing usable, until
 * the store has.
 */
import type { ConfigurationStatus } from "../../admin/admin-sources.ts";
import { Countdown } from "../../base/countdown.ts";
import type { Scheduler } from "../../base/scheduler.ts";
import { version as millraceVersion } from "../../base/version.ts";
import type { Logger } from "../../observe/logger.ts";
import { loadConfigText } from "../config-loader.ts";
import type { Environment } from "../environment.ts";
import { ConfigError, fileProblem } from "../problem.ts";
import type { Config } from "../schema.ts";
import type { ConfigCopy } from "./config-copy.ts";
import { type ConfigStore, maxStoredBytes, type StatusKey, type StoredText } from "./config-store.ts";
import { type InstanceStatus, toSentence, toStatusProblems } from "./instance-status.ts";
import { storeSecretNames } from "./store-place.ts";

/** A disk that hangs does not hold the end of a process up for longer. */
const closingMs = 1_000;

/** What it is made of. */
export interface StoredConfigParts {
  readonly store: ConfigStore;
  /** Null: nothing is kept on the disk. */
  readonly copy: ConfigCopy | null;
  readonly scheduler: Scheduler;
  /** A name that no other instance has. */
  readonly instance: string;
  readonly environment: Environment;
  /** What relative paths are relative to. */
  readonly folder: string;
  /** How long a start waits for the store, in milliseconds. */
  readonly startMs: number;
}

/** How a reload ended that this configuration was read for. */
interface Outcome {
  readonly isApplied: boolean;
  readonly report: string;
}

/** A value that was read; `isCopy`: from the disk. */
interface Candidate extends StoredText {
  readonly isCopy: boolean;
}

type Applied = Candidate & { readonly atMs: number };
type Refused = StoredText & { readonly atMs: number; readonly problems: readonly string[] };

/** One configuration of one process. */
export class StoredConfig {
  readonly #parts: StoredConfigParts;
  #following: { close(): void } | null = null;
  #status: StatusKey | null = null;
  #logger: Logger | null = null;
  #onChange: (() => void) | null = null;
  /** What the store said last; null: there is no such key, undefined: nothing yet. */
  #latest: StoredText | null | undefined = undefined;
  /** The value that `load` read last, until it is known what came of it. */
  #candidate: Candidate | null = null;
  #problems: readonly string[] = [];
  #applied: Applied | null = null;
  #refused: Refused | null = null;
  #aliveMs: number | null = null;
  #failure: string | null = null;
  #heard = Promise.withResolvers<void>();
  /** Of a start with the copy: when that was applied, and why it was needed. To be said as soon as there is a log. */
  #copied: { readonly of: string; readonly reason: string } | null = null;
  #isCopyFailing = false;
  /** One copy is written after the other. */
  #saving: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(parts: StoredConfigParts) {
    this.#parts = parts;
  }

  get name(): string {
    return this.#parts.store.name;
  }

  /**
   * The first configuration: what the store says, or what it said last in an earlier life of this instance.
   * @throws ConfigError if there is neither
   */
  async start(): Promise<Config> {
    const { store, startMs } = this.#parts;
    this.#following = store.follow({
      onValue: (value) => this.#take(value),
      onAlive: () => this.#noteAlive(),
      onFailure: (reason) => this.#noteFailure(reason),
    });
    // It keeps the process, which nothing else may do yet.
    const patience = setTimeout(this.#heard.resolve, startMs);
    await this.#heard.promise;
    clearTimeout(patience);
    let error: ConfigError;
    if (this.#latest === undefined)
      error = this.#problem(`the store does not answer: ${this.#failure ?? "nothing came in time"}`);
    else if (this.#latest === null)
      error = this.#problem("there is no such key", `write it: millrace push FILE ${this.name}`);
    else {
      try {
        return await this.#read({ ...this.#latest, isCopy: false });
      } catch (reason) {
        if (!(reason instanceof ConfigError)) throw reason;
        error = reason;
        this.noteOutcome({ isApplied: false, report: reason.message });
      }
    }
    return this.#startWithCopy(error);
  }

  /** @throws `error` if there is no copy, with what is wrong with it if there is one */
  async #startWithCopy(error: ConfigError): Promise<Config> {
    const { copy } = this.#parts;
    if (copy === null) throw error;
    try {
      const copied = await copy.read();
      if (copied === null) throw error;
      const config = await this.#read({ ...copied, isCopy: true });
      this.#copied = { of: toTime(copied.savedAtMs), reason: error.message };
      return config;
    } catch (reason) {
      if (reason === error) throw error;
      const message = `the copy of an earlier configuration cannot be used: ${sentenceOf(reason)}`;
      throw new ConfigError([...error.problems, fileProblem(copy.path, message, null)]);
    }
  }

  /**
   * Reads for a reload: what the store has told of itself, or, if `isAsked`, what it says now.
   * @throws ConfigError with every problem, also if the store cannot be asked
   */
  async load(isAsked: boolean): Promise<Config> {
    this.#candidate = null;
    let value = this.#latest;
    if (isAsked || value === undefined || value === null) {
      try {
        value = await this.#parts.store.read();
      } catch (error) {
        throw this.#problem(`the store cannot be asked: ${sentenceOf(error)}`);
      }
      this.#latest = value;
    }
    if (value === null) throw this.#problem("there is no such key");
    return this.#read({ ...value, isCopy: false });
  }

  async #read(candidate: Candidate): Promise<Config> {
    const { environment, folder } = this.#parts;
    this.#candidate = candidate;
    this.#problems = [];
    try {
      return await loadConfigText(
        { text: candidate.text, name: this.name, isJson: false, folder, maxBytes: maxStoredBytes },
        { environment: withoutStoreSecrets(environment) },
      );
    } catch (error) {
      if (error instanceof ConfigError) this.#problems = toStatusProblems(error.problems);
      throw error;
    }
  }

  /** The configuration of `start` runs: from here on changes are told, each by a call of `onChange`. */
  follow(logger: Logger, onChange: () => void): void {
    if (this.#isClosed) return;
    const { store, instance } = this.#parts;
    this.#logger = logger;
    this.#onChange = onChange;
    if (this.#copied !== null)
      logger.warn("started with the copy on the disk, until the store has a configuration that can be used", {
        store: this.name,
        ...this.#copied,
      });
    this.#status = store.openStatus(instance, (reason) =>
      logger.warn("the status of this instance cannot be written to the store", { store: this.name, reason }),
    );
    this.noteOutcome({ isApplied: true, report: "" });
  }

  /** What came of the configuration that was read last. */
  noteOutcome({ isApplied, report }: Outcome): void {
    const candidate = this.#candidate;
    if (candidate === null) return;
    this.#candidate = null;
    const atMs = Date.now();
    if (isApplied) {
      this.#applied = { ...candidate, atMs };
      // A copy that runs because the store's value was refused does not make that one right.
      if (!candidate.isCopy) this.#refused = null;
      if (!candidate.isCopy) this.#saveCopy(candidate, atMs);
    } else {
      const problems = this.#problems.length > 0 ? this.#problems : [toSentence(report)];
      this.#refused = { text: candidate.text, version: candidate.version, atMs, problems };
    }
    this.#writeStatus();
    // What has come while this one was tried.
    this.#compare();
  }

  #saveCopy(text: StoredText, atMs: number): void {
    const { copy } = this.#parts;
    if (copy !== null) this.#saving = this.#saving.then(() => this.#writeCopy(copy, text, atMs));
  }

  async #writeCopy(copy: ConfigCopy, text: StoredText, atMs: number): Promise<void> {
    try {
      await copy.save(text, atMs);
      this.#isCopyFailing = false;
    } catch (error) {
      if (!this.#isCopyFailing)
        this.#logger?.warn("the configuration cannot be kept on the disk: a start without the store would fail", {
          path: copy.path,
          error: sentenceOf(error),
        });
      this.#isCopyFailing = true;
    }
  }

  /** Hears the store: most of what it says is the same again. */
  #take(value: StoredText | null): void {
    if (this.#isClosed) return;
    const before = this.#latest;
    this.#latest = value;
    this.#noteAlive();
    this.#heard.resolve();
    if (value === null && before !== null) {
      this.#logger?.warn("the configuration is gone from the store; the running one stays", { store: this.name });
      // What was refused is gone with the key: there is nothing to mend any more.
      this.#refused = null;
    }
    if ((value === null) !== (before === null)) this.#writeStatus();
    this.#compare();
  }

  /** What the store has, with what was tried last. */
  #compare(): void {
    const value = this.#latest;
    if (value === undefined || value === null || this.#onChange === null || this.#candidate !== null) return;
    const applied = this.#applied;
    const tried = this.#refused ?? applied;
    if (tried !== null && value.text === tried.text) {
      if (value.version !== tried.version || (tried === applied && applied.isCopy)) this.#relabel(value);
    } else if (applied !== null && !applied.isCopy && value.text === applied.text) this.#forgive(value);
    else this.#onChange();
  }

  /** The store holds again what runs. */
  #forgive(value: StoredText): void {
    if (this.#applied === null) return;
    this.#refused = null;
    this.#applied = { ...this.#applied, version: value.version };
    this.#logger?.info("the store holds the running configuration again", {
      store: this.name,
      version: value.version,
    });
    this.#writeStatus();
  }

  /** The same text under another version; or the copy that runs, which the store has confirmed. */
  #relabel({ version }: StoredText): void {
    if (this.#refused !== null) this.#refused = { ...this.#refused, version };
    else if (this.#applied !== null) {
      this.#applied = { ...this.#applied, version, isCopy: false };
      this.#saveCopy(this.#applied, this.#applied.atMs);
    }
    this.#writeStatus();
  }

  #noteAlive(): void {
    this.#aliveMs = this.#parts.scheduler.clock.now();
    if (this.#failure === null) return;
    this.#failure = null;
    this.#logger?.info("the store of the configuration answers again", { store: this.name });
  }

  #noteFailure(reason: string): void {
    const isFirst = this.#failure === null;
    this.#failure = toSentence(reason);
    if (isFirst)
      this.#logger?.warn("the store of the configuration does not answer; the running configuration stays", {
        store: this.name,
        reason: this.#failure,
      });
  }

  #writeStatus(): void {
    const applied = this.#applied;
    if (this.#status === null || applied === null) return;
    const status: InstanceStatus = {
      instance: this.#parts.instance,
      millrace: millraceVersion,
      applied: { version: applied.version, at: toTime(applied.atMs), isCopy: applied.isCopy },
      isMissing: this.#latest === null,
      refused: this.#describeRefused(),
    };
    this.#status.write(JSON.stringify(status));
  }

  /** How it fares, for the status and the metrics of the proxy. */
  describe(): ConfigurationStatus {
    const applied = this.#applied;
    return {
      source: this.name,
      appliedAt: applied === null ? null : toTime(applied.atMs),
      store: {
        instance: this.#parts.instance,
        version: applied?.version ?? null,
        isCopy: applied?.isCopy ?? false,
        isUp: this.#failure === null && this.#aliveMs !== null,
        ageSeconds: this.#aliveMs === null ? null : (this.#parts.scheduler.clock.now() - this.#aliveMs) / 1_000,
        lastError: this.#failure,
        isMissing: this.#latest === null,
        refused: this.#describeRefused(),
      },
    };
  }

  #describeRefused(): InstanceStatus["refused"] {
    if (this.#refused === null) return null;
    const { version, atMs, problems } = this.#refused;
    return { version, at: toTime(atMs), problems };
  }

  /** The version that `load` has read last, for messages; null if nothing is tried. */
  get triedVersion(): string | null {
    return this.#candidate?.version ?? null;
  }

  /** Stops hearing the store. What runs stays. */
  stopFollowing(): void {
    this.#onChange = null;
    this.#following?.close();
    this.#following = null;
  }

  /** Takes the status away and closes the store; does not wait for long, neither for the store nor for the disk. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.stopFollowing();
    const patience = new Countdown(this.#parts.scheduler);
    patience.limit(closingMs);
    await Promise.all([this.#status?.close(), Promise.race([this.#saving, patience.over])]);
    patience.end();
    this.#parts.store.close();
  }

  #problem(message: string, hint: string | null = null): ConfigError {
    return new ConfigError([fileProblem(this.name, message, hint)]);
  }
}

/** What opens the store is not for whoever writes into it. */
export function withoutStoreSecrets(environment: Environment): Environment {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => !(storeSecretNames as readonly string[]).includes(name)),
  );
}

const toTime = (ms: number): string => new Date(ms).toISOString();

function sentenceOf(error: unknown): string {
  return toSentence(error instanceof Error ? error.message : String(error));
}
