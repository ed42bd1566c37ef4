/**
 * The fields by which the upstream learns what the client's connection was: X-Forwarded-For, -Proto, -Host, Forwarded
 * (RFC 7239), Via (RFC 9110 section 7.6.3), CDN-Loop (RFC 8586) if that takes Via's place, X-Request-ID, and what the
 * client's certificate is if it was asked for one (`client-certificate-fields.ts`). The
 * parser has taken all of them out of the kept fields; from an untrusted peer nothing of what it said is repeated, from
 * a trusted one the lists are appended to and the first hop's word on scheme and host stands. Runs once a request: what
 * a connection's requests have in common is worked out once, and an ordinary request costs one concatenation.
 */
import { parseAuthority } from "./authority.ts";
import { clientCertificateFieldNames, clientCertificateFields } from "./client-certificate-fields.ts";
import type { ConnectionClient } from "./connection-tls.ts";
import { toLowerAscii, trimOws } from "./field-text.ts";
import { forwardedElement, type ForwardedReading, readForwarded } from "./forwarded.ts";
import type { ReceivedRequest } from "./message.ts";

/**
 * What becomes of Via: we are added to it; it passes as it came; or it goes. If we are not added, CDN-Loop carries
 * our name instead, or a loop would not be seen.
 */
export type ViaMode = "add" | "pass" | "remove";

/** The names of the fields that `forwardingFields` may write, in lower case. */
export const forwardingFieldNames: ReadonlySet<string> = new Set([
  "x-forwarded-for",
  "x-forwarded-proto",
  "x-forwarded-host",
  "forwarded",
  "via",
  "cdn-loop",
  "x-request-id",
  ...clientCertificateFieldNames,
]);

/** The facts about a client's connection that `ForwardingPrefix` is made of. */
export interface ConnectionOrigin {
  /**
   * The socket's peer, normalised (`normalizeIp`), without zone; empty if it has no address, as on a Unix socket.
   */
  readonly peerAddress: string;
  readonly scheme: "http" | "https";
  /** The peer is in the listener's `trustedProxies`. */
  readonly isPeerTrusted: boolean;
  /**
   * Names this instance in Via: a token (RFC 9110 section 7.6.3), not shared with another instance, or chains of
   * instances look like loops.
   */
  readonly pseudonym: string;
  /** What is told of the client's certificate; absent or null = it was not asked for one. */
  readonly client?: ConnectionClient | null;
}

/**
 * What the forwarding fields of all requests of one connection have in common. Make one a connection (or one for each
 * peer, scheme and trust).
 */
export class ForwardingPrefix {
  readonly origin: ConnectionOrigin;
  /** Everything up to the authority, for a peer that is not believed. */
  readonly beforeHost: string;
  /** From the authority to the request id, for HTTP/1.1 without a Via of its own. */
  readonly afterHost: string;
  /** As `afterHost`, if we are not added to Via. */
  readonly afterHostQuietly: string;
  /** As `beforeHost`, if there is no authority. */
  readonly withoutHost: string;
  /** What is told of the client's certificate. */
  readonly clientFields: string;
  #authority = "";
  #beforeId = "";

  constructor(origin: ConnectionOrigin) {
    this.origin = origin;
    const { client } = origin;
    this.clientFields = client == null ? "" : (client.fields ??= clientCertificateFields(client));
    const common = `${this.clientFields}X-Forwarded-For: ${nodeOf(origin)}\r\nX-Forwarded-Proto: ${origin.scheme}\r\n`;
    const via = `Via: 1.1 ${origin.pseudonym}\r\nX-Request-ID: `;
    this.beforeHost = `${common}X-Forwarded-Host: `;
    this.afterHost = `\r\n${via}`;
    this.afterHostQuietly = `\r\nCDN-Loop: ${origin.pseudonym}\r\nX-Request-ID: `;
    this.withoutHost = common + via;
  }

  /**
   * Everything up to the request id, for a peer that is not believed and HTTP/1.1 without a Via of its own. Clients of
   * one site send one `authority` again and again: what was made for the last one is kept.
   */
  beforeId(authority: string): string {
    if (authority === "") return this.withoutHost;
    if (authority !== this.#authority) {
      this.#authority = authority;
      this.#beforeId = this.beforeHost + authority + this.afterHost;
    }
    return this.#beforeId;
  }
}

/**
 * The field lines to send upstream for `request`, each with its CRLF. `requestId` is what `RequestIdSource.choose`
 * gave.
 */
export function forwardingFields(
  prefix: ForwardingPrefix,
  request: ReceivedRequest,
  requestId: string,
  viaMode: ViaMode = "add",
): string {
  const isOrdinary =
    !prefix.origin.isPeerTrusted &&
    request.via === null &&
    request.cdnLoop === null &&
    request.minorVersion === 1 &&
    request.majorVersion === 1;
  if (!isOrdinary) return forwardingFieldsInFull(prefix, request, requestId, viaMode);
  if (viaMode !== "add")
    return request.authority === ""
      ? forwardingFieldsInFull(prefix, request, requestId, viaMode)
      : `${prefix.beforeHost}${request.authority}${prefix.afterHostQuietly}${requestId}\r\n`;
  return `${prefix.beforeId(request.authority)}${requestId}\r\n`;
}

