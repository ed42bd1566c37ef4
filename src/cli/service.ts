/** What a command hands over to be served: `serve.ts` runs it, the reloader reads it again, the way out closes it. */
import type { Config } from "../config/schema.ts";
import type { Proxy } from "../server/proxy.ts";

/** What is served, and where its configuration comes from. */
export interface Service {
  /**
   * Reads the configuration anew.
   * @param onFileRead see `LoadOptions`
   * @throws ConfigError or CommandFailure
   */
  load(onFileRead: (file: string, digest: string) => void): Promise<Config>;
  /** The configuration's file, or null if there is none to reload. */
  readonly file: string | null;
  /** Reload when `file` changes. */
  readonly isWatched: boolean;
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
