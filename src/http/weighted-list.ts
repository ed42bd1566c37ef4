/**
 * Lists whose members may have a weight: Accept, Accept-Encoding and their like (RFC 9110 section 12.4.2), read in one
 * walk: the list is a stranger's and may have thousands of members.
 */
import { toLowerAscii, trimOws } from "./field-text.ts";

/** A member with a longer name, white space included, is none that anybody looks for: it is skipped. */
const maxNameLength = 64;

/**
 * Calls `take` for each member of `list` in its order, with its name in lower case and its weight from 0 to 1: 1 if none
 * is written, 0 if it is malformed. Parameters other than `q` are ignored, empty members are skipped.
 */
export function walkWeighted(list: string, take: (name: string, weight: number) => void): void {
  for (let at = 0; at < list.length; ) {
    const comma = list.indexOf(",", at);
    const end = comma === -1 ? list.length : comma;
    const nameEnd = endOfPiece(list, at, end);
    if (nameEnd - at <= maxNameLength) {
      const name = toLowerAscii(trimOws(list.slice(at, nameEnd)));
      if (name !== "") take(name, readWeight(list, nameEnd + 1, end));
    }
    at = end + 1;
  }
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
