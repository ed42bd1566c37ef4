/**
 * From bytes to a `RequestHead`, or to the reason for refusing them. Pure: no socket, no state but the bytes.
 * Framing is decided here, once, as one tagged value (RFC 9112 section 6.3), and every doubt is a refusal.
 */
import { parseAuthority } from "../../http/authority.ts";
import { isConnectionLogin } from "../../http/connection-login.ts";
import { isToken, listMembers, toLowerAscii, trimOws } from "../../http/fields.ts";
import { Framing, RequestHead } from "../../http/message.ts";
import type { ReasonCode } from "../../http/reason.ts";
import { isSameProtocol, readUpgrade } from "../../http/upgrade.ts";
import { parseTarget } from "../../http/target.ts";
import { CR, LF, SP, targetTable, tokenTable } from "../../http/syntax/characters.ts";
import { applyConnection } from "../../http/syntax/connection-options.ts";
import {
  keepFields,
  keepTable,
  notedCount,
  notedSpecial,
  notedValueEnd,
  notedValueStart,
  ScanFailure,
  scanFields,
} from "./field-scanner.ts";
import { Special } from "../../http/syntax/special-fields.ts";
import { trailerLine } from "../../http/syntax/trailer-fields.ts";

/** Limits on a request head; sizes in bytes. */
export interface HeadLimits {
  readonly headBytes: number;
  readonly headFields: number;
}

const maxMethodLength = 32;
const keepFromStranger = keepTable(Special.date, Special.login, Special.persistentLogin);
const keepFromTrusted = keepTable(Special.date, Special.login, Special.persistentLogin, Special.trust);

/** What `parseRequestHead` found. One object for the thread, overwritten by every call. */
export const parsed: { head: RequestHead | null; next: number; failure: ReasonCode | null } = {
  head: null,
  next: 0,
  failure: null,
};

/**
 * Parses the head at `bytes[start, end)` into `parsed`: a head and the offset behind it; a failure; or neither, when
 * more bytes are needed.
 * @param isPeerTrusted trust fields of a trusted peer are kept
 */
export function parseRequestHead(
  bytes: Buffer,
  start: number,
  end: number,
  limits: HeadLimits,
  isPeerTrusted: boolean,
): void {
  parsed.head = null;
  parsed.failure = null;
  let at = start;
  // RFC 9112 section 2.2: empty lines before the request line are ignored.
  while (at < end && bytes[at] === CR) {
    if (at + 1 === end) return;
    if (bytes[at + 1] !== LF) return fail("BAD_LINE_END");
    at += 2;
    if (at - start > 64) return fail("BAD_REQUEST_LINE");
  }
  const lineStart = at;
  const limit = Math.min(end, lineStart + limits.headBytes);

  while (at < limit && tokenTable[bytes[at]!] !== 0) at++;
  const methodEnd = at;
  if (methodEnd - lineStart > maxMethodLength) return fail("BAD_METHOD");
  if (at === limit) return needMore(end, limit, "BAD_METHOD");
  if (bytes[at] !== SP || at === lineStart)
    return fail(bytes[at] === LF || bytes[at] === CR ? "BAD_REQUEST_LINE" : "BAD_METHOD");

  const targetStart = ++at;
  while (at < limit && targetTable[bytes[at]!] === 1) at++;
  const targetEnd = at;
  if (at === limit) return needMore(end, limit, "TARGET_TOO_LONG");
  if (bytes[at] !== SP || targetEnd === targetStart)
    return fail(bytes[at] === CR || bytes[at] === LF || bytes[at] === SP ? "BAD_REQUEST_LINE" : "BAD_TARGET");

  // "HTTP/" DIGIT "." DIGIT CRLF, ten bytes
  at++;
  if (at + 10 > limit) {
    for (let i = at; i < limit; i++)
      if (i - at === 5 || i - at === 7 ? !isDigit(bytes[i]!) : bytes[i] !== versionBytes[i - at])
        return fail("BAD_REQUEST_LINE");
    return needMore(end, limit, "TARGET_TOO_LONG");
  }
  const major = bytes[at + 5]! - 48;
  const minor = bytes[at + 7]! - 48;
  for (let i = 0; i < 10; i++) {
    if (i === 5 || i === 7) continue;
    if (bytes[at + i] !== versionBytes[i])
      return fail(i === 8 && bytes[at + i] === LF ? "BAD_LINE_END" : "BAD_REQUEST_LINE");
  }
  if (major < 0 || major > 9 || minor < 0 || minor > 9) return fail("BAD_REQUEST_LINE");
  if (major !== 1) return fail("VERSION_NOT_SUPPORTED");
  const fieldsStart = at + 10;

  const next = scanFields(bytes, fieldsStart, limit, limits.headFields);
  if (next < 0) {
    switch (next) {
      case ScanFailure.incomplete:
        return needMore(end, limit, "HEAD_TOO_LARGE");
      case ScanFailure.badLineEnd:
        return fail("BAD_LINE_END");
      case ScanFailure.tooManyFields:
        return fail("TOO_MANY_FIELDS");
      default:
        return fail("BAD_FIELD");
    }
  }

  const head = new RequestHead();
  const text = bytes.latin1Slice(lineStart, next);
  head.text = text;
  head.fieldsStart = fieldsStart - lineStart;
  head.method = text.slice(0, methodEnd - lineStart);
  // For the log, until it is understood.
  head.target = text.slice(targetStart - lineStart, targetEnd - lineStart);
  head.minorVersion = minor === 0 ? 0 : 1;
  head.keptFields = keepFields(
    text,
    lineStart,
    fieldsStart,
    next - 2,
    isPeerTrusted ? keepFromTrusted : keepFromStranger,
  );
  const failure = interpret(head, text, lineStart) ?? checkTarget(head, head.target);
  if (failure !== null) return fail(failure, head);
  parsed.head = head;
  parsed.next = next;
}

