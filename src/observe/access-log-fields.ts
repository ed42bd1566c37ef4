/**
 * The fields of the access log: names, meanings, and how each is read from an exchange that ended. Templates use all of
 * them, `json` writes them in this order (`json-lines.ts` is faster code of its own for it), and
 * `docs/reference/access-log.md` is generated from the table. Authorization, Cookie, Set-Cookie and Proxy-Authorization
 * are never logged.
 */
import { cacheResults } from "../http/cache-result.ts";
import { clientSubject } from "../http/client-certificate-fields.ts";
import type { Exchange } from "../http/exchange.ts";
import { reasons } from "../http/reason.ts";
import { compileReceivedField } from "../http/sent-fields.ts";
import { formatCommonTime, formatIsoTime, formatMs } from "./log-time.ts";
import { maxLoggedLength, truncate } from "./log-escape.ts";
import type { QueryRedactor } from "./query-redactor.ts";

/** A field of the access log. */
export interface AccessLogField {
  readonly name: string;
  readonly about: string;
  /** Whether the `json` format has it, and as what. */
  readonly json: "string" | "number" | "boolean" | "no";
  /** Its text, not yet escaped; null if there is no value (JSON: null; text: `-`). */
  read(exchange: Exchange, redactor: QueryRedactor): string | null;
}

/** The fields about TLS, in their order. JSON lines of plain connections do not have them. */
export const tlsFieldNames: ReadonlySet<string> = new Set([
  "tlsVersion",
  "tlsCipher",
  "tlsResumed",
  "serverName",
  "clientSubject",
]);

/** The duration from one moment of an exchange to a later one, in milliseconds; -1 if either never happened. */
export function elapsedMs(fromMs: number, toMs: number): number {
  return fromMs < 0 || toMs < 0 ? -1 : Math.max(0, toMs - fromMs);
}

/** When the exchange began, in milliseconds since the epoch. */
export const startOf = (exchange: Exchange): number =>
  exchange.record.startedWallMs > 0 ? exchange.record.startedWallMs : Date.now();

/** Was the head understood far enough to have a method and a target? */
export const hasHead = (exchange: Exchange): boolean => exchange.request.method !== "";

/** `HTTP/1.1`, `HTTP/1.0`, `HTTP/2.0`. */
export const protocolOf = (exchange: Exchange): string =>
  `HTTP/${exchange.request.majorVersion}.${exchange.request.majorVersion === 1 ? exchange.request.minorVersion : 0}`;

const orNull = (text: string): string | null => (text === "" ? null : text);
const duration = (fromMs: number, toMs: number): string | null => {
  const ms = elapsedMs(fromMs, toMs);
  return ms < 0 ? null : formatMs(ms);
};
const define = (
  name: string,
  json: AccessLogField["json"],
  about: string,
  read: AccessLogField["read"],
): AccessLogField => ({ name, json, about, read });
const headField = (exchange: Exchange, name: string): string | null =>
  hasHead(exchange) ? exchange.request.field(name) : null;

const onlyOverTls = "JSON: only over TLS.";

