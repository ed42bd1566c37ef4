/**
 * The JSON line of the access log, concatenated by hand: about 1 µs a line (`bench/micro/access-log.ts`), while
 * `JSON.stringify` of an object takes several. Putting the line together byte by byte in a buffer was tried and is
 * slower by half; so is copying each line into the batch as it comes. The fields and their order are those of
 * `accessLogFields`; a test compares.
 */
import type { Exchange } from "../http/exchange.ts";
import { toLowerAscii, trimOws } from "../http/fields.ts";
import type { ReceivedRequest } from "../http/message.ts";
import { reasons } from "../http/reason.ts";
import { elapsedMs, hasHead, protocolOf, startOf } from "./access-log-fields.ts";
import { escapeJsonText, maxLoggedLength, truncate } from "./log-escape.ts";
import { formatIsoTime, formatMs } from "./log-time.ts";
import type { QueryRedactor } from "./query-redactor.ts";

/** The line for `exchange`, with its line feed; ASCII only. */
export function formatJsonLine(exchange: Exchange, redactor: QueryRedactor): string {
  const { request, record } = exchange;
  const { reason } = record;
  const isUsable = hasHead(exchange);
  let line =
    `{"time":"${formatIsoTime(startOf(exchange))}","level":"${reason === null ? "info" : reasons[reason].level}","requestId":${quote(exchange.requestId, maxLoggedLength.requestId)}` +
    `${namesText(exchange)},"clientIp":${clientIps.quote(exchange.clientIp)}` +
    `,"peer":${exchange.peerAddress === "" ? "null" : `"${escapeJsonText(exchange.peerAddress)}:${exchange.peerPort}"`},"scheme":"${exchange.scheme}"` +
    `,"method":${methods.quote(request.method)},"host":${hosts.quote(request.authority)}` +
    `,"target":${isUsable ? `"${escapeJsonText(truncate(redactor.redact(request.target), maxLoggedLength.target))}","protocol":"${protocolOf(exchange)}"` : 'null,"protocol":null'}` +
    `,"status":${record.status},"reason":${reason === null ? "null" : `"${reason}"`}`;
  if (record.detail !== "") line += `,"detail":${quote(record.detail, maxLoggedLength.detail)}`;
  line +=
    `,"attempts":${record.attempts},"reused":${record.isUpstreamConnectionReused},"requestBytes":${record.requestBodyBytes},"responseBytes":${record.responseBodyBytes}` +
    `,"headMs":${duration(record.startedMs, record.headCompleteMs)},"waitMs":${duration(record.headCompleteMs, record.attemptStartedMs)}` +
    `,"connectMs":${duration(record.attemptStartedMs, record.connectedMs)},"firstByteMs":${duration(record.attemptStartedMs, record.firstByteMs)}` +
    `,"totalMs":${duration(record.startedMs, record.endedMs)}`;
  if (!isUsable) return `${line},"userAgent":null,"referer":null}\n`;
  findLoggedFields(request);
  return (
    `${line},"userAgent":${foundUserAgent === null ? "null" : userAgents.quote(foundUserAgent)}` +
    `,"referer":${foundReferer === null ? "null" : quote(redactor.redact(foundReferer), maxLoggedLength.referer)}}\n`
  );
}

function quote(text: string, maxLength: number): string {
  return text === "" ? "null" : `"${escapeJsonText(truncate(text, maxLength))}"`;
}

/** Quotes what is often the same in one line and the next: then it is checked once. */
class RepeatedText {
  readonly #maxLength: number;
  #text = "";
  #quoted = "null";

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  quote(text: string): string {
    if (text !== this.#text) {
      this.#text = text;
      this.#quoted = quote(text, this.#maxLength);
    }
    return this.#quoted;
  }
}

const clientIps = new RepeatedText(maxLoggedLength.host);
const methods = new RepeatedText(maxLoggedLength.method);
const hosts = new RepeatedText(maxLoggedLength.host);
const userAgents = new RepeatedText(maxLoggedLength.userAgent);

const quoteName = (name: string): string => (name === "" ? "null" : `"${escapeJsonText(name)}"`);

/**
 * The four names as they were last written for an endpoint: they come from the configuration and repeat, so most lines
 * find theirs here.
 */
interface CachedNames {
  readonly listenerName: string;
  readonly routeName: string;
  readonly upstreamName: string;
  readonly text: string;
}

const namesByEndpoint = new Map<string, CachedNames>();
const maxCachedNames = 256;

function namesText(exchange: Exchange): string {
  const { record } = exchange;
  const cached = namesByEndpoint.get(record.endpointName);
  if (
    cached !== undefined &&
    cached.routeName === record.routeName &&
    cached.listenerName === exchange.listenerName &&
    cached.upstreamName === record.upstreamName
  )
    return cached.text;
  const { listenerName } = exchange;
  const { routeName, upstreamName, endpointName } = record;
  const text = `,"listener":${quoteName(listenerName)},"route":${quoteName(routeName)},"upstream":${quoteName(upstreamName)},"endpoint":${quoteName(endpointName)}`;
  if (namesByEndpoint.size >= maxCachedNames) namesByEndpoint.clear();
  namesByEndpoint.set(endpointName, { listenerName, routeName, upstreamName, text });
  return text;
}

function duration(fromMs: number, toMs: number): string {
  const ms = elapsedMs(fromMs, toMs);
  return ms < 0 ? "null" : formatMs(ms);
}

let foundUserAgent: string | null = null;
let foundReferer: string | null = null;

/** Finds both fields in one walk over the head's lines; the first of repeated ones counts. An empty value is null. */
function findLoggedFields(request: ReceivedRequest): void {
  const text = request.text;
  foundUserAgent = null;
  foundReferer = null;
  for (let at = request.fieldsStart; at < text.length; ) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd <= at) return;
    // 58 is the colon.
    if (text.charCodeAt(at + 10) === 58 && foundUserAgent === null && isNamed(text, at, "User-Agent", "user-agent")) {
      foundUserAgent = trimOws(text.slice(at + 11, lineEnd)) || null;
    } else if (text.charCodeAt(at + 7) === 58 && foundReferer === null && isNamed(text, at, "Referer", "referer")) {
      foundReferer = trimOws(text.slice(at + 8, lineEnd)) || null;
    }
    at = lineEnd + 2;
  }
}

/** Is the field at `at` named so? The usual spelling is recognised without making a string. */
function isNamed(text: string, at: number, usual: string, lower: string): boolean {
  return text.startsWith(usual, at) || toLowerAscii(text.slice(at, at + lower.length)) === lower;
}
