/** The path of `match.path`: what may be written, and what it means. */
import { readPath } from "../http/path.ts";

/**
 * A path pattern in canonical form: the exact path, or the prefix without its `/*`. `alternate` is its liberal reading.
 */
export interface PathPattern {
  readonly kind: "exact" | "prefix";
  readonly text: string;
  readonly alternate: string;
}

/** Everything, the path `*` of `OPTIONS *` included: what `/*` and an absent path mean. */
export const anyPath: PathPattern = { kind: "prefix", text: "", alternate: "" };

/**
 * Reads `/exact`, or `/prefix/*` (the prefix itself and all below it), in the one spelling that paths are matched in.
 * @throws RangeError that says what to write instead
 */
export function parsePathPattern(pattern: string): PathPattern {
  const isPrefix = pattern.endsWith("/*");
  const plain = isPrefix ? pattern.slice(0, -1) : pattern;
  const problem = findProblem(pattern, plain);
  if (problem !== null) throw new RangeError(problem);
  if (pattern === "/*") return anyPath;
  const text = isPrefix ? plain.slice(0, -1) : plain;
  const reading = readPath(text);
  return {
    kind: isPrefix ? "prefix" : "exact",
    text,
    alternate: typeof reading === "string" ? text : (reading.alternate ?? text),
  };
}

/** @param plain the pattern without its star */
function findProblem(pattern: string, plain: string): string | null {
  const shown = JSON.stringify(pattern);
  if (!pattern.startsWith("/")) return `${shown} is not a path pattern; it begins with "/"`;
  if (/[?#]/.test(pattern)) return `${shown} has a query or fragment; a path pattern ends before it (see "query")`;
  if (plain.includes("*")) return `${shown}: "*" stands only at the end, after a slash, as in "/v1/*"`;
  if (/[^\x21-\x7e]/.test(pattern))
    return `${shown} has characters that no path has on the wire; write ${JSON.stringify(encodeURI(pattern.toWellFormed()))}`;
  if (/\\/.test(pattern)) return `${shown} has a backslash`;
  if (/%(?![\dA-Fa-f]{2})/.test(pattern)) return `${shown} has a "%" without two hexadecimal digits`;
  if (/(^|\/)\.{1,2}(\/|$)/.test(plain)) return `${shown} has a "." or ".." segment; paths are matched without them`;
  const reading = readPath(plain);
  if (typeof reading === "string") return `${shown} is a path that no request can have`;
  if (reading.canonical !== plain)
    return `${shown} is not how paths are matched; write ${JSON.stringify(reading.canonical + pattern.slice(plain.length))}`;
  return null;
}
