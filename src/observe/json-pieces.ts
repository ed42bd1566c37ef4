/**
 * The pieces of a JSON line that are often as they were in the line before: kept as bytes, and made anew if what they
 * say is something else. Every piece is ASCII, and of bounded length but for names, which come from the configuration.
 */
import type { CacheResult } from "../http/cache-result.ts";
import { clientSubject } from "../http/client-certificate-fields.ts";
import type { ConnectionTls } from "../http/connection-tls.ts";
import type { Exchange } from "../http/exchange.ts";
import type { ReasonCode } from "../http/reason.ts";
import { protocolOf } from "./access-log-fields.ts";
import { escapeJsonText, maxLoggedLength, truncate } from "./log-escape.ts";
import { formatIsoTime } from "./log-time.ts";

const toBytes = (text: string): Buffer => Buffer.from(text, "latin1");
const nothing = toBytes("");

const quote = (text: string | null, maxLength: number): string =>
  text === null || text === "" ? "null" : `"${escapeJsonText(truncate(text, maxLength))}"`;

/** `{"time":"…","level":"…","requestId":"`, of one level. */
export class BeginningPiece {
  readonly #bytes: Buffer;
  #wallMs = 0;

  constructor(level: string) {
    this.#bytes = toBytes(`{"time":"${formatIsoTime(0)}","level":"${level}","requestId":"`);
  }

  at(wallMs: number): Uint8Array {
    if (wallMs !== this.#wallMs) {
      this.#wallMs = wallMs;
      this.#bytes.write(formatIsoTime(wallMs), 9, 24, "latin1");
    }
    return this.#bytes;
  }
}

interface Names {
  readonly listenerName: string;
  readonly routeName: string;
  readonly upstreamName: string;
  readonly endpointName: string;
  readonly bytes: Uint8Array;
}

const maxKeptNames = 256;

/** `","listener":…,"route":…,"upstream":…,"endpoint":…,"clientIp":`, of the endpoints that answered lately. */
export class NamesPiece {
  readonly #byEndpoint = new Map<string, Names>();
  #last: Names = { listenerName: "", routeName: "", upstreamName: "", endpointName: "", bytes: nothing };

  of(exchange: Exchange): Uint8Array {
    if (!isOf(this.#last, exchange)) this.#last = this.#find(exchange);
    return this.#last.bytes;
  }

  #find(exchange: Exchange): Names {
    const { listenerName } = exchange;
    const { routeName, upstreamName, endpointName } = exchange.record;
    const kept = this.#byEndpoint.get(endpointName);
    if (kept !== undefined && isOf(kept, exchange)) return kept;
    const [listener, route, upstream, endpoint] = [listenerName, routeName, upstreamName, endpointName].map((name) =>
      quote(name, Infinity),
    );
    const bytes = toBytes(
      `","listener":${listener},"route":${route},"upstream":${upstream},"endpoint":${endpoint},"clientIp":`,
    );
    const names = { listenerName, routeName, upstreamName, endpointName, bytes };
    if (this.#byEndpoint.size >= maxKeptNames) this.#byEndpoint.clear();
    this.#byEndpoint.set(endpointName, names);
    return names;
  }
}

function isOf(names: Names, { listenerName, record }: Exchange): boolean {
  return (
    names.bytes !== nothing &&
    names.endpointName === record.endpointName &&
    names.routeName === record.routeName &&
    names.listenerName === listenerName &&
    names.upstreamName === record.upstreamName
  );
}

/** `"…","peer":"…:`, which the port follows; `…,"peer":null` if the peer has no address. */
export class ClientPiece {
  #clientIp = "";
  #peerAddress = "";
  #bytes: Uint8Array = toBytes('null,"peer":null');

  of({ clientIp, peerAddress }: Exchange): Uint8Array {
    if (clientIp !== this.#clientIp || peerAddress !== this.#peerAddress) {
      this.#clientIp = clientIp;
      this.#peerAddress = peerAddress;
      const peer = peerAddress === "" ? "null" : `"${escapeJsonText(peerAddress)}:`;
      this.#bytes = toBytes(`${quote(clientIp, maxLoggedLength.host)},"peer":${peer}`);
    }
    return this.#bytes;
  }
}

/** `,"tlsVersion":"…"` and so on; empty if there is no TLS. Worked out once a connection. */
export function tlsText(tls: ConnectionTls | null | undefined): string {
  if (tls == null) return "";
  if (tls.logged === "") {
    const { version, cipher, isResumed, serverName } = tls;
    const subject = quote(clientSubject(tls), maxLoggedLength.subject);
    tls.logged = `,"tlsVersion":${quote(version, Infinity)},"tlsCipher":${quote(cipher, Infinity)},"tlsResumed":${isResumed},"serverName":${quote(serverName, Infinity)},"clientSubject":${subject}`;
  }
  return tls.logged;
}

/**
 * `","scheme":"…","method":"…","host":…,"target":"`, without the first quote if the peer has no address, and with what a
 * PROXY header and TLS told.
 */
export class RequestPiece {
  #scheme = "";
  #method = "";
  #authority = "";
  #hasPeer = false;
  #proxied = "";
  #tls = "";
  #bytes: Uint8Array = nothing;

  of({ peerAddress, scheme, origin, request: { method, authority } }: Exchange): Uint8Array {
    const hasPeer = peerAddress !== "";
    const proxied = origin.proxied ?? "";
    const tls = tlsText(origin.tls);
    if (
      method !== this.#method ||
      authority !== this.#authority ||
      scheme !== this.#scheme ||
      hasPeer !== this.#hasPeer ||
      proxied !== this.#proxied ||
      tls !== this.#tls
    ) {
      this.#hasPeer = hasPeer;
      this.#proxied = proxied;
      const told = proxied === "" ? "" : `,"proxied":${quote(proxied, maxLoggedLength.proxied)}`;
      this.#tls = tls;
      this.#scheme = scheme;
      this.#method = method;
      this.#authority = authority;
      this.#bytes = toBytes(
        `${hasPeer ? '"' : ""}${told},"scheme":"${scheme}"${tls},"method":${quote(method, maxLoggedLength.method)},"host":${quote(authority, maxLoggedLength.host)},"target":"`,
      );
    }
    return this.#bytes;
  }
}

/**
 * `","protocol":"…","status":…,"reason":…,"attempts":…,"reused":…,"requestBytes":`, with the detail of a reason and what
 * a cache did, and with `0,"responseBytes":` if there was no request body.
 */
export class OutcomePiece {
  #version = 0;
  #status = -1;
  #reason: ReasonCode | null = null;
  #detail = "";
  #attempts = 0;
  #isReused = false;
  #cache: CacheResult | "" = "";
  #hasBody = false;
  #bytes: Uint8Array = nothing;