/** All fields, in the order in which `json` writes them. */
export const accessLogFields: readonly AccessLogField[] = [
  define("time", "string", "When the first byte of the request arrived: ISO 8601, UTC, milliseconds.", (exchange) =>
    formatIsoTime(startOf(exchange)),
  ),
  define(
    "level",
    "string",
    "How serious the outcome is: `debug`, `info`, `warn`, `error`; `info` if there is no reason.",
    (exchange) => (exchange.record.reason === null ? "info" : reasons[exchange.record.reason].level),
  ),
  define("requestId", "string", "The `X-Request-ID` that went upstream.", (exchange) =>
    orNull(truncate(exchange.requestId, maxLoggedLength.requestId)),
  ),
  define("listener", "string", "The listener.", (exchange) => orNull(exchange.listenerName)),
  define("route", "string", "The route; null if none matched.", (exchange) => orNull(exchange.record.routeName)),
  define("upstream", "string", "The upstream; null if none was asked.", (exchange) =>
    orNull(exchange.record.upstreamName),
  ),
  define("endpoint", "string", "The endpoint that answered, or the last one tried.", (exchange) =>
    orNull(exchange.record.endpointName),
  ),
  define("clientIp", "string", "Who asked: the peer, or what trusted proxies say of it.", (exchange) =>
    orNull(exchange.clientIp),
  ),
  define("peer", "string", "Address and port of the socket's peer, or what a PROXY header says of it.", (exchange) =>
    exchange.peerAddress === "" ? null : `${exchange.peerAddress}:${exchange.peerPort}`,
  ),
  define(
    "proxied",
    "string",
    "The load balancer that named the client in a PROXY header, and what else it told: `authority`, `alpn`, `id`, `tls`, `cipher`, `client`. JSON: only if there was such a header.",
    (exchange) => orNull(truncate(exchange.origin.proxied ?? "", maxLoggedLength.proxied)),
  ),
  define("scheme", "string", "`http` or `https`.", (exchange) => exchange.scheme),
  define("tlsVersion", "string", `\`1.2\` or \`1.3\`. ${onlyOverTls}`, ({ origin }) => origin.tls?.version ?? null),
  define("tlsCipher", "string", `The cipher suite as IANA names it. ${onlyOverTls}`, ({ origin }) =>
    origin.tls == null ? null : origin.tls.cipher,
  ),
  define("tlsResumed", "boolean", `The connection goes on with an earlier session. ${onlyOverTls}`, ({ origin }) =>
    origin.tls == null ? null : String(origin.tls.isResumed),
  ),
  define("serverName", "string", `The name that the client asked for in TLS (SNI). ${onlyOverTls}`, ({ origin }) =>
    origin.tls == null ? null : origin.tls.serverName,
  ),
  define(
    "clientSubject",
    "string",
    `The subject of the client's certificate, if it holds. ${onlyOverTls}`,
    ({ origin }) => (origin.tls == null ? null : truncateOrNull(clientSubject(origin.tls), maxLoggedLength.subject)),
  ),
  define("method", "string", "The method; null if the head was not understood.", (exchange) =>
    orNull(truncate(exchange.request.method, maxLoggedLength.method)),
  ),
  define("host", "string", "The authority as received.", (exchange) =>
    orNull(truncate(exchange.request.authority, maxLoggedLength.host)),
  ),
  define("target", "string", "Path and query as received, credentials in the query redacted.", (exchange, redactor) =>
    hasHead(exchange) ? truncate(redactor.redact(exchange.request.target), maxLoggedLength.target) : null,
  ),
  define("protocol", "string", "`HTTP/1.1` and so on.", (exchange) =>
    hasHead(exchange) ? protocolOf(exchange) : null,
  ),
  define("status", "number", "The status sent to the client; 499: the client went away first.", (exchange) =>
    String(exchange.record.status),
  ),
  define(
    "reason",
    "string",
    "The reason code if it ended otherwise than by a complete answer, else null.",
    (exchange) => exchange.record.reason,
  ),
  define(
    "detail",
    "string",
    "More about the reason, such as an operating-system error. JSON: only if there is something to say.",
    (exchange) => orNull(truncate(exchange.record.detail, maxLoggedLength.detail)),
  ),
  define("attempts", "number", "How many endpoints were tried.", (exchange) => String(exchange.record.attempts)),
  define("reused", "boolean", "The upstream connection of the last attempt had served before.", (exchange) =>
    String(exchange.record.isUpstreamConnectionReused),
  ),
  define(
    "cache",
    "string",
    `What the cache did: ${Object.keys(cacheResults)
      .map((result) => `\`${result}\``)
      .join(", ")}. JSON: only if one was asked.`,
    (exchange) => orNull(exchange.record.cache),
  ),
  define("requestBytes", "number", "Body bytes received.", (exchange) => String(exchange.record.requestBodyBytes)),
  define("responseBytes", "number", "Body bytes sent.", (exchange) => String(exchange.record.responseBodyBytes)),
  define("headMs", "number", "From the first byte of the request to its complete head.", (exchange) =>
    duration(exchange.record.startedMs, exchange.record.headCompleteMs),
  ),
  define(
    "waitMs",
    "number",
    "From the complete head to the start of the last attempt: queueing and earlier attempts.",
    (exchange) => duration(exchange.record.headCompleteMs, exchange.record.attemptStartedMs),
  ),
  define("connectMs", "number", "From the start of the last attempt to a connection.", (exchange) =>
    duration(exchange.record.attemptStartedMs, exchange.record.connectedMs),
  ),
  define("firstByteMs", "number", "From the start of the last attempt to the first byte of the answer.", (exchange) =>
    duration(exchange.record.attemptStartedMs, exchange.record.firstByteMs),
  ),
  define("totalMs", "number", "From the first byte of the request to the end of the exchange.", (exchange) =>
    duration(exchange.record.startedMs, exchange.record.endedMs),
  ),
  define("userAgent", "string", "The `User-Agent` field.", (exchange) =>
    truncateOrNull(headField(exchange, "user-agent"), maxLoggedLength.userAgent),
  ),
  define("referer", "string", "The `Referer` field, credentials in it redacted.", (exchange, redactor) =>
    truncateOrNull(redactOrNull(headField(exchange, "referer"), redactor), maxLoggedLength.referer),
  ),
  define("commonTime", "no", "The time as the Common Log Format writes it: `22/Nov/2026:12:49:00 +0000`.", (exchange) =>
    formatCommonTime(startOf(exchange)),
  ),
  define("path", "no", "The path alone, as received.", (exchange) =>
    hasHead(exchange) ? truncate(exchange.request.target.split("?", 1)[0] ?? "", maxLoggedLength.target) : null,
  ),
];

/** Fields whose values are credentials: a template may not ask for them. */
export const credentialFields: ReadonlySet<string> = new Set([
  "authorization",
  "cookie",
  "set-cookie",
  "proxy-authorization",
]);

/**
 * Any other field of the request, for `{header:NAME}` in templates: as the endpoint sees it, so that no stranger writes
 * a trusted name into the log.
 */
export function headerField(name: string): AccessLogField {
  const read = compileReceivedField(name);
  return define(`header:${name}`, "no", "A request field.", (exchange) =>
    hasHead(exchange) ? truncateOrNull(read(exchange), maxLoggedLength.field) : null,
  );
}

const truncateOrNull = (text: string | null, maxLength: number): string | null =>
  text === null ? null : truncate(text, maxLength);
const redactOrNull = (text: string | null, redactor: QueryRedactor): string | null =>
  text === null ? null : redactor.redact(text);
