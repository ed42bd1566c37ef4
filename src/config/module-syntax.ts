/** Whether a program is an ECMAScript module or CommonJS, told by its syntax. */
import { stripTypeScriptTypes } from "node:module";
import { compileFunction } from "node:vm";

/** What CommonJS code finds beside the globals. */
const commonJsNames = ["exports", "require", "module", "__filename", "__dirname"];

/**
 * Whether `source` cannot be CommonJS: it imports or exports by syntax, or awaits at its top level. Source that is no
 * program at all counts as a module; running it says what is wrong. Nothing is run.
 */
export function isModuleSyntax(source: string, isTypeScript: boolean): boolean {
  try {
    compileFunction(isTypeScript ? withoutTypes(source) : source, commonJsNames);
    return false;
  } catch {
    return true;
  }
}

/** Node warns that this function may change; that is of no use to whoever wrote the configuration. */
function withoutTypes(source: string): string {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    return stripTypeScriptTypes(source);
  } finally {
    process.emitWarning = emitWarning;
  }
}
