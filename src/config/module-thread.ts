/** The thread in which a configuration that is a program runs; see `load-module.ts`. */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { extname } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parentPort, workerData } from "node:worker_threads";
import { digestOf } from "./file-digest.ts";
import type { ModuleFailure, ModuleMessage, ModuleResult } from "./load-module.ts";
import { isModuleSyntax } from "./module-syntax.ts";
import { findForeignValues } from "./plain-data.ts";

const file = String(workerData);
const ownFolder = new URL("../", import.meta.url).href;

// `import { defineConfig } from "millrace"` works beside a globally installed command, too: if the package is not
// found, it is this one.
registerHooks({
  resolve(specifier, context, next) {
    try {
      return next(specifier, context);
    } catch (error) {
      if (specifier !== "millrace") throw error;
      return { url: new URL(`../index${extname(import.meta.url)}`, import.meta.url).href, shortCircuit: true };
    }
  },
  load(url, context, next) {
    if (!isOwnFile(url)) return next(url, context);
    const path = fileURLToPath(url);
    const contents = readFileSync(path);
    if (path !== file) post({ kind: "import", file: path, digest: digestOf(contents) });
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

/** Whether the file is the user's: neither a package nor Millrace itself. */
function isOwnFile(url: string): boolean {
  return url.startsWith("file:") && !url.includes("/node_modules/") && !url.startsWith(ownFolder);
}

function post(message: ModuleMessage): void {
  parentPort?.postMessage(message);
}

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

async function load(): Promise<ModuleResult> {
  try {
    const module = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
    if (!("default" in module))
      return {
        value: undefined,
        findings: [],
        failure: {
          message: "the program has no default export; write `export default defineConfig({ … })`",
          line: 0,
          column: 0,
        },
      };
    const exported: unknown = await module["default"];
    const value: unknown = typeof exported === "function" ? await exported() : exported;
    const findings = findForeignValues(value);
    return { value: findings.length > 0 ? undefined : value, findings, failure: null };
  } catch (error) {
    return { value: undefined, findings: [], failure: explainFailure(error) };
  }
}

void load().then((result) => post({ kind: "result", result }));
