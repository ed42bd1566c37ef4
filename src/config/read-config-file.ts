/**
 * Reads a configuration file of any form into the thread that calls. Only the thread of `load-thread.ts` does: a
 * program runs in it, and the libraries for schemas and YAML stay in it.
 */
import { readFile, readdir } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { configFormOf } from "./config-file.ts";
import { nearest } from "./did-you-mean.ts";
import { digestOf } from "./file-digest.ts";
import { importConfigModule } from "./import-module.ts";
import { readConfig } from "./parse-config.ts";
import { ConfigError, fileProblem, placedProblem } from "./problem.ts";
import { readConfigText } from "./read-config-text.ts";
import { withAbsolutePaths } from "./relative-paths.ts";
import type { Config } from "./schema.ts";

/** Which file, and who hears of what is read. */
export interface FileToRead {
  /** As the user named it; problems show it. */
  readonly file: string;
  /** The same as an absolute path. */
  readonly path: string;
  /** Hears of each file that is read, the configuration itself first: its absolute path and its digest. */
  onFileRead(path: string, digest: string): void;
}

/** A configuration file larger than this is a mistake. */
const maxFileBytes = 64 << 20;

/**
 * Reads YAML, JSON, TypeScript or JavaScript by the extension of the file. A program runs once in this thread.
 * @throws ConfigError with every problem, also if the file cannot be read.
 */
export async function readConfigFile(source: FileToRead): Promise<Config> {
  return withAbsolutePaths(await readAsWritten(source), dirname(source.path));
}

async function readAsWritten(source: FileToRead): Promise<Config> {
  const { file, path } = source;
  const text = await readText(source);
  const form = configFormOf(file);
  if (form !== "module") return readConfigText(text, { file, isJson: form === "json" });
  const loaded = await importConfigModule(path, source.onFileRead);
  if (loaded.failure !== null) throw new ConfigError([placedProblem({ ...loaded.failure, file }, text)]);
  const reading = readConfig(loaded.value);
  if (reading.config !== null)
    return loaded.module === null ? reading.config : { ...reading.config, modules: [loaded.module] };
  throw new ConfigError(
    reading.findings.map((finding) => ({ ...finding, file, line: 0, column: 0, length: 1, excerpt: null })),
  );
}

async function readText({ file, path, onFileRead }: FileToRead): Promise<string> {
  try {
    const bytes = await readFile(path);
    onFileRead(path, digestOf(bytes));
    if (bytes.length > maxFileBytes)
      throw new ConfigError([
        fileProblem(file, "the file is larger than 64 MiB; this cannot be a configuration", null),
      ]);
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code === "ENOENT") throw new ConfigError([fileProblem(file, "there is no such file", await suggestFile(path))]);
    if (code === "EISDIR") throw new ConfigError([fileProblem(file, "this is a directory, not a file", null)]);
    if (code === "EACCES" || code === "EPERM")
      throw new ConfigError([fileProblem(file, "the file cannot be read: permission denied", null)]);
    if (code === "ERR_ENCODING_INVALID_ENCODED_DATA")
      throw new ConfigError([fileProblem(file, "the file is not UTF-8 text", null)]);
    throw new ConfigError([
      fileProblem(file, `the file cannot be read: ${error instanceof Error ? error.message : String(error)}`, null),
    ]);
  }
}

async function suggestFile(file: string): Promise<string | null> {
  try {
    const meant = nearest(basename(file), await readdir(dirname(file)));
    return meant === null ? null : `did you mean "${meant}"?`;
  } catch {
    return "the folder does not exist either";
  }
}
