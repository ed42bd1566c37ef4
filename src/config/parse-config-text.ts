/** Reads a configuration from YAML or JSON text. Every problem is told, each in its place. */
import { ConfigText } from "./config-text.ts";
import type { Environment } from "./environment.ts";
import { type Finding, valueAt } from "./explain-issue.ts";
import { readConfig, type Reading } from "./parse-config.ts";
import { ConfigError, type ConfigPath, formatPath, type Problem } from "./problem.ts";
import type { Config } from "./schema.ts";

/** How a text is read. */
export interface TextOptions {
  /** Its name, for problems. */
  readonly file: string;
  /** Nothing but JSON will do. */
  readonly isJson?: boolean;
  /** Where `${NAME}` is looked up; default: the environment of the process. */
  readonly environment?: Environment;
}

/**
 * Reads a configuration from YAML or JSON text, in a way that can tell where everything stands.
 * @throws ConfigError with every problem.
 */
export function parseConfigText(text: string, options: TextOptions): Config {
  const { file, isJson = false, environment = process.env } = options;
  const source = new ConfigText(text, { file, isJson, environment });
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