const isDigit = (byte: number): boolean => byte >= 48 && byte <= 57;

const versionBytes = Uint8Array.from("HTTP/1.1\r\n", (letter) => letter.charCodeAt(0));

function fail(reason: ReasonCode, head: RequestHead | null = null): void {
  parsed.failure = reason;
  parsed.head = head;
}

function needMore(end: number, limit: number, whenFull: ReasonCode): void {
  if (end > limit) parsed.failure = whenFull;
}

/** Reads the noted fields into `head`. */
function interpret(head: RequestHead, text: string, origin: number): ReasonCode | null {
  let contentLength: string | null = null;
  let transferEncoding: string | null = null;
  let connection: string | null = null;
  let upgrade: string | null = null;
  let expect: string | null = null;
  let te: string | null = null;
  let trailer = false;
  for (let i = 0; i < notedCount; i++) {
    const special = notedSpecial[i]!;
    if (special === Special.dropped || special === Special.date || special === Special.trust) continue;
    const value = text.slice(notedValueStart[i]! - origin, notedValueEnd[i]! - origin);
    switch (special) {
      case Special.host:
        if (head.hasHostField) return "BAD_HOST";
        head.hasHostField = true;
        head.authority = value;
        break;
      case Special.contentLength:
        // Repeated, even equal: refused (RFC 9112 section 6.3 allows it).
        if (contentLength !== null) return "BAD_CONTENT_LENGTH";
        contentLength = value;
        break;
      case Special.transferEncoding:
        if (transferEncoding !== null) return "BAD_TRANSFER_ENCODING";
        transferEncoding = value;
        break;
      case Special.connection:
        connection = join(connection, value);
        break;
      case Special.upgrade:
        upgrade = join(upgrade, value);
        break;
      case Special.expect:
        expect = join(expect, value);
        break;
      case Special.te:
        te = join(te, value);
        break;
      case Special.trailer:
        trailer = true;
        break;
      case Special.login:
      case Special.proxyLogin:
        if (isConnectionLogin(value)) head.bindsConnection = true;
        break;
      case Special.via:
        head.via = join(head.via, value);
        break;
      case Special.cdnLoop:
        head.cdnLoop = join(head.cdnLoop, value);
        break;
      case Special.requestId:
        head.requestId = join(head.requestId, value);
        break;
      case Special.forwardedFor:
        head.forwardedFor = join(head.forwardedFor, value);
        break;
      case Special.forwardedProto:
        head.forwardedProto = join(head.forwardedProto, value);
        break;
      case Special.forwardedHost:
        head.forwardedHost = join(head.forwardedHost, value);
        break;
      case Special.forwarded:
        head.forwarded = join(head.forwarded, value);
        break;
    }
  }
  const failure = decideFraming(head, contentLength, transferEncoding);
  if (failure !== null) return failure;
  head.isKeptAlive = head.minorVersion === 1;
  if (connection !== null) interpretConnection(head, connection, upgrade);
  // An HTTP/1.0 client is never sent a chunked answer, and so no trailers.
  if (te !== null && head.minorVersion === 1 && listMembers(te).includes("trailers")) head.acceptsTrailers = true;
  if (trailer && head.framing === Framing.chunked) head.keptFields += trailerLines(text, origin, head.nominated);
  if (head.minorVersion === 1) {
    if (!head.hasHostField) return "BAD_HOST";
    // RFC 9110 section 10.1.1: an HTTP/1.0 client's Expect is ignored.
    if (expect !== null) {
      if (toLowerAscii(expect) !== "100-continue") head.hasUnknownExpectation = true;
      else
        head.expectsContinue =
          head.framing !== Framing.none && (head.framing === Framing.chunked || head.contentLength > 0);
    }
  }
  return null;
}

