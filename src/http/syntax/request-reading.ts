/**
 * What the fields of a request mean, for every protocol the same: two readings of one message are how requests are
 * smuggled. A parser hands over the fields of special meaning one by one (`take`), then asks for the whole (`end`); what
 * they say is written into its `RequestHead`. Pure; every doubt is a refusal.
 */
import { isConnectionLogin } from "../connection-login.ts";
import { joinValues, listMembers, toLowerAscii } from "../field-text.ts";
import { Framing, type RequestHead } from "../message.ts";
import type { ReasonCode } from "../reason.ts";
import { isSameProtocol, readUpgrade } from "../upgrade.ts";
import { applyConnection } from "./connection-options.ts";
import { decideRequestFraming } from "./request-framing.ts";
import { Special, specialTable } from "./special-fields.ts";
import { trailerLine } from "./trailer-fields.ts";

const keptOfStrangers = specialTable(Special.date, Special.login, Special.persistentLogin);
const keptOfTrusted = specialTable(Special.date, Special.login, Special.persistentLogin, Special.trust);

/**
 * Which of the special fields of a request are forwarded as they came (1). @param isPeerTrusted trust fields of a
 * trusted peer are kept
 */
export function keptSpecials(isPeerTrusted: boolean): Uint8Array {
  return isPeerTrusted ? keptOfTrusted : keptOfStrangers;
}

/** The special fields of a request whose values nobody reads (1). */
export const unreadSpecials: Uint8Array = specialTable(
  Special.none,
  Special.dropped,
  Special.date,
  Special.trust,
  Special.unsafe,
  Special.keepAlive,
  Special.persistentLogin,
);

/** Reads the special fields of one request after the other. One a parser; `begin` comes before each. */
export class RequestReading {
  #contentLength: string | null = null;
  #transferEncoding: string | null = null;
  #connection: string | null = null;
  #upgrade: string | null = null;
  #expect: string | null = null;
  #te: string | null = null;
  #trailers: string[] | null = null;

  begin(): void {
    this.#contentLength = null;
    this.#transferEncoding = null;
    this.#connection = null;
    this.#upgrade = null;
    this.#expect = null;
    this.#te = null;
    this.#trailers = null;
  }

  /**
   * Takes the field `special` with `value`, validated and without white space around it. @returns why the request is
   * refused, or null
   */
  take(head: RequestHead, special: Special, value: string): ReasonCode | null {
    switch (special) {
      case Special.host:
        if (head.hasHostField) return "BAD_HOST";
        head.hasHostField = true;
        head.authority = value;
        break;
      case Special.contentLength:
        // Repeated, even equal: refused (RFC 9112 section 6.3 allows it).
        if (this.#contentLength !== null) return "BAD_CONTENT_LENGTH";
        this.#contentLength = value;
        break;
      case Special.transferEncoding:
        if (this.#transferEncoding !== null) return "BAD_TRANSFER_ENCODING";
        this.#transferEncoding = value;
        break;
      case Special.connection:
        this.#connection = joinValues(this.#connection, value);
        break;
      case Special.upgrade:
        this.#upgrade = joinValues(this.#upgrade, value);
        break;
      case Special.expect:
        this.#expect = joinValues(this.#expect, value);
        break;
      case Special.te:
        this.#te = joinValues(this.#te, value);
        break;
      case Special.trailer:
        (this.#trailers ??= []).push(value);
        break;
      case Special.login:
      case Special.proxyLogin:
        if (isConnectionLogin(value)) head.bindsConnection = true;
        break;
      default:
        takeForwarding(head, special, value);
    }
    return null;
  }

  /** A Content-Length has been taken. */
  get hasLength(): boolean {
    return this.#contentLength !== null;
  }

  /** Takes the protocol that is asked for if that is no matter of the connection (RFC 8441). */
  takeTunnel(protocol: string): void {
    this.#connection = "upgrade";
    this.#upgrade = protocol;
  }

  /** All fields have been taken, and `head.keptFields` holds those that are kept. @returns as `take` */
  end(head: RequestHead): ReasonCode | null {
    const failure = decideRequestFraming(head, this.#contentLength, this.#transferEncoding);
    if (failure !== null) return failure;
    const isOld = head.minorVersion === 0;
    head.isKeptAlive = !isOld;
    if (this.#connection !== null) this.#endConnection(head, this.#connection);
    // An HTTP/1.0 client is never sent a chunked answer, and so no trailers.
    if (this.#te !== null && !isOld && listMembers(this.#te).includes("trailers")) head.acceptsTrailers = true;
    if (this.#trailers !== null && head.framing === Framing.chunked)
      for (const value of this.#trailers) head.keptFields += trailerLine(value, head.nominated);
    if (isOld) return null;
    if (!head.hasHostField) return "BAD_HOST";
    // RFC 9110 section 10.1.1: an HTTP/1.0 client's Expect is ignored.
    if (this.#expect === null) return null;
    if (toLowerAscii(this.#expect) !== "100-continue") head.hasUnknownExpectation = true;
    else
      head.expectsContinue =
        head.framing !== Framing.none && (head.framing === Framing.chunked || head.contentLength > 0);
    return null;
  }

  #endConnection(head: RequestHead, connection: string): void {
    const options = applyConnection(head, connection);
    // RFC 9110 section 7.8: Upgrade counts only when nominated, and never in HTTP/1.0.
    if (this.#upgrade !== null && head.minorVersion === 1 && options.includes("upgrade"))
      readTunnel(head, readUpgrade(this.#upgrade));
    if (options.includes("x-request-id")) head.requestId = null;
  }
}

/** What a request says on whose behalf it comes. */
function takeForwarding(head: RequestHead, special: Special, value: string): void {
  switch (special) {
    case Special.via:
      head.via = joinValues(head.via, value);
      break;
    case Special.cdnLoop:
      head.cdnLoop = joinValues(head.cdnLoop, value);
      break;
    case Special.requestId:
      head.requestId = joinValues(head.requestId, value);
      break;
    case Special.forwardedFor:
      head.forwardedFor = joinValues(head.forwardedFor, value);
      break;
    case Special.forwardedProto:
      head.forwardedProto = joinValues(head.forwardedProto, value);
      break;
    case Special.forwardedHost:
      head.forwardedHost = joinValues(head.forwardedHost, value);
      break;
    case Special.forwarded:
      head.forwarded = joinValues(head.forwarded, value);
      break;
  }
}

/**
 * The request asks to switch to `protocol`. WebSocket is asked for by a GET without body (RFC 6455 section 4.1), others
 * by any request.
 */
function readTunnel(head: RequestHead, protocol: string | null): void {
  if (protocol === null || !isSameProtocol(protocol, "websocket")) head.upgrade = protocol;
  else if (head.method === "GET" && head.contentLength === 0 && head.framing !== Framing.chunked)
    head.upgrade = "websocket";
}
