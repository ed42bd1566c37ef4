/**
 * A request as it goes on to an endpoint, without a protocol: middlewares replace it (`Exchange.outgoing`), the
 * protocol of the endpoint's connection writes it. Immutable; each `with…` gives another one.
 *
 * Framing and hop-by-hop fields, Host, Expect and TE are not among its fields: they are what its other members say, and
 * each protocol writes them in its own way.
 */
import type { BodyLength } from "./body.ts";
import type { Fields } from "./fields.ts";
import { Framing, type ReceivedRequest } from "./message.ts";

/** What an `OutgoingRequest` is made of: its members that are no methods. */
export type OutgoingRequestParts = {
  readonly [Key in keyof OutgoingRequest as OutgoingRequest[Key] extends (...args: never[]) => unknown
    ? never
    : Key]: OutgoingRequest[Key];
};

/** A request for an endpoint. */
export class OutgoingRequest {
  readonly method: string;
  /** How the client's connection came: `https` if it is encrypted. */
  readonly scheme: "http" | "https";
  /** What Host says; empty if the client, of HTTP/1.0, has named none. */
  readonly authority: string;
  /** The path with its query, or `*`. */
  readonly target: string;
  /** The end-to-end fields. */
  readonly fields: Fields;
  /** The length of its body; `Exchange.body`, which a middleware may replace, has the last word until it is sent. */
  readonly body: BodyLength;
  /** A body is announced, if only an empty one: HTTP/1.1 then says so (`Content-Length: 0`). */
  readonly announcesBody: boolean;
  /** The protocol that it asks to switch to (RFC 9110 section 7.8); null = none. */
  readonly tunnel: string | null;
  /** Whoever asks takes trailers. */
  readonly takesTrailers: boolean;
  /** The body comes only when it is asked for by a 100 (RFC 9110 section 10.1.1). */
  readonly expectsContinue: boolean;
  /** It uses a login that holds for the connection; see `connection-login.ts`. */
  readonly bindsConnection: boolean;
  /** The route removes Via: loops are then found by CDN-Loop. */
  readonly hidesVia: boolean;
  /** What the route has taken off the front of the path: goes on as X-Forwarded-Prefix. Empty = nothing. */
  readonly strippedPrefix: string;

  /** Use `OutgoingRequest.of`. */
  constructor(parts: OutgoingRequestParts) {
    this.method = parts.method;
    this.scheme = parts.scheme;
    this.authority = parts.authority;
    this.target = parts.target;
    this.fields = parts.fields;
    this.body = parts.body;
    this.announcesBody = parts.announcesBody;
    this.tunnel = parts.tunnel;
    this.takesTrailers = parts.takesTrailers;
    this.expectsContinue = parts.expectsContinue;
    this.bindsConnection = parts.bindsConnection;
    this.hidesVia = parts.hidesVia;
    this.strippedPrefix = parts.strippedPrefix;
  }

  /**
   * The request that `request` asks to be forwarded. @param tunnel the protocol that it may switch to; null = none
   * @param fields those of the request, with what is added to them
   */
  static of(
    request: ReceivedRequest,
    { scheme, tunnel, fields, body }: Pick<OutgoingRequestParts, "scheme" | "tunnel" | "fields" | "body">,
  ): OutgoingRequest {
    return new OutgoingRequest({
      method: request.method,
      scheme,
      authority: request.authority,
      target: request.target,
      fields,
      body,
      announcesBody: request.framing !== Framing.none,
      tunnel,
      takesTrailers: request.acceptsTrailers,
      expectsContinue: request.expectsContinue,
      bindsConnection: request.bindsConnection,
      hidesVia: false,
      strippedPrefix: "",
    });
  }

  /** The same with other fields. */
  withFields(fields: Fields): OutgoingRequest {
    const copy = draftOf(this);
    copy.fields = fields;
    return copy;
  }

  /** The same with another path and query. */
  withTarget(target: string, strippedPrefix: string): OutgoingRequest {
    const copy = draftOf(this);
    copy.target = target;
    copy.strippedPrefix = strippedPrefix;
    return copy;
  }

  /** The same for another host. */
  withAuthority(authority: string): OutgoingRequest {
    const copy = draftOf(this);
    copy.authority = authority;
    return copy;
  }

  /** The same, and its body comes without being asked for. */
  withoutExpectation(): OutgoingRequest {
    const copy = draftOf(this);
    copy.expectsContinue = false;
    return copy;
  }

  /** The last form, before it is sent. */
  toBeSent(fields: Fields, body: BodyLength): OutgoingRequest {
    const copy = draftOf(this);
    copy.fields = fields;
    copy.body = body;
    return copy;
  }

  /** The same, but Via goes no further. */
  withoutVia(): OutgoingRequest {
    const copy = draftOf(this);
    copy.hidesVia = true;
    return copy;
  }

  /** The same, but over a connection that serves no other client from then on. */
  withConnectionLogin(): OutgoingRequest {
    const copy = draftOf(this);
    copy.bindsConnection = true;
    return copy;
  }
}

type Draft = { -readonly [Key in keyof OutgoingRequest]: OutgoingRequest[Key] };

function draftOf(request: OutgoingRequest): Draft {
  return new OutgoingRequest(request);
}
