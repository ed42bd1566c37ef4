/**
 * What the fields of an endpoint's answer mean, for every protocol the same. A parser hands over the fields of special
 * meaning one by one (`take`), then asks for the whole (`end`); what they say is written into its `ResponseHead`. Pure.
 * An answer that can be read in two ways is refused.
 */
import { isConnectionLogin } from "../connection-login.ts";
import { joinValues, toLowerAscii } from "../field-text.ts";
import { Framing, type ResponseHead } from "../message.ts";
import { applyConnection } from "./connection-options.ts";
import { parseAnswerLength } from "./content-length.ts";
import { Special, specialTable } from "./special-fields.ts";
import { trailerLine } from "./trailer-fields.ts";

/**
 * Which of the special fields of an answer are forwarded as they came (1). The names of requests mean nothing in an
 * answer.
 */
export const keptAnswerSpecials: Uint8Array = specialTable(
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

/** Those whose values are read (1). */
const readSpecials = specialTable(
  Special.contentLength,
  Special.transferEncoding,
  Special.connection,
  Special.keepAlive,
  Special.trailer,
  Special.upgrade,
  Special.login,
  Special.proxyLogin,
  Special.persistentLogin,
);

/** Does an answer of this status have content, if the method asks for some (RFC 9110 section 6.4.1)? */
export function hasContent(status: number, isHeadMethod: boolean): boolean {
  return !isHeadMethod && status >= 200 && status !== 204 && status !== 304;
}

/** Reads the special fields of one answer after the other. One a parser; `begin` comes before each. */
export class AnswerReading {
  #contentLength: string | null = null;
  #transferEncoding: string | null = null;
  #connection: string | null = null;
  #trailers: string[] | null = null;

  begin(): void {
    this.#contentLength = null;
    this.#transferEncoding = null;
    this.#connection = null;
    this.#trailers = null;
  }

  /** Takes notice of a field. @returns whether its value says something: then `take` has to be called */
  notice(head: ResponseHead, special: Special): boolean {
    if (special === Special.date) head.hasDate = true;
    return readSpecials[special] === 1;
  }

  /**
   * Takes the field `special` with `value`, validated and without white space around it. @returns what is wrong with the
   * answer, or null
   */
  take(head: ResponseHead, special: Special, value: string): string | null {
    switch (special) {
      case Special.contentLength:
        this.#contentLength = joinValues(this.#contentLength, value);
        break;
      case Special.transferEncoding:
        if (this.#transferEncoding !== null) return "repeated Transfer-Encoding";
        this.#transferEncoding = value;
        break;
      case Special.connection:
        this.#connection = joinValues(this.#connection, value);
        break;
      case Special.upgrade:
        head.upgrade = joinValues(head.upgrade, value);
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
        (this.#trailers ??= []).push(value);
        break;
    }
    return null;
  }

  /** A Content-Length has been taken. */
  get hasLength(): boolean {
    return this.#contentLength !== null;
  }

  /**
   * All fields have been taken, and `head.keptFields` holds those that are kept. @param isLenient faulty framing that can
   * be read in one way is taken. @param isHeadMethod it answers HEAD. @returns as `take`
   */
  end(head: ResponseHead, { isLenient }: { readonly isLenient: boolean }, isHeadMethod: boolean): string | null {
    head.isKeptAlive = head.minorVersion === 1;
    if (this.#connection !== null) applyConnection(head, this.#connection);
    // RFC 9110 section 15.5.22: a 426 must say which protocols are wanted; section 7.8: with a connection option of its
    // own.
    if (head.status === 426 && head.upgrade !== null)
      head.keptFields += `Upgrade: ${head.upgrade}\r\nConnection: upgrade\r\n`;
    return this.#checkFraming(head, isLenient) ?? this.#decideFraming(head, isHeadMethod);
  }

  /** Of what RFC 9112 section 6.3 lets a recipient repair, equal lengths alone. */
  #checkFraming(head: ResponseHead, isLenient: boolean): string | null {
    if (this.#transferEncoding !== null) {
      if (this.#contentLength !== null) return "Content-Length beside Transfer-Encoding";
      if (head.minorVersion === 0) {
        if (!isLenient) return "Transfer-Encoding in HTTP/1.0";
        // RFC 9112 section 6.1: it is faulty, so the connection ends with it.
        head.isKeptAlive = false;
      }
      if (toLowerAscii(this.#transferEncoding) !== "chunked") return "unknown transfer coding";
    }
    if (this.#contentLength !== null) {
      const length = parseAnswerLength(this.#contentLength);
      if (length === -1) return "bad Content-Length";
      head.hasContentLength = true;
      head.contentLength = length;
    }
    return null;
  }

  /** RFC 9112 section 6.3, in its order. */
  #decideFraming(head: ResponseHead, isHeadMethod: boolean): null {
    const { status } = head;
    const isChunked = this.#transferEncoding !== null;
    if (!hasContent(status, isHeadMethod)) {
      head.framing = Framing.none;
      // A 204 that announces content (RFC 9110 section 8.6 forbids it) cannot be believed. HEAD and 304 announce in good
      // form: what may go wrong then is decided where connections are used again.
      if (status === 204 && (isChunked || head.contentLength > 0)) head.isKeptAlive = false;
      const isHead = isHeadMethod && status >= 200 && status !== 204;
      head.withholdsContent = isHead
        ? head.contentLength > 0 || this.#contentLength === null
        : status === 304 && (isChunked || head.contentLength > 0);
      if (status < 200 || status === 204) head.hasContentLength = false;
    } else if (isChunked) {
      head.framing = Framing.chunked;
      if (this.#trailers !== null)
        for (const value of this.#trailers) head.keptFields += trailerLine(value, head.nominated);
    } else head.framing = this.#contentLength !== null ? Framing.length : Framing.close;
    return null;
  }
}

function keepAliveHint(value: string): number {
  const match = /(?:^|[\s,;])timeout\s*=\s*"?(\d{1,6})/i.exec(value);
  return match === null ? 0 : Number(match[1]) * 1000 || -1;
}
