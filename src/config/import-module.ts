/**
 * Runs a configuration that is a program, once, in the thread that calls: a second run would find its modules loaded.
 * What it reads is kept, so that other threads can run the same program to get at its functions.
 */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { extname } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { nameFunctions } from "../base/function-ref.ts";
import { readDefaultExport } from "../script/function-table.ts";
import { explainScriptFailure, type ScriptFailure } from "../script/script-failure.ts";
import { isUserFile, resolveWithOwnPackage } from "../script/script-hooks.ts";
import type { ScriptModule, ScriptSource } from "../script/script-module.ts";
import { digestOf } from "./file-digest.ts";
import { isModuleSyntax } from "./module-syntax.ts";

/** What came of a program: `failure` is null exactly if it gave a configuration. */
export interface LoadedModule {
  readonly value: unknown;
  /** The program for other threads; null if the configuration has no functions that they could need. */
  readonly module: ScriptModule | null;
  readonly failure: ScriptFailure | null;
}

/** What a program is made of, in the order in which it was read. */
interface Reading {
  /** By path. */
  readonly digests: Map<string, string>;
  /** By URL. */
  readonly sources: Record<string, ScriptSource>;
}

/**
 * Runs the program `file` (an absolute path) and takes its default export, awaited, and called if it is a function. The
 * functions in it are named (`base/function-ref.ts`). Never rejects.
 * @param onImport hears of each file that the program imports (not packages), with the digest of what was read
 */
export async function importConfigModule(
  file: string,
  onImport: (file: string, digest: string) => void,
): Promise<LoadedModule> {
  const reading: Reading = { digests: new Map(), sources: {} };
  hookLoading(reading, (path, digest) => {
    if (path !== file) onImport(path, digest);
  });
  const url = pathToFileURL(file).href;
  try {
    const module = (await import(url)) as Record<string, unknown>;
    if (!("default" in module))
      return failed({
        message: "the program has no default export; write `export default defineConfig({ … })`",
        line: 0,
        column: 0,
      });
    const value = await readDefaultExport(module);
    return { value, module: toScriptModule(file, value, reading), failure: null };
  } catch (error) {
    return failed(explainScriptFailure(error, url));
  }
}

function failed(failure: ScriptFailure): LoadedModule {
  return { value: undefined, module: null, failure };
}

/**
 * Only ECMAScript modules can be loaded a second time beside themselves, as a reload needs it: the functions of other
 * programs get no names.
 */
function toScriptModule(file: string, value: unknown, { digests, sources }: Reading): ScriptModule | null {
  const [url] = Object.keys(sources);
  if (url === undefined || Object.values(sources).some(({ format }) => format.startsWith("commonjs"))) return null;
  const contents = [...digests].map(([path, digest]) => `${path}\0${digest}\n`).sort();
  const version = digestOf(Buffer.from(contents.join("")));
  const functionPaths = nameFunctions(value, file, version);
  return functionPaths.length === 0 ? null : { file, url, version, sources, functionPaths };
}

function hookLoading({ digests, sources }: Reading, onRead: (path: string, digest: string) => void): void {
  registerHooks({
    resolve: (specifier, context, next) => resolveWithOwnPackage(specifier, () => next(specifier, context)),
    load(url, context, next) {
      if (!isUserFile(url)) return next(url, context);
      const path = fileURLToPath(url);
      const contents = readFileSync(path);
      digests.set(path, digestOf(contents));
      onRead(path, digestOf(contents));
      const text = contents.toString("utf8");
      const format = formatOf(path, text);
      if (format === null) {
        const loaded = next(url, context);
        sources[url] = { format: loaded.format ?? "commonjs", text };
        return loaded;
      }
      sources[url] = { format, text };
      return { format, source: text, shortCircuit: true };
    },
  });
}

/**
 * Beside a package.json without "type": "module", Node takes `.ts` and `.js` for CommonJS, although a configuration is
 * written with `export default`: these are what their syntax says. Null for anything that Node tells by itself.
 */
function formatOf(path: string, text: string): "module" | "module-typescript" | null {
  const extension = extname(path);
  if (extension !== ".ts" && extension !== ".js") return null;
  const isTypeScript = extension === ".ts";
  if (!isModuleSyntax(text, isTypeScript)) return null;
  return isTypeScript ? "module-typescript" : "module";
}