function trailerLines(text: string, origin: number, nominated: ReadonlySet<string>): string {
  let lines = "";
  for (let i = 0; i < notedCount; i++) {
    if (notedSpecial[i] === Special.trailer)
      lines += trailerLine(text.slice(notedValueStart[i]! - origin, notedValueEnd[i]! - origin), nominated);
  }
  return lines;
}

const join = (before: string | null, value: string): string => (before === null ? value : `${before}, ${value}`);

function decideFraming(
  head: RequestHead,
  contentLength: string | null,
  transferEncoding: string | null,
): ReasonCode | null {
  if (transferEncoding !== null) {
    if (contentLength !== null) return "AMBIGUOUS_FRAMING";
    // RFC 9112 section 6.1: Transfer-Encoding in HTTP/1.0 is faulty framing.
    if (head.minorVersion === 0) return "BAD_TRANSFER_ENCODING";
    if (toLowerAscii(transferEncoding) !== "chunked")
      return isUnknownCoding(transferEncoding) ? "UNKNOWN_TRANSFER_CODING" : "BAD_TRANSFER_ENCODING";
    head.framing = Framing.chunked;
  } else if (contentLength !== null) {
    const length = parseContentLength(contentLength);
    if (length === -1) return "BAD_CONTENT_LENGTH";
    head.framing = Framing.length;
    head.contentLength = length;
  }
  return null;
}

/** Codings we do not know, in good form and with chunked nowhere but last (RFC 9112 section 6.1: answered with 501). */
function isUnknownCoding(value: string): boolean {
  // Not by a pattern with white space on both sides of the comma: on a long run of spaces that is quadratic.
  const codings = toLowerAscii(value).split(",").map(trimOws);
  return codings.every(isToken) && !codings.slice(0, -1).includes("chunked") && !codings.includes("identity");
}

/**
 * A Content-Length value as a number of bytes, or -1 where it is not exactly a decimal number without sign, list or
 * leading zero.
 */
export function parseContentLength(value: string): number {
  const length = value.length;
  if (length === 0 || length > 15) return -1;
  let bytes = 0;
  for (let i = 0; i < length; i++) {
    const digit = value.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    bytes = bytes * 10 + digit;
  }
  return length > 1 && value.charCodeAt(0) === 48 ? -1 : bytes;
}

function interpretConnection(head: RequestHead, connection: string, upgrade: string | null): void {
  const options = applyConnection(head, connection);
  // RFC 9110 section 7.8: Upgrade counts only when nominated, and never in HTTP/1.0.
  if (upgrade !== null && head.minorVersion === 1 && options.includes("upgrade"))
    interpretUpgrade(head, readUpgrade(upgrade));
  if (options.includes("x-request-id")) head.requestId = null;
}

function interpretUpgrade(head: RequestHead, protocol: string | null): void {
  if (protocol === null || !isSameProtocol(protocol, "websocket")) head.upgrade = protocol;
  else if (
    head.method === "GET" &&
    (head.framing === Framing.none || (head.framing === Framing.length && head.contentLength === 0))
  )
    head.upgrade = "websocket";
}

// Clients of one site send one Host again and again.
let lastAuthority = "";
let lastHost = "";

function checkTarget(head: RequestHead, received: string): ReasonCode | null {
  const authority = head.authority;
  if (authority === lastAuthority && authority !== "") head.host = lastHost;
  else if (authority !== "" || head.hasHostField) {
    const host = parseAuthority(authority);
    if (host === null) return "BAD_HOST";
    lastAuthority = authority;
    head.host = lastHost = host;
  }
  // Neither tunnels by CONNECT nor echoes of credentials by TRACE (RFC 9110 sections 9.3.6 and 9.3.8).
  if (head.method === "CONNECT" || head.method === "TRACE") return "METHOD_NOT_ALLOWED";
  return parseTarget(head.method, received, head);
}
