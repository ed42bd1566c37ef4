/** The thread in which a configuration that is a program runs; see `load-module.ts`. */
import { registerHooks } from "node:module";
import { extname } from "node:path";
import { pathToFileURL } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import type { LoadedModule, ModuleFailure } from "./load-module.ts";
import { findForeignValues } from "./plain-data.ts";

const file = String(workerData);

// `import { defineConfig } from "millrace"` works beside a globally installed command, too: where the package is not found, it is this one.
registerHooks({
  resolve(specifier, context, next) {
    try {
      return next(specifier, context);
    } catch (error) {
      if (specifier !== "millrace") throw error;
      return { url: new URL(`../index${extname(import.meta.url)}`, import.meta.url).href, shortCircuit: true };
    }
  },
});

function explainFailure(error: unknown): ModuleFailure {
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

async function load(): Promise<LoadedModule> {
  try {
    const module = await import(pathToFileURL(file).href) as Record<string, unknown>;
    if (!("default" in module)) return { value: undefined, findings: [], failure: { message: "the program has no default export; write `export default defineConfig({ … })`", line: 0, column: 0 } };
    const exported: unknown = await module["default"];
    const value: unknown = typeof exported === "function" ? await exported() : exported;
    const findings = findForeignValues(value);
    return { value: findings.length > 0 ? undefined : value, findings, failure: null };
  } catch (error) {
    return { value: undefined, findings: [], failure: explainFailure(error) };
  }
}

void load().then((loaded) => parentPort?.postMessage(loaded));
