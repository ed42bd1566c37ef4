/**
 * One pass over the field lines of a head or trailer section: checks every byte, finds the end, and notes the lines
 * that are not simply forwarded. Strict by RFC 9112 section 5: CRLF only, no white space before the colon, no line
 * folding, no control characters (section 2.2 allows leniency; smuggling lives there). The notes live in one scratch
 * area for the thread: a parser reads them before anything else is scanned.
 */
import { COLON, CR, HTAB, LF, SP, tokenTable, valueTable } from "../../http/syntax/characters.ts";
import { isSpecialAlias, Special, specialOf } from "../../http/syntax/special-fields.ts";

/** What `scanFields` answers instead of an offset. */
export const ScanFailure = { incomplete: -1, badField: -2, badLineEnd: -3, tooManyFields: -4 } as const;

/** More lines of special meaning than this are refused whatever the limit on fields. */
const capacity = 256;
/** How many lines were noted by the last scan. */
export let notedCount = 0;
/** What each noted line is: one of `Special`. */
export const notedSpecial = new Uint8Array(capacity);
const notedLineStart = new Int32Array(capacity);
const notedLineEnd = new Int32Array(capacity);
/** Where the value of each starts, behind optional white space. */
export const notedValueStart = new Int32Array(capacity);
/** Where the value of each ends, before optional white space. */
export const notedValueEnd = new Int32Array(capacity);

/**
 * Scans lines from `bytes[at]` to the empty line that ends the section.
 * @returns the offset after the empty line, or a `ScanFailure`
 */
export function scanFields(bytes: Buffer, at: number, end: number, maxFields: number): number {
  let fieldCount = 0;
  notedCount = 0;
  for (;;) {
    if (at >= end) return ScanFailure.incomplete;
    const lineStart = at;
    let hasFoldable = false;
    let kind = tokenTable[bytes[at]!]!;
    while (kind !== 0) {
      if (kind === 2) hasFoldable = true;
      if (++at === end) return ScanFailure.incomplete;
      kind = tokenTable[bytes[at]!]!;
    }
    if (bytes[at] !== COLON || at === lineStart) {
      if (at !== lineStart) {
        if (bytes[at] !== CR) return lineEndFailure(bytes[at]!);
        if (at + 1 === end) return ScanFailure.incomplete;
        // A whole line without a colon.
        return bytes[at + 1] === LF ? ScanFailure.badField : ScanFailure.badLineEnd;
      }
      // Not a name: the empty line that ends the section, or garbage.
      if (bytes[at] !== CR) return lineEndFailure(bytes[at]!);
      if (at + 1 === end) return ScanFailure.incomplete;
      return bytes[at + 1] === LF ? at + 2 : ScanFailure.badLineEnd;
    }
    const nameEnd = at;
    at++;
    while (at < end && valueTable[bytes[at]!] === 1) at++;
    if (at + 1 >= end) {
      if (at < end && bytes[at] !== CR) return lineEndFailure(bytes[at]!);
      return ScanFailure.incomplete;
    }
    if (bytes[at] !== CR) return lineEndFailure(bytes[at]!);
    if (bytes[at + 1] !== LF) return ScanFailure.badLineEnd;
    if (++fieldCount > maxFields) return ScanFailure.tooManyFields;
    let special: Special = specialOf(bytes, lineStart, nameEnd);
    if (hasFoldable && isSpecialAlias(bytes.latin1Slice(lineStart, nameEnd))) special = Special.unsafe;
    if (special !== Special.none) {
      if (notedCount === capacity) return ScanFailure.tooManyFields;
      note(bytes, special, lineStart, nameEnd + 1, at);
    }
    at += 2;
  }
}

/**
 * Of a head or trailer section that comes in pieces, is there something behind `from`, where the last look at it ended,
 * that may decide about it: a line that is complete and no field line (the first one, the empty one, one that is
 * malformed), or a byte that can never be right? Every byte is looked at once: a trickle costs no more than a flood,
 * and is refused as soon.
 */
export function isWorthScanning(bytes: Buffer, from: number): boolean {
  for (let end = bytes.indexOf(LF, from); end !== -1; end = bytes.indexOf(LF, end + 1)) {
    const start = end === 0 ? 0 : bytes.lastIndexOf(LF, end - 1) + 1;
    // Empty lines may precede the first one.
    if (start < 3 || bytes[start - 3] === LF || !isFieldLine(bytes, start, end - 1)) return true;
  }
  return hasBareLineEnd(bytes, from);
}

/** @param end where its CR is, or should be */
function isFieldLine(bytes: Buffer, start: number, end: number): boolean {
  let at = start;
  while (at < end && tokenTable[bytes[at]!] !== 0) at++;
  if (at === start || at >= end || bytes[at] !== COLON) return false;
  while (++at < end) if (valueTable[bytes[at]!] === 0) return false;
  return bytes[end] === CR;
}

/**
 * Is there a CR without LF, an LF without CR or another control character from `from` on (the last byte is still open)?
 */
function hasBareLineEnd(bytes: Buffer, from: number): boolean {
  for (let i = from; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if ((byte === LF) !== (i > 0 && bytes[i - 1] === CR)) return true;
    if (byte < 0x20 && byte !== CR && byte !== LF && byte !== HTAB) return true;
  }
  return false;
}

function note(bytes: Buffer, special: Special, lineStart: number, valueStart: number, valueEnd: number): void {
  const index = notedCount++;
  notedSpecial[index] = special;
  notedLineStart[index] = lineStart;
  notedLineEnd[index] = valueEnd + 2;
  while (valueStart < valueEnd && isOws(bytes[valueStart]!)) valueStart++;
  while (valueEnd > valueStart && isOws(bytes[valueEnd - 1]!)) valueEnd--;
  notedValueStart[index] = valueStart;
  notedValueEnd[index] = valueEnd;
}

const isOws = (byte: number): boolean => byte === SP || byte === HTAB;
const lineEndFailure = (byte: number): number =>
  byte === LF || byte === CR ? ScanFailure.badLineEnd : ScanFailure.badField;

/** `text` (which starts at `origin` in the scanned bytes) from `start` to `end` without the lines noted for removal. */
export function keepFields(text: string, origin: number, start: number, end: number, isKept: Uint8Array): string {
  let kept = "";
  let runStart = start;
  for (let i = 0; i < notedCount; i++) {
    if (isKept[notedSpecial[i]!] === 1) continue;
    const lineStart = notedLineStart[i]!;
    if (lineStart > runStart) kept += text.slice(runStart - origin, lineStart - origin);
    runStart = notedLineEnd[i]!;
  }
  return runStart < end ? kept + text.slice(runStart - origin, end - origin) : kept;
}
