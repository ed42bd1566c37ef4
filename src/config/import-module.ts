/**
 * Runs a configuration that is a program, once, in the thread that calls: a second run would find its modules loaded.
 */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { extname } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Finding } from "./explain-issue.ts";
import { digestOf } from "./file-digest.ts";
import { isModuleSyntax } from "./module-syntax.ts";
import { findForeignValues } from "./plain-data.ts";

/** Why a program gave no configuration. `line` and `column` are 0 if they are not known. */
export interface ModuleFailure {
  readonly message: string;
  readonly line: number;
  readonly column: number;
}

/** What came of a program. */
export interface LoadedModule {
  readonly value: unknown;
  /** Where the value is not plain data. */
  readonly findings: readonly Finding[];
  readonly failure: ModuleFailure | null;
}

const ownFolder = new URL("../", import.meta.url).href;
const ownIndex = new URL(import.meta.url.endsWith(".ts") ? "../index.ts" : "../index.js", import.meta.url).href;

/**
 * Runs the program `file` (an absolute path) and takes its default export, awaited, and called if it is a function.
 * Never rejects.
 * @param onImport hears of each file that the program imports (not packages), with the digest of what was read
 */
export async function importConfigModule(
  file: string,
  onImport: (file: string, digest: string) => void,
): Promise<LoadedModule> {
  hookLoading(file, onImport);
  try {
    const module = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
    if (!("default" in module))
      return failed({
        message: "the program has no default export; write `export default defineConfig({ … })`",
        line: 0,
        column: 0,
      });
    const exported: unknown = await module["default"];
    const value: unknown = typeof exported === "function" ? await exported() : exported;
    const findings = findForeignValues(value);
    return { value: findings.length > 0 ? undefined : value, findings, failure: null };
  } catch (error) {
    return failed(explainFailure(error, file));
  }
}

function failed(failure: ModuleFailure): LoadedModule {
  return { value: undefined, findings: [], failure };
}

function hookLoading(file: string, onImport: (file: string, digest: string) => void): void {
  // `import { defineConfig } from "millrace"` works beside a globally installed command, too: if the package is not
  // found, it is this one.
  registerHooks({
    resolve(specifier, context, next) {
      try {
        return next(specifier, context);
      } catch (error) {
        if (specifier !== "millrace") throw error;
        return { url: ownIndex, shortCircuit: true };
      }
    },
    load(url, context, next) {
      if (!isOwnFile(url)) return next(url, context);
      const path = fileURLToPath(url);
      const contents = readFileSync(path);
      if (path !== file) onImport(path, digestOf(contents));
      // Beside a package.json without "type": "module", Node takes `.ts` and `.js` for CommonJS, although a configuration
      // is written with `export default`.
      const extension = extname(path);
      if (extension !== ".ts" && extension !== ".js") return next(url, context);
      const source = contents.toString("utf8");
      const isTypeScript = extension === ".ts";
      if (!isModuleSyntax(source, isTypeScript)) return next(url, context);
      return { format: isTypeScript ? "module-typescript" : "module", source, shortCircuit: true };
    },
  });
}

/** Whether the file is the user's: neither a package nor Millrace itself. */
function isOwnFile(url: string): boolean {
  return url.startsWith("file:") && !url.includes("/node_modules/") && !url.startsWith(ownFolder);
}

function explainFailure(error: unknown, file: string): ModuleFailure {
  if (!(error instanceof Error)) return { message: `the program threw ${String(error)}`, line: 0, column: 0 };
  const stack = error.stack ?? "";
  let line = 0;
  let column = 0;
  for (const place of [pathToFileURL(file).href, file]) {
    const at = stack.indexOf(`${place}:`);
    const match = at === -1 ? null : /^:(\d+)(?::(\d+))?/.exec(stack.slice(at + place.length));
    if (match === null) continue;
    line = Number(match[1]);
    // A syntax error shows its place as a row of carets under the line instead of a column.
    column = Number(match[2] ?? (/\n( *)\^/.exec(stack)?.[1]?.length ?? 0) + 1);
    break;
  }
  const message = error.message.replace(/ imported from .*$/s, "").split("\n")[0] ?? "";
  return { message: error.name === "Error" ? message : `${error.name}: ${message}`, line, column };
}
