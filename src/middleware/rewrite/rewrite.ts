/**
 * The `rewrite` middleware: another path for the upstream. Works on the canonical path, so that what was matched is
 * what is changed, and leaves the query as it was received. What comes out starts with `/` and holds only visible ASCII
 * (RFC 9112 section 3.2.1), whatever went in.
 */
import { readPath } from "../../http/path.ts";

/** `rewrite`; null or absent = not asked for. */
export interface RewriteSpec {
  /** Taken off the front of the path at a segment boundary; paths without it stay as they are. */
  readonly stripPrefix?: string | null | undefined;
  /** Put in front of the path, after `stripPrefix`. */
  readonly addPrefix?: string | null | undefined;
  /** The whole new path. */
  readonly replacePath?: string | null | undefined;
}

/** A request's path on its way through the rewrites of its route. */
export interface RewritePass {
  path: string;
  /** What was stripped, all of it in order: the value of X-Forwarded-Prefix. Empty where nothing was. */
  forwardedPrefix: string;
}

/** One compiled `rewrite`. */
export type Rewrite = (pass: RewritePass) => void;

/** @throws RangeError where a prefix or path does not begin with `/` or could not stand in a request. */
export function compileRewrite(spec: RewriteSpec): Rewrite {
  const stripped = spec.stripPrefix == null ? "" : prefixOf(spec.stripPrefix);
  const added = spec.addPrefix == null ? "" : prefixOf(spec.addPrefix);
  const replacement = spec.replacePath == null ? null : canonicalOf(spec.replacePath);
  return (pass) => {
    if (replacement !== null) pass.path = replacement;
    else {
      if (stripped !== "" && hasPrefix(pass.path, stripped)) {
        pass.path = pass.path.length === stripped.length ? "/" : pass.path.slice(stripped.length);
        pass.forwardedPrefix += stripped;
      }
      if (added !== "") pass.path = added + pass.path;
    }
  };
}

/** What `rewriteTarget` gives. */
export interface RewrittenTarget {
  /** The target to send upstream. */
  readonly target: string;
  /** The field line `X-Forwarded-Prefix: …` with its CRLF, or the empty string. */
  readonly fieldLine: string;
}

/** Runs `rewrites` over a request, in order. `OPTIONS *` stays as it is. */
export function rewriteTarget(
  rewrites: readonly Rewrite[],
  request: { readonly target: string; readonly path: string },
): RewrittenTarget {
  if (request.target === "*") return { target: "*", fieldLine: "" };
  const pass: RewritePass = { path: request.path, forwardedPrefix: "" };
  for (const rewrite of rewrites) rewrite(pass);
  const query = request.target.indexOf("?");
  const target = query === -1 ? pass.path : pass.path + request.target.slice(query);
  if (!/^\/[!-"$-~]*$/.test(target)) throw new Error("a rewritten target is malformed");
  return { target, fieldLine: pass.forwardedPrefix === "" ? "" : `X-Forwarded-Prefix: ${pass.forwardedPrefix}\r\n` };
}

function hasPrefix(path: string, prefix: string): boolean {
  return path.startsWith(prefix) && (path.length === prefix.length || path.charCodeAt(prefix.length) === 47);
}

/** A prefix in canonical form, without slashes at its end; `/` and the empty text are the empty prefix. */
function prefixOf(text: string): string {
  return text === "" ? "" : canonicalOf(text).replace(/\/+$/, "");
}

function canonicalOf(text: string): string {
  const reading = /^\/[!-~]*$/.test(text) && !/[?#\\]/.test(text) ? readPath(text) : "BAD_TARGET";
  if (typeof reading === "string" || reading.hadDotSegments) throw new RangeError(`not a path: ${text}`);
  return reading.canonical;
}
