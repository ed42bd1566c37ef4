/** Reads a configuration file of any form. Every problem is told, each in its place. */
import { readFile, readdir } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { configFormOf } from "./config-file.ts";
import { ConfigText } from "./config-text.ts";
import { nearest } from "./did-you-mean.ts";
import type { Environment } from "./environment.ts";
import { type Finding, valueAt } from "./explain-issue.ts";
import { digestOf } from "./file-digest.ts";
import { loadConfigModule } from "./load-module.ts";
import { readConfig, type Reading } from "./parse-config.ts";
import { ConfigError, type ConfigPath, formatPath, type Problem } from "./problem.ts";
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
  if (form !== "module") return parseConfigText(text, { ...options, file, isJson: form === "json" });
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

/**
 * Reads a configuration from YAML or JSON text.
 * @throws ConfigError with every problem.
 */
export function parseConfigText(text: string, options: LoadOptions & { file: string; isJson?: boolean }): Config {
  const source = new ConfigText(text, {
    file: options.file,
    isJson: options.isJson ?? false,
    environment: options.environment ?? process.env,
  });
  if (source.problems.length > 0) throw new ConfigError(source.problems);
  const reading = readSubstituted(source);
  if (reading.config !== null) return reading.config;
  const problems = new Map<string, Problem>();
  for (const finding of reading.findings) {
    // What an alias repeats stands in the text once.
    const problem = source.locate(finding);
    problems.set(`${problem.line}:${problem.column}:${problem.message}`, problem);
  }
  throw new ConfigError(
    [...problems.values()].toSorted((one, other) => one.line - other.line || one.column - other.column),
  );
}

/**
 * The schema reports what is wrong inside a section only when the section's own shape is right, so each round can bring
 * up one more level. No configuration has more levels than this.
 */
const maxReadings = 16;

/** A value from the environment that was taken for what it spells. */
interface Retyped {
  readonly path: ConfigPath;
  readonly parent: Record<string | number, unknown>;
  readonly key: string | number;
  readonly text: string;
}

/**
 * Values from the environment are text. If the schema refuses one as text but accepts it as the number, truth value or
 * size that it spells, it is read as that: the option decides the type, never the look of the value. All refused values
 * are tried at once, so that many cost as few validations as one.
 */
function readSubstituted(source: ConfigText): Reading {
  const isTried = new Set<string>();
  let reading = readConfig(source.value);
  for (let count = 1; reading.config === null && count < maxReadings; count++) {
    const retyped = retypeRefused(source, reading.findings, isTried);
    if (retyped.length === 0) break;
    reading = readConfig(source.value);
    if (reading.config !== null) break;
    // A value that is still refused is reported as the text that it is.
    const refused = new Set(reading.findings.map(({ path }) => formatPath(path)));
    const undone = retyped.filter(({ path }) => refused.has(formatPath(path)));
    for (const { parent, key, text } of undone) parent[key] = text;
    if (undone.length > 0) reading = readConfig(source.value);
  }
  return reading;
}

/** Turns refused texts from the environment into what they spell, each once. */
function retypeRefused(source: ConfigText, findings: readonly Finding[], isTried: Set<string>): Retyped[] {
  const retyped: Retyped[] = [];
  for (const { path } of findings) {
    const text = valueAt(source.value, path);
    const key = path.at(-1);
    const place = formatPath(path);
    if (typeof text !== "string" || key === undefined || isTried.has(place) || !source.isSubstituted(path)) continue;
    const value = text === "true" ? true : text === "false" ? false : /^-?\d{1,15}$/.test(text) ? Number(text) : null;
    const parent = valueAt(source.value, path.slice(0, -1)) as Record<string | number, unknown>;
    if (value === null) continue;
    isTried.add(place);
    parent[key] = value;
    retyped.push({ path, parent, key, text });
  }
  return retyped;
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
