/**
 * What a route asks of a request, and how specific its hosts and paths are: the words of `routes[].match`, read once
 * when a router is built.
 */
import { parseAuthority } from "../http/authority.ts";
import { toLowerAscii } from "../http/fields.ts";
import { readPath } from "../http/path.ts";

/** `routes[].match`; what is absent matches everything. */
export interface RouteMatch {
  /**
   * `example.com`; `*.example.com` (one or more labels in front, not the name itself); `*` (any). Any of them will do.
   */
  readonly host?: readonly string[] | undefined;
  /** Exact (`/ping`), or a prefix that ends at a segment (`/v1/*`: `/v1`, `/v1/` and `/v1/x`, not `/v1x`). */
  readonly path?: string | undefined;
  /** Any of them will do; case-sensitive. */
  readonly method?: readonly string[] | undefined;
  /** All of them must be there with that value, or any value if it is `*`. */
  readonly header?: Readonly<Record<string, string>> | undefined;
  readonly query?: Readonly<Record<string, string>> | undefined;
  readonly cookie?: Readonly<Record<string, string>> | undefined;
  /** Addresses and CIDR blocks; any of them will do. */
  readonly clientIp?: readonly string[] | undefined;
}

/** A host pattern: the exact name, or the suffix (with its dot) that names must end in, or any. */
export interface HostPattern {
  readonly kind: "exact" | "suffix" | "any";
  readonly text: string;
}

/** Reads a host pattern. @throws RangeError if `pattern` is no host pattern */
export function parseHostPattern(pattern: string): HostPattern {
  if (pattern === "*") return { kind: "any", text: "" };
  const isWildcard = pattern.startsWith("*.");
  const name = isWildcard ? pattern.slice(2) : pattern;
  const host = parseAuthority(name);
  if (host === null || host !== toLowerAscii(name).replace(/\.$/, ""))
    throw new RangeError(`not a host, "*.suffix" or "*": ${pattern}`);
  if (isWildcard && host.startsWith("[")) throw new RangeError(`an address has no wildcard: ${pattern}`);
  return isWildcard ? { kind: "suffix", text: `.${host}` } : { kind: "exact", text: host };
}

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

/** Reads `/exact` or `/prefix/*`. @throws RangeError if `pattern` is neither */
export function parsePathPattern(pattern: string): PathPattern {
  if (pattern === "/*" || pattern === "*") return anyPath;
  const isPrefix = pattern.endsWith("/*");
  const path = encodePattern(isPrefix ? pattern.slice(0, -2) : pattern);
  if (!path.startsWith("/") || !/^[!-~]+$/.test(path)) throw new RangeError(`a path begins with "/": ${pattern}`);
  if (/[*?#\\]/.test(path))
    throw new RangeError(
      `"*" stands only at the end of a path, after a "/", and there is no "?", "#" or "\\" in it: ${pattern}`,
    );
  const reading = readPath(path);
  if (typeof reading === "string" || reading.hadDotSegments)
    throw new RangeError(`a path has no dot segments and no broken escapes: ${pattern}`);
  return {
    kind: isPrefix ? "prefix" : "exact",
    text: reading.canonical,
    alternate: reading.alternate ?? reading.canonical,
  };
}

/** Writes what may not stand in a URL (spaces, other alphabets) as escapes, the way clients send it. */
function encodePattern(text: string): string {
  return text.replace(/[^!-~]+/gu, (odd) => encodeURIComponent(odd.toWellFormed()));
}
