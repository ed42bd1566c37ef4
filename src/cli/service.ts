/** What a command hands over to be served: `serve.ts` runs it, the reloader reads it again, the way out closes it. */
import type { Config } from "../config/schema.ts";
import type { ConfigurationStatus } from "../admin/admin-sources.ts";
import type { Logger } from "../observe/logger.ts";
import type { Proxy } from "../server/proxy.ts";

/** What asked for a reload. */
export type ReloadCause = "SIGHUP" | "file" | "store" | "request";

/** What a configuration is read for. */
export type LoadCause = ReloadCause | "start";

/** How a reload ended. */
export interface ReloadOutcome {
  readonly isApplied: boolean;
  /** What changed, or all problems with their code frames. */
  readonly report: string;
}

/** A place of a configuration that is no file. */
export interface FollowedSource {
  /** The configuration that was loaded first runs: changes are told from now on. */
  follow(logger: Logger, onChange: () => void): void;
  /** The version that `load` has read last, for the log; null if it has read none. */
  readonly triedVersion: string | null;
  /** What came of the configuration that `load` has read last. */
  noteOutcome(outcome: ReloadOutcome): void;
  describe(): ConfigurationStatus;
  stopFollowing(): void;
}

/** What is served, and where its configuration comes from. */
export interface Service {
  /**
   * Reads the configuration anew.
   * @param onFileRead see `LoadOptions`
   * @param cause what asked for it
   * @throws ConfigError or CommandFailure
   */
  load(onFileRead: (file: string, digest: string) => void, cause: LoadCause): Promise<Config>;
  /** The configuration's file, or the name of its place elsewhere; null if there is none to reload. */
  readonly file: string | null;
  /** Reload when it changes. */
  readonly isWatched: boolean;
  /** A configuration that is elsewhere than in a file, and tells of itself when it has changed. */
  readonly source?: FollowedSource;
  /** How messages are written; default: text on a terminal, JSON elsewhere. */
  readonly logFormat?: "text" | "json";
  /** The URLs that it is for, to be told when it is ready. */
  readonly sites?: readonly string[];
  /** Said when an address cannot be used. */
  readonly addressHint?: string;
  /** Called once when the proxy is ready. */
  onReady?(proxy: Proxy): void;
  /** Called after the proxy has closed. */
  onClosed?(): Promise<void>;
}
