/**
 * What an Accept value prefers (RFC 9110 section 12.5.1), found in one walk over it: the list is a stranger's and may
 * have thousands of members.
 */
import { toLowerAscii, trimOws } from "./field-text.ts";

/** The ranges that `prefersJson` looks for: those of JSON, then those of text, the most specific first. */
const ranges = ["application/json", "application/*", "*/*", "text/plain", "text/*"] as const;
const json = [0, 1, 2] as const;
const plain = [3, 4, 2] as const;

/** Longer than any range above, with room for white space: a member whose range is longer is none of them. */
const maxRangeLength = 64;

/** Does an Accept value rank JSON above plain text? */
export function prefersJson(accept: string | null): boolean {
  if (accept === null || !/json/i.test(accept)) return false;
  const weights: (number | undefined)[] = [];
  for (let at = 0; at < accept.length; ) {
    const comma = accept.indexOf(",", at);
    const end = comma === -1 ? accept.length : comma;
    const rangeEnd = endOfPiece(accept, at, end);
    if (rangeEnd - at <= maxRangeLength) {
      const index = ranges.indexOf(toLowerAscii(trimOws(accept.slice(at, rangeEnd))) as (typeof ranges)[number]);
      if (index !== -1) weights[index] ??= readWeight(accept, rangeEnd + 1, end);
    }
    at = end + 1;
  }
  return firstOf(weights, json) > firstOf(weights, plain);
}

/** Where the piece that begins at `at` ends: at a semicolon or at `end`. */
function endOfPiece(text: string, at: number, end: number): number {
  let stop = at;
  while (stop < end && text.charCodeAt(stop) !== 59) stop++;
  return stop;
}

/** The `q` among the parameters in `text[at, end)`: 1 if there is none, 0 if it is malformed. */
function readWeight(text: string, at: number, end: number): number {
  for (let start = at; start < end; ) {
    const stop = endOfPiece(text, start, end);
    const match = /^q=(.*)$/is.exec(trimOws(text.slice(start, stop)));
    if (match !== null) return /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(match[1] ?? "") ? Number(match[1]) : 0;
    start = stop + 1;
  }
  return 1;
}

function firstOf(weights: readonly (number | undefined)[], indexes: readonly number[]): number {
  for (const index of indexes) if (weights[index] !== undefined) return weights[index];
  return 0;
}
