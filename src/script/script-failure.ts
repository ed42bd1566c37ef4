/** What is told of a program of the user that fails: a sentence, and its place in the program. */
import { fileURLToPath, pathToFileURL } from "node:url";

/** Why a program failed. `line` and `column` count from 1 and are 0 if they are not known. */
export interface ScriptFailure {
  readonly message: string;
  readonly line: number;
  readonly column: number;
}

/** A program of the user, or a function that should be in it, cannot be used. */
export class ScriptError extends Error {
  readonly failure: ScriptFailure;
  /** The program: an absolute path. */
  readonly file: string;
  /** Where in its configuration; empty if it is the program as a whole. */
  readonly path: readonly (string | number)[];

  constructor(failure: ScriptFailure, file: string, path: readonly (string | number)[] = []) {
    super(failure.message);
    this.name = "ScriptError";
    this.failure = failure;
    this.file = file;
    this.path = path;
  }
}

/**
 * What `error`, which came while the program was run, says to its author.
 * @param url where the program was loaded from; its first mention in the stack is the place
 */
export function explainScriptFailure(error: unknown, url: string): ScriptFailure {
  if (!(error instanceof Error)) return { message: `the program threw ${String(error)}`, line: 0, column: 0 };
  const stack = error.stack ?? "";
  let line = 0;
  let column = 0;
  const file = fileURLToPath(url);
  for (const place of [url, pathToFileURL(file).href, file]) {
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
