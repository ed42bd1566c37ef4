/**
 * `millrace run` in the form in which services start it. The library for command lines is neither loaded for it nor
 * kept in memory while the proxy runs; it reads everything else, help and mistakes included.
 */

/** What `run` is asked to do. */
export interface RunRequest {
  /** The configuration, or the URL of its store; undefined = the one in this folder. */
  readonly file: string | undefined;
  /** Reload when it changes. */
  readonly isWatched: boolean;
  /** Of a configuration in a store: the last good one is kept on this machine; default: true. */
  readonly isCopied?: boolean;
  /** How long a start waits for the store, in milliseconds; default: 10 s. */
  readonly storeTimeoutMs?: number;
}

/** Reads `run`, `run FILE` and either with `--no-watch` at any place after `run`; null for any other command line. */
export function parsePlainRun(args: readonly string[]): RunRequest | null {
  const [command, ...rest] = args;
  const files = rest.filter((argument) => argument !== "--no-watch");
  const [file] = files;
  if (command !== "run" || files.length > 1 || file?.startsWith("-") === true || file === "") return null;
  return { file, isWatched: files.length === rest.length };
}
