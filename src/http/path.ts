/**
 * The two readings of a path. The canonical one is what RFC 3986 section 6.2.2 makes of it, and what routes are matched
 * against; the liberal one is what the least careful endpoint could make of what is forwarded. A request that would
 * take another route when read liberally is refused, so that no spelling of a path gets around a route. Only paths with
 * an escape, `//`, `/.` or `;` in them come here at all.
 */
import { hexValue } from "../base/hex.ts";

/**
 * A path that is refused: `BAD_TARGET` if it is malformed or climbs above the root, `AMBIGUOUS_TARGET` if it
 * hides a climb.
 */
export type PathRefusal = "BAD_TARGET" | "AMBIGUOUS_TARGET";

/** What `readPath` understood. One object a module: read it before the next call. */
export interface PathReading {
  /** Unreserved escapes decoded, hex digits in capitals, dot segments removed. */
  canonical: string;
  /** There were dot segments, plain or as `%2e`: the canonical form is to be forwarded, not the original. */
  hadDotSegments: boolean;
  /** The liberal reading, or null if it is the canonical one. */
  alternate: string | null;
}

const backslash = 92;
const question = 63;
const hash = 35;

const reading: PathReading = { canonical: "/", hadDotSegments: false, alternate: null };

/** Reads a path that starts with `/` and holds only visible ASCII without `?`, `#` and `\`. */
export function readPath(path: string): PathReading | PathRefusal {
  const decoded = path.includes("%") ? decodeUnreserved(path) : path;
  if (decoded === null) return "BAD_TARGET";
  const canonical = decoded.includes("/.") ? removeDotSegments(decoded) : decoded;
  if (canonical === null) return "BAD_TARGET";
  const alternate = readLiberally(canonical);
  if (alternate === "BAD_TARGET" || alternate === "AMBIGUOUS_TARGET") return alternate;
  reading.canonical = canonical;
  reading.hadDotSegments = canonical !== decoded;
  reading.alternate = alternate === canonical ? null : alternate;
  return reading;
}

/**
 * RFC 3986 sections 6.2.2.1 and 6.2.2.2. Null if a `%` is not followed by two hex digits, or the escape is `%00`.
 */
function decodeUnreserved(path: string): string | null {
  let text = "";
  let from = 0;
  for (let at = path.indexOf("%"); at !== -1; at = path.indexOf("%", from)) {
    const code = escapedCode(path, at);
    if (code <= 0) return null;
    text +=
      path.slice(from, at) + (isUnreserved(code) ? String.fromCharCode(code) : path.slice(at, at + 3).toUpperCase());
    from = at + 3;
  }
  return text + path.slice(from);
}

/** RFC 3986 section 5.2.4, except that climbing above the root is refused (null) instead of forgiven. */
function removeDotSegments(path: string): string | null {
  const kept: string[] = [];
  const segments = path.split("/");
  const last = segments.length - 1;
  for (let at = 1; at <= last; at++) {
    const segment = segments[at] ?? "";
    if (segment === "..") {
      if (kept.length === 0) return null;
      kept.pop();
    } else if (segment !== ".") kept.push(segment);
    if (at === last && (segment === "." || segment === "..")) kept.push("");
  }
  return `/${kept.join("/")}`;
}

/**
 * The liberal reading of a canonical path: escapes of visible characters decoded twice, `\` taken for `/`,
 * `;parameters` cut from each segment, empty and `.` segments dropped. A `..` that appears only then has no honest use
 * (it is how filters are got around, `/public/..;/admin`, `/public/%2e%2e%2fadmin`), and readers that do only some of
 * these steps would each end elsewhere: refused.
 */
function readLiberally(path: string): string | PathRefusal {
  if (!/[%;]|\/\//.test(path)) return path;
  const decoded = path.includes("%") ? decodeVisible(decodeVisible(path)) : path;
  const segments = decoded.split("/");
  let text = "";
  let depth = 0;
  let lowest = 0;
  let climbs = false;
  let endsInSlash = false;
  for (let at = 1; at < segments.length; at++) {
    const whole = segments[at] ?? "";
    const parameters = whole.indexOf(";");
    const segment = parameters === -1 ? whole : whole.slice(0, parameters);
    endsInSlash = segment === "" || segment === ".";
    if (endsInSlash) continue;
    if (segment === "..") {
      climbs = true;
      lowest = Math.min(lowest, --depth);
    } else depth++;
    text += `/${segment}`;
  }
  if (climbs) return lowest < 0 ? "BAD_TARGET" : "AMBIGUOUS_TARGET";
  return endsInSlash ? `${text}/` : text;
}

/**
 * Decodes the escapes of visible ASCII but `?` and `#`, `\` becoming `/`; others, and malformed ones, stay. Also the
 * forms of ASCII in two, three or four bytes that UTF-8 forbids (RFC 3629 section 3) and old decoders take: `%C0%AF`
 * for `/`, `%E0%80%AE` for `.`.
 */
function decodeVisible(path: string): string {
  return path.replace(/(?:%[Cc][01]|(?:%[Ee]0|%[Ff]0%80)%8[01])%[89ABab][0-9A-Fa-f]|%[0-9A-Fa-f]{2}/g, (escape) => {
    const last = escapedCode(escape, escape.length - 3);
    const code = escape.length === 3 ? last : ((escapedCode(escape, escape.length - 6) & 1) << 6) | (last & 0x3f);
    if (code === backslash) return "/";
    return code > 0x20 && code < 0x7f && code !== question && code !== hash ? String.fromCharCode(code) : escape;
  });
}

/** The value of the escape at `at`, or -1. */
function escapedCode(text: string, at: number): number {
  const high = hexValue(text.charCodeAt(at + 1));
  const low = hexValue(text.charCodeAt(at + 2));
  return high === -1 || low === -1 ? -1 : high * 16 + low;
}

/** ALPHA, DIGIT, `-`, `.`, `_`, `~` (RFC 3986 section 2.3). */
function isUnreserved(code: number): boolean {
  if (code >= 48 && code <= 57) return true;
  const lower = code | 32;
  return (lower >= 97 && lower <= 122) || code === 45 || code === 46 || code === 95 || code === 126;
}