  of(exchange: Exchange): Uint8Array {
    const { request, record } = exchange;
    const version = request.majorVersion * 10 + request.minorVersion;
    const hasBody = record.requestBodyBytes > 0;
    if (
      record.status !== this.#status ||
      record.reason !== this.#reason ||
      record.attempts !== this.#attempts ||
      record.isUpstreamConnectionReused !== this.#isReused ||
      version !== this.#version ||
      hasBody !== this.#hasBody ||
      record.cache !== this.#cache ||
      record.detail !== this.#detail
    ) {
      this.#version = version;
      this.#status = record.status;
      this.#reason = record.reason;
      this.#detail = record.detail;
      this.#attempts = record.attempts;
      this.#isReused = record.isUpstreamConnectionReused;
      this.#cache = record.cache;
      this.#hasBody = hasBody;
      const reason = record.reason === null ? "null" : `"${record.reason}"`;
      const detail = record.detail === "" ? "" : `,"detail":${quote(record.detail, maxLoggedLength.detail)}`;
      const cache = record.cache === "" ? "" : `,"cache":"${record.cache}"`;
      this.#bytes = toBytes(
        `","protocol":"${protocolOf(exchange)}","status":${record.status},"reason":${reason}${detail}` +
          `,"attempts":${record.attempts},"reused":${record.isUpstreamConnectionReused}${cache},"requestBytes":${hasBody ? "" : '0,"responseBytes":'}`,
      );
    }
    return this.#bytes;
  }
}

/** `,"userAgent":…,"referer":…}` and the line feed. */
export class EndPiece {
  #userAgent: string | null = null;
  #referer: string | null = null;
  #bytes: Uint8Array = toBytes(',"userAgent":null,"referer":null}\n');

  /** @param redact takes credentials out of a URL */
  of(userAgent: string | null, referer: string | null, redact: { redact(url: string): string }): Uint8Array {
    if (userAgent !== this.#userAgent || referer !== this.#referer) {
      this.#userAgent = userAgent;
      this.#referer = referer;
      const redacted = referer === null ? null : redact.redact(referer);
      this.#bytes = toBytes(
        `,"userAgent":${quote(userAgent, maxLoggedLength.userAgent)},"referer":${quote(redacted, maxLoggedLength.referer)}}\n`,
      );
    }
    return this.#bytes;
  }
}
