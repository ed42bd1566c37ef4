/**
 * From bytes to a `RequestHead`, or to the reason for refusing them. Pure: no socket, no state but the bytes. Here is
 * what is HTTP/1.1's own, lines and where they end; what the fields mean is read in `http/syntax/request-reading.ts`.
 */
import { RequestHead } from "../../http/message.ts";
import type { ReasonCode } from "../../http/reason.ts";
import { CR, LF, SP, targetTable, tokenTable } from "../../http/syntax/characters.ts";
import { keptSpecials, RequestReading, unreadSpecials } from "../../http/syntax/request-reading.ts";
import { readRequestTarget } from "../../http/syntax/request-target.ts";
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

/** Limits on a request head; sizes in bytes. */
export interface HeadLimits {
  readonly headBytes: number;
  readonly headFields: number;
}

const maxMethodLength = 32;

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
  if (bytes[at] !== SP || at === lineStart) return fail(whyNoMethod(bytes[at]!, at - start));

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
  head.method = readMethod(bytes, lineStart, methodEnd) ?? text.slice(0, methodEnd - lineStart);
  // For the log, until it is understood.
  head.target = text.slice(targetStart - lineStart, targetEnd - lineStart);
  head.minorVersion = minor === 0 ? 0 : 1;
  head.keptFields = keepFields(text, lineStart, fieldsStart, next - 2, keptSpecials(isPeerTrusted));
  const failure = interpret(head, text, lineStart) ?? readRequestTarget(head, head.target);
  if (failure !== null) return fail(failure, head);
  parsed.head = head;
  parsed.next = next;
}

/** The type of a TLS record that a ClientHello begins with (RFC 8446 section 5.1). */
const tlsHandshake = 22;

/** @param byte stands in the place of the space behind the method @param offset how far behind the start */
function whyNoMethod(byte: number, offset: number): ReasonCode {
  if (byte === LF || byte === CR) return "BAD_REQUEST_LINE";
  return byte === tlsHandshake && offset === 0 ? "TLS_ON_PLAIN_PORT" : "BAD_METHOD";
}

/** The usual methods, by their length: as constants of the program they are compared at a glance. */
const usualMethods: (readonly { readonly name: string; readonly bytes: Uint8Array }[])[] = [];
for (const name of ["GET", "PUT", "POST", "HEAD", "PATCH", "DELETE", "OPTIONS"])
  usualMethods[name.length] = [
    ...(usualMethods[name.length] ?? []),
    { name, bytes: Uint8Array.from(name, (letter) => letter.charCodeAt(0)) },
  ];

/** The usual method at `bytes[start, end)`; null if it is another one. */
function readMethod(bytes: Buffer, start: number, end: number): string | null {
  const usual = usualMethods[end - start];
  if (usual === undefined) return null;
  for (let at = 0; at < usual.length; at++) {
    const { name, bytes: expected } = usual[at]!;
    let length = 0;
    while (length < expected.length && bytes[start + length] === expected[length]) length++;
    if (length === expected.length) return name;
  }
  return null;
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

const reading = new RequestReading();

/** Reads the noted fields into `head`. */
function interpret(head: RequestHead, text: string, origin: number): ReasonCode | null {
  reading.begin();
  for (let i = 0; i < notedCount; i++) {
    const special = notedSpecial[i] as Special;
    if (unreadSpecials[special] === 1) continue;
    const value = text.slice(notedValueStart[i]! - origin, notedValueEnd[i]! - origin);
    const failure = reading.take(head, special, value);
    if (failure !== null) return failure;
  }
  return reading.end(head);
}
