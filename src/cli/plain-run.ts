/**
 * `millrace run` in the form in which services start it. The library for command lines is neither loaded for it nor
 * kept in memory while the proxy runs; it reads everything else, help and mistakes included.
 */

/** What `run` is asked to do. */
export interface RunRequest {
  /** The configuration; undefined = the one in this folder. */
  readonly file: string | undefined;
  /** Reload when the file changes. */
  readonly isWatched: boolean;
}

/** Reads `run`, `run FILE` and either with `--no-watch` at any place after `run`; null for any other command line. */
export function parsePlainRun(args: readonly string[]): RunRequest | null {
  const [command, ...rest] = args;
  const files = rest.filter((argument) => argument !== "--no-watch");
  const [file] = files;
  if (command !== "run" || files.length > 1 || file?.startsWith("-") === true || file === "") return null;
  return { file, isWatched: files.length === rest.length };
}