function forwardingFieldsInFull(
  { origin, clientFields }: ForwardingPrefix,
  request: ReceivedRequest,
  requestId: string,
  viaMode: ViaMode,
): string {
  const isBelieved = origin.isPeerTrusted;
  const reading = isBelieved ? readingOf(request) : null;
  const proto =
    (isBelieved ? firstForwardedProto(request.forwardedProto ?? reading?.proto ?? null) : null) ?? origin.scheme;
  const host =
    (isBelieved ? firstForwardedHost(request.forwardedHost ?? reading?.host ?? null) : null) ?? request.authority;
  let lines = `${clientFields}X-Forwarded-For: ${forwardedForOf(origin, isBelieved ? (request.forwardedFor ?? reading?.nodes ?? null) : null)}\r\nX-Forwarded-Proto: ${proto}\r\n`;
  if (host !== "") lines += `X-Forwarded-Host: ${host}\r\n`;
  if (isBelieved && request.forwarded !== null)
    lines += `Forwarded: ${appended(request.forwarded, forwardedElement({ address: nodeOf(origin), scheme: origin.scheme, authority: request.authority }))}\r\n`;
  return `${lines}${hopFields(origin, request, viaMode)}X-Request-ID: ${requestId}\r\n`;
}

/** Via and CDN-Loop. What others have written into the latter always goes on (RFC 8586 section 2). */
function hopFields(
  { pseudonym }: ConnectionOrigin,
  { majorVersion, minorVersion, via, cdnLoop }: ReceivedRequest,
  viaMode: ViaMode,
): string {
  const version = majorVersion === 2 ? "2.0" : `1.${minorVersion}`;
  const sentVia = viaMode === "add" ? appended(via, `${version} ${pseudonym}`) : viaMode === "pass" ? via : null;
  const sentLoop = viaMode === "add" ? cdnLoop : appended(cdnLoop, pseudonym);
  return `${sentVia === null ? "" : `Via: ${sentVia}\r\n`}${sentLoop === null ? "" : `CDN-Loop: ${sentLoop}\r\n`}`;
}

/**
 * What a proxy that speaks RFC 7239 only says: it is believed just the same, and an endpoint that reads the X- fields
 * must not be told otherwise.
 */
function readingOf({ forwardedFor, forwarded }: ReceivedRequest): ForwardedReading | null {
  return forwardedFor === null && forwarded !== null ? readForwarded(forwarded) : null;
}

/** What `clientScheme` reads of an exchange. */
export interface SchemeFacts {
  readonly request: ReceivedRequest;
  readonly scheme: "http" | "https";
  readonly isPeerTrusted: boolean;
}

/** The scheme that the client used: what a trusted peer says of the first hop, else that of its own connection. */
export function clientScheme({ request, scheme, isPeerTrusted }: SchemeFacts): "http" | "https" {
  const said = isPeerTrusted ? firstForwardedProto(request.forwardedProto ?? readingOf(request)?.proto ?? null) : null;
  if (said === null) return scheme;
  return said === "https" || said === "wss" ? "https" : "http";
}

/** RFC 7239 section 6.2 has a word for whoever has no address. */
function nodeOf({ peerAddress }: ConnectionOrigin): string {
  return peerAddress === "" ? "unknown" : peerAddress;
}

/**
 * The list goes on as it came if the peer has no address: an endpoint that reads it from its end must not find a
 * word there.
 */
function forwardedForOf(origin: ConnectionOrigin, list: string | null): string {
  return origin.peerAddress === "" && list !== null && list !== "" ? list : appended(list, nodeOf(origin));
}

function appended(list: string | null, member: string): string {
  return list === null || list === "" ? member : `${list}, ${member}`;
}

/**
 * The first hop's scheme in an X-Forwarded-Proto value, in lower case; null if absent or not `http`, `https`, `ws`,
 * `wss`.
 */
export function firstForwardedProto(value: string | null): "http" | "https" | "ws" | "wss" | null {
  if (value === null) return null;
  const first = toLowerAscii(firstMember(value));
  return first === "http" || first === "https" || first === "ws" || first === "wss" ? first : null;
}

/** The first hop's authority in an X-Forwarded-Host value; null if absent or malformed. */
export function firstForwardedHost(value: string | null): string | null {
  if (value === null) return null;
  const first = firstMember(value);
  return parseAuthority(first) === null ? null : first;
}

function firstMember(list: string): string {
  const comma = list.indexOf(",");
  return trimOws(comma === -1 ? list : list.slice(0, comma));
}

/**
 * Has the request been here before: is `pseudonym` the received-by of a member of its Via (RFC 9110 sections 7.6.3 and
 * 7.3.1), or a member of its CDN-Loop (RFC 8586)? Then it is answered with `LOOP_DETECTED`. A comma in a comment can
 * only make a client's own request look like a loop.
 */
export function isLoop({ via, cdnLoop }: Pick<ReceivedRequest, "via" | "cdnLoop">, pseudonym: string): boolean {
  if (
    via !== null &&
    via.includes(pseudonym) &&
    via.split(",").some((member) => /^[ \t]*\S+[ \t]+(\S+)/.exec(member)?.[1] === pseudonym)
  )
    return true;
  return (
    cdnLoop !== null &&
    cdnLoop.includes(pseudonym) &&
    cdnLoop.split(",").some((member) => trimOws(member.split(";", 1)[0]!) === pseudonym)
  );
}
