/**
 * The request target (RFC 9112 section 3.2): which of its forms it has, and the path and query in it.
 * Routes are matched against one canonical path (`path.ts`); what is forwarded is the original spelling, or the canonical one where dot segments had to
 * be resolved, never a third. The authority of an absolute-form target is only ever compared with routes; no upstream is chosen by it.
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
  /** The liberal reading of the path where it differs, else null. */
  alternatePath: string | null;
  /** Without its `?`; as received. */
  query: string;
  /** Written only for absolute form: its authority as received. It takes the place of the Host field (RFC 9112 section 3.2.2). */
  authority: string;
  /** Written only for absolute form: what `parseAuthority` makes of the authority. */
  host: string;
}

/** Path characters: 0 = refused, 1 = plain, 2 = `/`, 3 = `?`, 4 = leads off the fast way (`%`, `;`). Only visible ASCII without `#` and `\` is accepted. */
const pathKinds = new Uint8Array(256).fill(1, 0x21, 0x7f);
pathKinds[35] = 0;
pathKinds[92] = 0;
pathKinds[47] = 2;
pathKinds[63] = 3;
pathKinds[37] = 4;
pathKinds[59] = 4;

/**
 * Query characters: visible ASCII without `#`. The query is forwarded as it is and never decoded on the way, so that lone `%` and the `\`, `"`, `|` that
 * browsers leave alone there do no harm.
 */
const isQueryChar = new Uint8Array(256).fill(1, 0x21, 0x7f);
isQueryChar[35] = 0;

/**
 * Parses a request target as received (latin1) for `method` into `into`.
 * Accepted: origin form; absolute form with `http` or `https`, a valid authority and no userinfo; `*` for OPTIONS. Refused, with the reason that is
 * returned: everything else, bad escapes and `%00` in the path, dot segments that climb above the root, plain or hidden (see `path.ts`).
 * @returns null where it is well-formed; otherwise nothing in `into` may be used.
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

/** Origin form. A path without escapes, parameters, `//` and `/.` is its own canonical form and is found to be so in one pass. */
function parsePathAndQuery(text: string, into: TargetSink): ReasonCode | null {
  const length = text.length;
  let isPlain = true;
  let at = 0;
  for (; at < length; at++) {
    const kind = pathKinds[text.charCodeAt(at)];
    if (kind === 1) continue;
    if (kind === 2) {
      const next = text.charCodeAt(at + 1);
      if (next === 47 || next === 46) isPlain = false;
    } else if (kind === 4) isPlain = false;
    else if (kind === 3) break;
    else return "BAD_TARGET";
  }
  for (let queryAt = at + 1; queryAt < length; queryAt++) {
    if (isQueryChar[text.charCodeAt(queryAt)] !== 1) return "BAD_TARGET";
  }
  const path = at === length ? text : text.slice(0, at);
  into.target = text;
  into.query = at === length ? "" : text.slice(at + 1);
  if (isPlain) {
    into.path = path;
    into.alternatePath = null;
    return null;
  }
  const reading = readPath(path);
  if (typeof reading === "string") return reading;
  into.path = reading.canonical;
  into.alternatePath = reading.alternate;
  if (reading.hadDotSegments) into.target = reading.canonical + text.slice(at);
  return null;
}
