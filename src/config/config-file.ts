/** Which file is the configuration, and in which form it is. */
import { access } from "node:fs/promises";
import { extname, join } from "node:path";

/** The names that are tried, in this order, if no file is named. */
export const defaultConfigFiles = [
  "millrace.yaml",
  "millrace.yml",
  "millrace.json",
  "millrace.config.ts",
  "millrace.config.js",
] as const;

/**
 * The configuration in `directory` (default: the current one): the first of `defaultConfigFiles` that is there, as a
 * path; null if there is none.
 */
export async function findConfigFile(directory = "."): Promise<string | null> {
  for (const name of defaultConfigFiles) {
    const file = join(directory, name);
    try {
      await access(file);
      return file;
    } catch {
      // Not there; the next.
    }
  }
  return null;
}

/** YAML, JSON, or a program whose default export is the configuration. */
export type ConfigForm = "yaml" | "json" | "module";

/** The form of `file` by its extension; whatever is not known is read as YAML, of which JSON is a part. */
export function configFormOf(file: string): ConfigForm {
  const extension = extname(file).toLowerCase();
  if ([".ts", ".mts", ".js", ".mjs", ".cjs", ".cts"].includes(extension)) return "module";
  return extension === ".json" ? "json" : "yaml";
}
