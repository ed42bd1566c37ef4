/**
 * Reloads a running proxy from its file: one at a time, whatever asks for it (signal, watched file, admin request).
 * Whatever goes wrong leaves the running configuration as it is and says why.
 */
import { stripVTControlCharacters } from "node:util";
import { findConfigWarnings } from "../config/config-warnings.ts";
import { describeDiff } from "../config/diff-config.ts";
import type { Config } from "../config/schema.ts";
import { type ConfigWatch, watchConfig } from "../config/watch-config.ts";
import type { Logger } from "../observe/logger.ts";
import { writeStandardError } from "../observe/standard-output.ts";
import type { ControlledProxy } from "../server/controlled-proxy.ts";
import { CommandFailure, describeSystemError } from "./failure.ts";
import { toCommandFailure } from "./problems.ts";
import type { ReloadCause, ReloadOutcome, Service } from "./service.ts";

/** The reloads of one process. */
export class Reloader {
  readonly #service: Service;
  readonly #logger: Logger;
  readonly #isForPeople: boolean;
  #proxy: Pick<ControlledProxy, "reload" | "noteRefusedReload"> | null = null;
  #watch: ConfigWatch | null = null;
  /**
   * What the configuration was last made of; after a refused one also what that one was made of, so that its correction
   * is seen.
   */
  #files: ReadonlyMap<string, string> = new Map();
  #isClosed = false;
  #appliedAt: string | null = null;
  /** The reload under way, and the one that waits for it; more than one waiting would read the same file. */
  #current: Promise<ReloadOutcome> | null = null;
  #waiting: Promise<ReloadOutcome> | null = null;

  /** @param output.isForPeople problems are printed with their code frames instead of as a field of the log line */
  constructor(service: Service, output: { logger: Logger; isForPeople: boolean }) {
    this.#service = service;
    this.#logger = output.logger;
    this.#isForPeople = output.isForPeople;
  }

  /** Tells which proxy is reloaded. */
  attach(proxy: Pick<ControlledProxy, "reload" | "noteRefusedReload">): void {
    this.#proxy = proxy;
    this.#appliedAt = new Date().toISOString();
  }

  /** When the running configuration was applied (RFC 3339); null before there is a proxy. */
  get appliedAt(): string | null {
    return this.#appliedAt;
  }

  /**
   * Starts to watch the file and what it imports, if that is wanted.
   * @param files what the running configuration was made of, with the digests of what was read
   */
  async watch(files: ReadonlyMap<string, string>): Promise<void> {
    const { file, isWatched, source } = this.#service;
    if (this.#isClosed) return;
    source?.follow(this.#logger, () => void (isWatched ? this.reload("store") : undefined));
    if (file === null || !isWatched || source !== undefined) return;
    const watch = watchConfig(file, async () => void (await this.reload("file")), {
      onError: (error) => this.#logger.warn("watching the configuration failed", { file, error }),
    });
    this.#watch = watch;
    this.#follow(files);
    await watch.ready;
  }

  close(): void {
    this.#isClosed = true;
    this.#watch?.close();
    this.#service.source?.stopFollowing();
  }

  /** Reads the configuration anew and applies it. Never rejects. */
  reload(cause: ReloadCause): Promise<ReloadOutcome> {
    if (this.#current === null) {
      this.#current = this.#reloadNow(cause).finally(() => {
        this.#current = null;
      });
      return this.#current;
    }
    this.#waiting ??= this.#current.then(() => {
      this.#waiting = null;
      return this.reload(cause);
    });
    return this.#waiting;
  }

  async #reloadNow(cause: ReloadCause): Promise<ReloadOutcome> {
    const outcome = await this.#tryToReload(cause);
    this.#service.source?.noteOutcome(outcome);
    return outcome;
  }

  async #tryToReload(cause: ReloadCause): Promise<ReloadOutcome> {
    const proxy = this.#proxy;
    if (proxy === null || this.#isClosed) return { isApplied: false, report: "the proxy is stopping" };
    if (this.#service.file === null) {
      const report = "there is no configuration file to reload: this proxy was configured by flags";
      this.#logger.warn(report, { cause });
      return { isApplied: false, report };
    }
    let config: Config;
    const files = new Map<string, string>();
    try {
      config = await this.#service.load((file, digest) => files.set(file, digest), cause);
    } catch (error) {
      this.#follow(new Map([...this.#files, ...files]));
      proxy.noteRefusedReload();
      return this.#refuse(await toCommandFailure(error), cause);
    }
    this.#follow(files);
    try {
      const diff = await proxy.reload(config);
      const report = describeDiff(diff);
      this.#appliedAt = new Date().toISOString();
      // The file was watched, too, and a reload that was asked for has read this change already.
      if (diff.isEmpty && cause === "file") this.#logger.debug("the file holds nothing new");
      else {
        this.#logger.info(`reloaded: ${report}`, { cause, ...this.#version() });
        for (const warning of findConfigWarnings(config)) this.#logger.warn(warning);
      }
      return { isApplied: true, report };
    } catch (error) {
      return this.#refuse(await toCommandFailure(error), cause);
    }
  }

  #version(): { readonly version?: string } {
    const version = this.#service.source?.triedVersion ?? null;
    return version === null ? {} : { version };
  }

  #follow(files: ReadonlyMap<string, string>): void {
    this.#files = files;
    this.#watch?.follow(files);
  }

  #refuse(error: unknown, cause: ReloadCause): ReloadOutcome {
    const report =
      error instanceof CommandFailure
        ? error.message
        : (describeSystemError(error) ?? (error instanceof Error ? (error.stack ?? error.message) : String(error)));
    if (this.#isForPeople) writeStandardError(`${report}\n`);
    this.#logger.error("kept the running configuration", {
      cause,
      ...this.#version(),
      ...(!this.#isForPeople && { problems: report }),
    });
    return { isApplied: false, report: stripVTControlCharacters(report) };
  }
}
