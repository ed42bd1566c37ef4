/**
 * What a parser understood of a message's head. The parsers in `http1/syntax/` make these, and `syntax/request-pairs.ts`
 * makes requests from pairs; everything above reads nothing else. Strings are latin1: one character a byte.
 */
import type { AnswerHead } from "./answer.ts";
import type { BodyLength } from "./body.ts";
import { Fields } from "./fields.ts";
import { fieldValue } from "./field-text.ts";

/** How a message's body is delimited, decided once (RFC 9112 section 6.3). */
export const Framing = { none: 0, length: 1, chunked: 2, close: 3 } as const;
export type Framing = (typeof Framing)[keyof typeof Framing];

const noNames: ReadonlySet<string> = new Set();

/**
 * A request as it was received. Nobody changes it: what goes on is another object (`outgoing-request.ts`), and only a
 * parser fills in a `RequestHead`.
 */
export type ReceivedRequest = Readonly<RequestHead>;

/** A validated request head. One object a request, never reused. */
export class RequestHead {
  /** The head as received, with its empty line; for HTTP/2, written as HTTP/1.1 would. */
  text = "";
  /** Where the first field line starts in `text`. */
  fieldsStart = 0;
  method = "";
  /** The target in origin form (or `*`), exactly as it is forwarded if no rewrite applies. */
  target = "/";
  /** The canonical path that routes are matched against; see `target.ts`. */
  path = "/";
  /** Another way in which an endpoint may read the path, or null; a route must not differ between the two. */
  alternatePath: string | null = null;
  /** The query without its `?`, or the empty string. */
  query = "";
  majorVersion: 1 | 2 = 1;
  minorVersion: 0 | 1 = 1;
  /** What goes upstream as `Host`: the authority as received. */
  authority = "";
  /** There was a Host field: HTTP/1.1 demands one, HTTP/1.0 does not. */
  hasHostField = false;
  /** `authority` in lower case without port and trailing dot: what routes are matched against. */
  host = "";
  framing: Framing = Framing.none;
  /** Body bytes if `framing` is `length`; else 0. */
  contentLength = 0;
  /** The client wants the connection kept (RFC 9112 section 9.3). */
  isKeptAlive = true;
  /** `Expect: 100-continue` on HTTP/1.1 with a body. */
  expectsContinue = false;
  /** An Expect field that asks for something else: it is answered 417 (RFC 9110 section 10.1.1). */
  hasUnknownExpectation = false;
  /**
   * The one protocol that a well-formed Upgrade asks for, as received, `websocket` in lower case; null if there is
   * none. Whether it goes on is for the route to say; see `Exchange.upgrade`. WebSocket is asked for by a GET without
   * body (RFC 6455 section 4.1), others by any request.
   */
  upgrade: string | null = null;
  /** The client takes trailers (`TE: trailers`). */
  acceptsTrailers = false;
  /** It uses a login that holds for the connection; see `connection-login.ts`. */
  bindsConnection = false;
  /** Field lines that are forwarded unchanged: no framing, hop-by-hop, routing or trust fields among them. */
  keptFields = "";
  /** The fields that Connection names, in lower case: they go no further, neither here nor as trailers. */
  nominated = noNames;
  /** The values of trust fields as received, joined with `, `; null if absent. Believed only from a trusted peer. */
  forwardedFor: string | null = null;
  forwardedProto: string | null = null;
  forwardedHost: string | null = null;
  forwarded: string | null = null;
  via: string | null = null;
  cdnLoop: string | null = null;
  requestId: string | null = null;

  /**
   * The value of any field as received, by its name in lower case; several lines joined with `, `; null if absent.
   */
  field(name: string): string | null {
    return fieldValue(this.text, name, this.fieldsStart);
  }
}

/** A validated response head from an endpoint; as an `AnswerHead`, it goes to the client as it is. */
export class ResponseHead implements AnswerHead {
  readonly from = "endpoint";
  text = "";
  fieldsStart = 0;
  status = 0;
  /** The reason phrase, validated; may be empty. */
  reasonPhrase = "";
  minorVersion: 0 | 1 = 1;
  framing: Framing = Framing.none;
  contentLength = 0;
  /** There was a Content-Length field (also on answers to HEAD and on 304, where it delimits nothing). */
  hasContentLength = false;
  /** The endpoint keeps the connection. */
  isKeptAlive = true;
  /**
   * From `Keep-Alive: timeout=`, in milliseconds; 0 if absent, -1 if it says 0, as servers do that wait for less
   * than a second.
   */
  keepAliveHintMs = 0;
  /** It offers a login that holds for the connection, or speaks of one; see `connection-login.ts`. */
  bindsConnection = false;
  /** It has no content, for it answers HEAD or is a 304, although the answer to GET has some. */
  withholdsContent = false;
  hasDate = false;
  /** The `Upgrade` field of a 101; null elsewhere. */
  upgrade: string | null = null;
  keptFields = "";
  /** The fields that Connection names, in lower case: they go no further, neither here nor as trailers. */
  nominated = noNames;
  #fields: Fields | null = null;

  /** `keptFields` as they go on. */
  get fields(): Fields {
    return (this.#fields ??= Fields.ofText(this.keptFields));
  }

  get body(): BodyLength {
    if (this.framing === Framing.length) return this.contentLength;
    return this.framing === Framing.none ? 0 : "unknown";
  }

  get declaredLength(): number | null {
    return this.hasContentLength ? this.contentLength : null;
  }

  get tunnel(): string | null {
    return this.status === 101 ? this.upgrade : null;
  }

  field(name: string): string | null {
    return fieldValue(this.text, name, this.fieldsStart);
  }
}
