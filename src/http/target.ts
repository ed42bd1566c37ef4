/**
 * The request target (RFC 9112 section 3.2): which of its forms it has, and the path and query in it. Routes are
 * matched against one canonical path (`path.ts`); what is forwarded is the original spelling, or the canonical one
 * if dot segments had to be resolved, never a third. The authority of an absolute-form target is only ever compared
 * with routes; no upstream is chosen by it.
 */
import { parseAuthority } from "./authority.ts";
import { readPath } from "./path.ts";
import type { ReasonCode } from "./reason.ts";

/** Where `parseTarget` writes; a `RequestHead` is one. */
export interface TargetSink {
  /** What is forwarded: origin form, or `*`. */
  target: string;
  /** The canonical path, or `*`. */
  path: string;
  /** The liberal reading of the path if it differs, else null. */
  alternatePath: string | null;
  /** Without its `?`; as received. */
  query: string;
  /**
   * Written only for absolute form: its authority as received. It takes the place of the Host field (RFC 9112 section
   * 3.2.2).
   */
  authority: string;
  /** Written only for absolute form: what `parseAuthority` makes of the authority. */
  host: string;
}

/**
 * A target that is its own canonical form: only visible ASCII without `#`, and in the path no `%`, `;`, `\`, `//` or
 * `/.`. One native pass is ahead of a loop over character codes from some twenty characters on; no part of the pattern
 * can match in two ways, so it is linear also if it fails.
 */
const plainTarget = /^(?:\/(?![/.])[!"$&-.0-:<->@-[\]-~]*)+(?:\?[!"$-~]*)?$/;

/** What a path may hold at all. */
const pathCharacters = /^[!"$-[\]-~]+$/;

/**
 * What a query may hold. It is forwarded as it is and never decoded on the way, so that lone `%` and the `\`, `"`, `|`
 * that browsers leave alone there do no harm.
 */
const queryCharacters = /^[!"$-~]*$/;

/**
 * Parses a request target as received (latin1) for `method` into `into`. Accepted: origin form; absolute form with
 * `http` or `https`, a valid authority and no userinfo; `*` for OPTIONS. Refused, with the reason that is returned:
 * everything else, bad escapes and `%00` in the path, dot segments that climb above the root, plain or hidden (see
 * `path.ts`).
 * @returns null if it is well-formed; otherwise nothing in `into` may be used.
 */
export function parseTarget(method: string, received: string, into: TargetSink): ReasonCode | null {
  if (received.charCodeAt(0) === 47) return parsePathAndQuery(received, into);
  if (received === "*") return method === "OPTIONS" ? setAsterisk(into) : "BAD_TARGET";
  return parseAbsoluteForm(method, received, into);
}

/** RFC 9112 section 3.2.2; the scheme is case-insensitive (RFC 3986 section 3.1). */
function parseAbsoluteForm(method: string, received: string, into: TargetSink): ReasonCode | null {
  const scheme = /^https?:\/\//i.exec(received);
  if (scheme === null) return "BAD_TARGET";
  const start = scheme[0].length;
  let end = start;
  while (end < received.length && !isAuthorityEnd(received.charCodeAt(end))) end++;
  const authority = received.slice(start, end);
  const host = parseAuthority(authority);
  if (host === null) return "BAD_TARGET";
  into.authority = authority;
  into.host = host;
  const rest = received.slice(end);
  // RFC 9112 section 3.2.4: an empty path of OPTIONS stands for the server as a whole.
  if (rest === "" && method === "OPTIONS") return setAsterisk(into);
  return parsePathAndQuery(rest.charCodeAt(0) === 47 ? rest : `/${rest}`, into);
}

function isAuthorityEnd(code: number): boolean {
  return code === 47 || code === 63 || code === 35;
}

function setAsterisk(into: TargetSink): null {
  into.target = "*";
  into.path = "*";
  into.alternatePath = null;
  into.query = "";
  return null;
}

/** Origin form, from its first `/`. */
function parsePathAndQuery(text: string, into: TargetSink): ReasonCode | null {
  const mark = text.indexOf("?");
  const path = mark === -1 ? text : text.slice(0, mark);
  into.target = text;
  into.query = mark === -1 ? "" : text.slice(mark + 1);
  if (plainTarget.test(text)) {
    into.path = path;
    into.alternatePath = null;
    return null;
  }
  if (!pathCharacters.test(path) || !queryCharacters.test(into.query)) return "BAD_TARGET";
  const reading = readPath(path);
  if (typeof reading === "string") return reading;
  into.path = reading.canonical;
  into.alternatePath = reading.alternate;
  if (reading.hadDotSegments) into.target = mark === -1 ? reading.canonical : reading.canonical + text.slice(mark);
  return null;
}
