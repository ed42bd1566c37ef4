/** Reads a configuration file of any form. Every problem is told, each in its place. */
import { readFile, readdir } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { configFormOf } from "./config-file.ts";
import { nearest } from "./did-you-mean.ts";
import type { Environment } from "./environment.ts";
import { digestOf } from "./file-digest.ts";
import { loadConfigModule } from "./load-module.ts";
import type { TextOptions } from "./parse-config-text.ts";
import { readConfig, type Reading } from "./parse-config.ts";
import { readPlainYaml } from "./plain-yaml.ts";
import { ConfigError, type Problem } from "./problem.ts";
import type { Config } from "./schema.ts";

/** How files are read. */
export interface LoadOptions {
  /** Where `${NAME}` is looked up; default: the environment of the process. */
  readonly environment?: Environment;
  /**
   * Hears of every file that the configuration is made of, also of one that is refused: its absolute path, and the
   * digest of what was read.
   */
  readonly onFileRead?: (file: string, digest: string) => void;
}

/** A configuration file larger than this is a mistake. */
const maxFileBytes = 64 << 20;

/**
 * Reads `file`: YAML, JSON, TypeScript or JavaScript by its extension. A program is run anew each time, together with
 * what it imports.
 * @throws ConfigError with every problem, also if the file cannot be read.
 */
export async function loadConfig(file: string, options: LoadOptions = {}): Promise<Config> {
  const text = await readText(file, options);
  const form = configFormOf(file);
  if (form !== "module") return readConfigText(text, { ...options, file, isJson: form === "json" });
  const loaded = await loadConfigModule(resolve(file), options.environment);
  for (const [imported, digest] of loaded.imports) options.onFileRead?.(imported, digest);
  if (loaded.failure !== null) throw new ConfigError([moduleProblem(file, text, loaded.failure)]);
  const reading: Reading =
    loaded.findings.length > 0 ? { config: null, findings: loaded.findings } : readConfig(loaded.value);
  if (reading.config !== null) return reading.config;
  throw new ConfigError(
    reading.findings.map((finding) => ({ ...finding, file, line: 0, column: 0, length: 1, excerpt: null })),
  );
}

/** Most files are plain and right: then neither the YAML library is loaded nor the places of values are kept. */
async function readConfigText(text: string, options: TextOptions): Promise<Config> {
  const plain = readPlainYaml(text, options.isJson === true, options.environment ?? process.env);
  if (plain !== undefined) {
    const reading = readConfig(plain);
    if (reading.config !== null) return reading.config;
  }
  const { parseConfigText } = await import("./parse-config-text.ts");
  return parseConfigText(text, options);
}

async function readText(file: string, options: LoadOptions): Promise<string> {
  try {
    const bytes = await readFile(file);
    options.onFileRead?.(resolve(file), digestOf(bytes));
    if (bytes.length > maxFileBytes)
      throw new ConfigError([
        fileProblem(file, "the file is larger than 64 MiB; this cannot be a configuration", null),
      ]);
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code === "ENOENT") throw new ConfigError([fileProblem(file, "there is no such file", await suggestFile(file))]);
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

function fileProblem(file: string, message: string, hint: string | null): Problem {
  return { message, hint, path: [], file, line: 0, column: 0, length: 1, excerpt: null };
}

function moduleProblem(
  file: string,
  text: string,
  failure: { message: string; line: number; column: number },
): Problem {
  if (failure.line === 0) return fileProblem(file, failure.message, null);
  const firstLine = Math.max(1, failure.line - 2);
  const lines = text.split(/\r\n|\n|\r/).slice(firstLine - 1, failure.line + 1);
  return {
    ...fileProblem(file, failure.message, null),
    line: failure.line,
    column: Math.max(1, failure.column),
    excerpt: { firstLine, lines },
  };
}
