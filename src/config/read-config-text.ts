/**
 * Reads a configuration that is text into the thread that calls. Only the thread of `load-thread.ts` does: the libraries
 * for schemas and YAML stay in it.
 */
import { readPlainYaml } from "../yaml/plain-yaml.ts";
import { environmentReader } from "./environment.ts";
import { readConfig } from "./parse-config.ts";
import type { TextOptions } from "./parse-config-text.ts";
import { ConfigError, fileProblem } from "./problem.ts";
import { withAbsolutePaths } from "./relative-paths.ts";
import type { Config } from "./schema.ts";

/**
 * Reads YAML or JSON. Most texts are plain and right: then neither the YAML library is loaded nor the places of values
 * are kept.
 * @throws ConfigError with every problem
 */
export async function readConfigText(text: string, options: TextOptions): Promise<Config> {
  const plain = readPlainYaml(text, options.isJson === true, environmentReader(options.environment ?? process.env));
  if (plain !== undefined) {
    const reading = readConfig(plain);
    if (reading.config !== null) return reading.config;
  }
  const { parseConfigText } = await import("./parse-config-text.ts");
  return parseConfigText(text, options);
}

/** A text that is not in a file of its own. */
export interface LooseText {
  readonly text: string;
  /** What problems call it. */
  readonly name: string;
  readonly isJson: boolean;
  /** What the paths in it are relative to. */
  readonly folder: string;
  readonly maxBytes: number;
}

/**
 * Reads YAML or JSON that came from elsewhere and may be anything.
 * @throws ConfigError with every problem
 */
export async function readLooseText({ text, name, isJson, folder, maxBytes }: LooseText): Promise<Config> {
  if (text.length > maxBytes || Buffer.byteLength(text) > maxBytes)
    throw new ConfigError([
      fileProblem(name, `the text is larger than ${maxBytes >> 10} KiB; this cannot be a configuration`, null),
    ]);
  // What a decoder writes in place of bytes that are no text.
  if (text.includes("\uFFFD")) throw new ConfigError([fileProblem(name, "the value is not UTF-8 text", null)]);
  return withAbsolutePaths(await readConfigText(text, { file: name, isJson }), folder);
}
