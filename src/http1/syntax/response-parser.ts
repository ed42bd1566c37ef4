/**
 * From an endpoint's bytes to a `ResponseHead`: an answer that can be read in two ways is a 502 and its connection is
 * not used again. What is unusual and can be read in one way only is taken: equal lengths (RFC 9112 section 6.3) and
 * lengths with zeros before them.
 *
 * If an upstream is lenient, a head that is refused is repaired and read again. Its connection is not used again
 * either.
 */
import { isConnectionLogin } from "../../http/connection-login.ts";
import { toLowerAscii } from "../../http/fields.ts";
import { Framing, ResponseHead } from "../../http/message.ts";
import type { ReasonCode } from "../../http/reason.ts";
import { CR, LF, SP, valueTable } from "../../http/syntax/characters.ts";
import { applyConnection } from "../../http/syntax/connection-options.ts";
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
import { parseAnswerLength } from "../../http/syntax/content-length.ts";
import { Special, specialTable } from "../../http/syntax/special-fields.ts";
import { trailerLine } from "../../http/syntax/trailer-fields.ts";

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

// Request-side names mean nothing in an answer and are forwarded.
const kept = specialTable(
  Special.date,
  Special.host,
  Special.expect,
  Special.via,
  Special.cdnLoop,
  Special.requestId,
  Special.forwardedFor,
  Special.forwardedProto,
  Special.forwardedHost,
  Special.forwarded,
  Special.trust,
  Special.unsafe,
  Special.login,
  Special.persistentLogin,
);

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
  head.keptFields = keepFields(text, start, fieldsStart, next - 2, kept);
  const problem = interpret(head, start) ?? decideFraming(head, limits, isHeadMethod);
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

interface FramingFields {
  contentLength: string | null;
  transferEncoding: string | null;
  /** The values of `Trailer`; null = there is none. */
  trailers: string[] | null;
}

/** Of the head that is being read. One object for the thread: an answer costs none of its own. */
const framingFields: FramingFields = { contentLength: null, transferEncoding: null, trailers: null };

/** Reads the noted fields into `head` and `framingFields`. @returns what is wrong with them, or null */
function interpret(head: ResponseHead, origin: number): string | null {
  const { text } = head;
  let contentLength: string | null = null;
  let transferEncoding: string | null = null;
  let connection: string | null = null;
  let trailers: string[] | null = null;
  for (let i = 0; i < notedCount; i++) {
    const special = notedSpecial[i]!;
    if (special === Special.dropped) continue;
    if (special === Special.date) {
      head.hasDate = true;
      continue;
    }
    const value = text.slice(notedValueStart[i]! - origin, notedValueEnd[i]! - origin);
    switch (special) {
      case Special.contentLength:
        contentLength = contentLength === null ? value : `${contentLength}, ${value}`;
        break;
      case Special.transferEncoding:
        if (transferEncoding !== null) return "repeated Transfer-Encoding";
        transferEncoding = value;
        break;
      case Special.connection:
        connection = connection === null ? value : `${connection}, ${value}`;
        break;
      case Special.upgrade:
        head.upgrade = head.upgrade === null ? value : `${head.upgrade}, ${value}`;
        break;
      case Special.keepAlive:
        head.keepAliveHintMs = keepAliveHint(value);
        break;
      case Special.login:
      case Special.proxyLogin:
        if (isConnectionLogin(value)) head.bindsConnection = true;
        break;
      case Special.persistentLogin:
        if (toLowerAscii(value) !== "false") head.bindsConnection = true;
        break;
      case Special.trailer:
        (trailers ??= []).push(value);
        break;
    }
  }
  head.isKeptAlive = head.minorVersion === 1;
  if (connection !== null) applyConnection(head, connection);
  // RFC 9110 section 15.5.22: a 426 must say which protocols are wanted; section 7.8: with a connection option of its
  // own.
  if (head.status === 426 && head.upgrade !== null)
    head.keptFields += `Upgrade: ${head.upgrade}\r\nConnection: upgrade\r\n`;
  framingFields.contentLength = contentLength;
  framingFields.transferEncoding = transferEncoding;
  framingFields.trailers = trailers;
  return null;
}

/**
 * Decides by `framingFields`, after `interpret`: RFC 9112 section 6.3, in its order; of what it lets a recipient
 * repair, equal lengths alone. @returns what is wrong, or null
 */
function decideFraming(head: ResponseHead, { isLenient }: AnswerRules, isHeadMethod: boolean): string | null {
  const { contentLength, transferEncoding, trailers } = framingFields;
  if (transferEncoding !== null) {
    if (contentLength !== null) return "Content-Length beside Transfer-Encoding";
    if (head.minorVersion === 0) {
      if (!isLenient) return "Transfer-Encoding in HTTP/1.0";
      // RFC 9112 section 6.1: it is faulty, so the connection ends with it.
      head.isKeptAlive = false;
    }
    if (toLowerAscii(transferEncoding) !== "chunked") return "unknown transfer coding";
  }
  if (contentLength !== null) {
    const length = parseAnswerLength(contentLength);
    if (length === -1) return "bad Content-Length";
    head.hasContentLength = true;
    head.contentLength = length;
  }
  const status = head.status;
  if (isHeadMethod || status < 200 || status === 204 || status === 304) {
    head.framing = Framing.none;
    // A 204 that announces content (RFC 9110 section 8.6 forbids it) cannot be believed. HEAD and 304 announce in good
    // form: what may go wrong then is in `reuse.ts`.
    if (status === 204 && (transferEncoding !== null || head.contentLength > 0)) head.isKeptAlive = false;
    const isHead = isHeadMethod && status >= 200 && status !== 204;
    head.withholdsContent = isHead
      ? head.contentLength > 0 || contentLength === null
      : status === 304 && (transferEncoding !== null || head.contentLength > 0);
    if (status < 200 || status === 204) head.hasContentLength = false;
  } else if (transferEncoding !== null) {
    head.framing = Framing.chunked;
    if (trailers !== null) for (const value of trailers) head.keptFields += trailerLine(value, head.nominated);
  } else head.framing = contentLength !== null ? Framing.length : Framing.close;
  return null;
}

function keepAliveHint(value: string): number {
  const match = /(?:^|[\s,;])timeout\s*=\s*"?(\d{1,6})/i.exec(value);
  return match === null ? 0 : Number(match[1]) * 1000 || -1;
}
