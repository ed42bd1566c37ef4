/**
 * From an endpoint's bytes to a `ResponseHead`: an answer that can be read in two ways is a 502 and its connection is
 * not used again. What is unusual and can be read in one way only is taken: equal lengths (RFC 9112 section 6.3) and
 * lengths with zeros before them. Here is what is HTTP/1.1's own, lines and where they end; what the fields mean is read
 * in `http/syntax/answer-reading.ts`.
 *
 * If an upstream is lenient, a head that is refused is repaired and read again. Its connection is not used again
 * either.
 */
import { ResponseHead } from "../../http/message.ts";
import type { ReasonCode } from "../../http/reason.ts";
import { AnswerReading, keptAnswerSpecials } from "../../http/syntax/answer-reading.ts";
import { CR, LF, SP, valueTable } from "../../http/syntax/characters.ts";
import type { Special } from "../../http/syntax/special-fields.ts";
import {
  keepFields,
  notedCount,
  notedSpecial,
  notedValueEnd,
  notedValueStart,
  ScanFailure,
  scanFields,
} from "./field-scanner.ts";
import { findSectionEnd, repairSection } from "./lenient-section.ts";
import type { HeadLimits } from "./request-parser.ts";

/** How answers are read. */
export interface AnswerRules extends HeadLimits {
  /** Much that no strict reader takes is repaired. */
  readonly isLenient: boolean;
}

/** Larger heads are refused. */
export const strictRules: AnswerRules = { headBytes: 65_536, headFields: 200, isLenient: false };
/** Those for an upstream that is `lenient`. */
export const lenientRules: AnswerRules = { ...strictRules, isLenient: true };

/** What `parseResponseHead` found. One object for the thread, overwritten by every call. */
export const parsedResponse: { head: ResponseHead | null; next: number; failure: ReasonCode | null; detail: string } = {
  head: null,
  next: 0,
  failure: null,
  detail: "",
};

/**
 * Parses the head at `bytes[start, end)` into `parsedResponse`: a head, a failure, or neither when more bytes are
 * needed.
 */
export function parseResponseHead(
  bytes: Buffer,
  start: number,
  end: number,
  rules: AnswerRules,
  isHeadMethod: boolean,
): void {
  parseStrictly(bytes, start, end, rules, isHeadMethod);
  if (rules.isLenient && parsedResponse.failure === "UPSTREAM_BAD_RESPONSE")
    parseRepaired(bytes, start, end, rules, isHeadMethod);
}

function parseRepaired(bytes: Buffer, start: number, end: number, rules: AnswerRules, isHeadMethod: boolean): void {
  const sectionEnd = findSectionEnd(bytes, start, end);
  if (sectionEnd === -1 || sectionEnd - start > rules.headBytes) {
    parsedResponse.failure = null;
    needMore(sectionEnd === -1 ? end : sectionEnd, start + rules.headBytes);
    return;
  }
  const repaired = repairSection(bytes.latin1Slice(start, sectionEnd), true);
  if (repaired === null) return;
  const limits = { headBytes: repaired.length, headFields: rules.headFields, isLenient: true };
  parseStrictly(Buffer.from(repaired, "latin1"), 0, repaired.length, limits, isHeadMethod);
  const { head } = parsedResponse;
  // Repaired, all of it must be the head: what is still missing never comes.
  if (head === null && parsedResponse.failure === null) fail("bad head");
  if (head === null) return;
  head.isKeptAlive = false;
  parsedResponse.next = sectionEnd;
}

function parseStrictly(bytes: Buffer, start: number, end: number, limits: AnswerRules, isHeadMethod: boolean): void {
  const out = parsedResponse;
  out.head = null;
  out.failure = null;
  const limit = Math.min(end, start + limits.headBytes);
  // "HTTP/1.x SSS", twelve bytes, then " reason" or nothing.
  for (let i = 0; i < 9 && start + i < limit; i++) {
    if (i !== 7 && bytes[start + i] !== statusBytes[i]) return fail("bad version in the status line");
  }
  if (start + 13 > limit) return;
  const minor = bytes[start + 7]! - 48;
  if (minor < 0 || minor > 9) return fail("bad version in the status line");
  const a = bytes[start + 9]! - 48;
  const b = bytes[start + 10]! - 48;
  const c = bytes[start + 11]! - 48;
  if (a < 1 || a > 5 || b < 0 || b > 9 || c < 0 || c > 9) return fail("bad status code");
  let at = start + 12;
  let phraseStart = at;
  if (bytes[at] === SP) phraseStart = ++at;
  else if (bytes[at] !== CR) return fail("bad status line");
  while (at < limit && valueTable[bytes[at]!] === 1) at++;
  const phraseEnd = at;
  if (at + 1 >= limit) {
    if (at < limit && bytes[at] !== CR) return fail("bad reason phrase");
    return needMore(end, limit);
  }
  if (bytes[at] !== CR || bytes[at + 1] !== LF) return fail("bad reason phrase");
  const fieldsStart = at + 2;
  const next = scanFields(bytes, fieldsStart, limit, limits.headFields);
  if (next < 0) {
    if (next === ScanFailure.incomplete) return needMore(end, limit);
    if (next === ScanFailure.tooManyFields) return fail("too many fields", "UPSTREAM_HEAD_TOO_LARGE");
    return fail(next === ScanFailure.badLineEnd ? "bad line end" : "bad field");
  }
  const head = new ResponseHead();
  const text = bytes.latin1Slice(start, next);
  head.text = text;
  head.fieldsStart = fieldsStart - start;
  head.status = a * 100 + b * 10 + c;
  head.reasonPhrase = text.slice(phraseStart - start, phraseEnd - start);
  head.minorVersion = minor === 0 ? 0 : 1;
  head.keptFields = keepFields(text, start, fieldsStart, next - 2, keptAnswerSpecials);
  const problem = interpret(head, start) ?? reading.end(head, limits, isHeadMethod);
  if (problem !== null) return fail(problem);
  out.head = head;
  out.next = next;
}

const statusBytes = Uint8Array.from("HTTP/1.1 ", (letter) => letter.charCodeAt(0));

function fail(detail: string, reason: ReasonCode = "UPSTREAM_BAD_RESPONSE"): void {
  parsedResponse.failure = reason;
  parsedResponse.detail = detail;
}

function needMore(end: number, limit: number): void {
  if (end > limit) fail("head too large", "UPSTREAM_HEAD_TOO_LARGE");
}

const reading = new AnswerReading();

/** Reads the noted fields into `head`. @returns what is wrong with them, or null */
function interpret(head: ResponseHead, origin: number): string | null {
  const { text } = head;
  reading.begin();
  for (let i = 0; i < notedCount; i++) {
    const special = notedSpecial[i] as Special;
    if (!reading.notice(head, special)) continue;
    const value = text.slice(notedValueStart[i]! - origin, notedValueEnd[i]! - origin);
    const problem = reading.take(head, special, value);
    if (problem !== null) return problem;
  }
  return null;
}
