/**
 * Loads programs of the user from the sources that came with the configuration. Each version of a program is a set of
 * modules of its own: all its URLs carry the version, so that a reload runs the new files while the old functions live
 * on, and a thread that starts late runs what the others run.
 */
import { registerHooks } from "node:module";
import type { ScriptModule } from "./script-module.ts";

/** The name of the parameter that carries the version in a URL. */
const parameter = "millrace-version";

const ownFolder = new URL("../", import.meta.url).href;
const ownIndex = new URL(import.meta.url.endsWith(".ts") ? "../index.ts" : "../index.js", import.meta.url).href;

/** Of this thread, by version. */
const modules = new Map<string, ScriptModule>();

let isHooked = false;

/** Makes `module` known to this thread. @returns the URL to import */
export function registerScript(module: ScriptModule): string {
  modules.set(module.version, module);
  if (!isHooked) hook();
  isHooked = true;
  return withVersion(module.url, module.version);
}

/** Whether `url` is a file of the user: neither of a package nor of Millrace itself. */
export function isUserFile(url: string): boolean {
  return url.startsWith("file:") && !url.includes("/node_modules/") && !url.startsWith(ownFolder);
}

/**
 * Resolves `specifier` by `resolve`. `import { defineConfig } from "millrace"` works beside a globally installed
 * command, too: if the package is not found, it is this one.
 */
export function resolveWithOwnPackage<Result>(
  specifier: string,
  resolve: () => Result,
): Result | { url: string; shortCircuit: true } {
  try {
    return resolve();
  } catch (error) {
    if (specifier !== "millrace") throw error;
    return { url: ownIndex, shortCircuit: true };
  }
}

function withVersion(url: string, version: string): string {
  return `${url}${url.includes("?") ? "&" : "?"}${parameter}=${version}`;
}

/** Takes the version out of a URL; null if it has none. */
function splitVersion(url: string | undefined): { readonly url: string; readonly module: ScriptModule } | null {
  const match = url === undefined ? null : new RegExp(`^(.*)[?&]${parameter}=(\\w+)$`).exec(url);
  const module = match === null ? undefined : modules.get(match[2] ?? "");
  return module === undefined ? null : { url: match?.[1] ?? "", module };
}

function hook(): void {
  registerHooks({
    resolve(specifier, context, next) {
      if (splitVersion(specifier) !== null) return { url: specifier, shortCircuit: true };
      const parent = splitVersion(context.parentURL);
      if (parent === null) return next(specifier, context);
      const { sources, version } = parent.module;
      const direct = /^\.{0,2}\//.test(specifier) ? new URL(specifier, parent.url).href : specifier;
      if (direct in sources) return { url: withVersion(direct, version), shortCircuit: true };
      const found = resolveWithOwnPackage(specifier, () => next(specifier, { ...context, parentURL: parent.url }));
      return found.url in sources ? { url: withVersion(found.url, version), shortCircuit: true } : found;
    },
    load(url, context, next) {
      const script = splitVersion(url);
      const source = script?.module.sources[script.url];
      if (source === undefined) return next(url, context);
      return { format: source.format, source: source.text, shortCircuit: true };
    },
  });
}
