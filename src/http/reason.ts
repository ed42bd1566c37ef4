/**
 * Every way in which an exchange can end other than by an endpoint's answer: the reason code that the answer, the
 * access log and the metrics carry, its status, who is to blame, and how loudly it is logged. One table; nothing else
 * maps an error to a status.
 */

/** Who caused it: the client, the upstream, or Millrace itself. */
export type Side = "downstream" | "upstream" | "internal";

/**
 * May the request be sent again? `if-reused`: only when the connection had served before, so that the endpoint may have
 * closed it unseen.
 */
export type Replay = "safe" | "if-reused" | "unsafe";

interface Reason {
  readonly status: number;
  readonly side: Side;
  readonly level: "debug" | "info" | "warn" | "error";
  /** The sentence in the answer's body. Never contains anything a peer sent. */
  readonly text: string;
  /** The client's connection is closed after it: its framing is in doubt, or it has used up its patience. */
  readonly isFinal: boolean;
}

/** Faults of a client that leave its connection in good order. */
const harmless = new Set([404, 429, 504, 508]);

const define = (status: number, side: Side, level: Reason["level"], text: string): Reason => ({
  status,
  side,
  level,
  text,
  isFinal: side === "downstream" && !harmless.has(status),
});

/** The table. Status 499 is never sent: it is what the log says when the client went away. */
export const reasons = {
  BAD_REQUEST_LINE: define(400, "downstream", "info", "The request line is malformed."),
  BAD_METHOD: define(400, "downstream", "info", "The method is malformed."),
  BAD_TARGET: define(400, "downstream", "info", "The request target is malformed."),
  AMBIGUOUS_TARGET: define(400, "downstream", "info", "The request target can be read in more than one way."),
  BAD_FIELD: define(400, "downstream", "info", "A header field is malformed."),
  BAD_LINE_END: define(400, "downstream", "info", "A line does not end in CRLF."),
  BAD_HOST: define(400, "downstream", "info", "The Host header field is missing, repeated or malformed."),
  BAD_CONTENT_LENGTH: define(400, "downstream", "info", "The Content-Length header field is malformed or repeated."),
  BAD_TRANSFER_ENCODING: define(
    400,
    "downstream",
    "info",
    "The Transfer-Encoding header field is malformed or not allowed here.",
  ),
  TLS_ON_PLAIN_PORT: define(400, "downstream", "info", "This port speaks HTTP without TLS."),
  PLAIN_HTTP_ON_TLS_PORT: define(400, "downstream", "info", "This port speaks HTTPS: a plain HTTP request came to it."),
  AMBIGUOUS_FRAMING: define(400, "downstream", "info", "The message has more than one length."),
  BAD_CHUNK: define(400, "downstream", "info", "The chunked body is malformed."),
  BAD_TRAILER: define(400, "downstream", "info", "The trailer section is malformed."),
  TRUNCATED_REQUEST: define(400, "downstream", "info", "The request ended before it was complete."),
  NO_ROUTE: define(404, "downstream", "info", "No route matches this request."),
  METHOD_NOT_ALLOWED: define(405, "downstream", "info", "This method is not allowed."),
  BAD_CLIENT_HELLO: define(400, "downstream", "info", "The connection does not begin with a TLS ClientHello."),
  HELLO_TIMEOUT: define(408, "downstream", "info", "The TLS ClientHello took too long."),
  SESSION_IDLE: define(408, "downstream", "info", "Nothing moved in either direction for too long."),
  HEAD_TIMEOUT: define(408, "downstream", "info", "The request head took too long."),
  BODY_TIMEOUT: define(408, "downstream", "info", "The request body took too long."),
  BODY_TOO_LARGE: define(413, "downstream", "info", "The request body is too large."),
  TARGET_TOO_LONG: define(414, "downstream", "info", "The request target is too long."),
  EXPECTATION_FAILED: define(417, "downstream", "info", "The expectation cannot be met."),
  MISDIRECTED: define(421, "downstream", "info", "This connection is not for that host."),
  RATE_LIMITED: define(429, "downstream", "info", "Too many requests."),
  HEAD_TOO_LARGE: define(431, "downstream", "info", "The request head is too large."),
  TOO_MANY_FIELDS: define(431, "downstream", "info", "The request has too many header fields."),
  CLIENT_GONE: define(499, "downstream", "info", "The client went away."),
  CLIENT_WRITE_TIMEOUT: define(499, "downstream", "info", "The client did not take the answer."),
  INTERNAL_ERROR: define(500, "internal", "error", "Internal error."),
  BUFFER_FAILED: define(500, "internal", "error", "The request body could not be held."),
  UNKNOWN_TRANSFER_CODING: define(501, "downstream", "info", "The transfer coding is not implemented."),
  UPSTREAM_CONNECT_FAILED: define(502, "upstream", "warn", "The upstream cannot be reached."),
  UPSTREAM_DNS_FAILED: define(502, "upstream", "warn", "The upstream's name cannot be resolved."),
  UPSTREAM_TLS_FAILED: define(502, "upstream", "warn", "The upstream's TLS handshake failed."),
  UPSTREAM_TLS_UNTRUSTED: define(502, "upstream", "warn", "The upstream's certificate is not trusted."),
  UPSTREAM_TLS_EXPIRED: define(502, "upstream", "warn", "The upstream's certificate is not valid at this time."),
  UPSTREAM_TLS_WRONG_NAME: define(502, "upstream", "warn", "The upstream's certificate is for another name."),
  UPSTREAM_TLS_REFUSED: define(502, "upstream", "warn", "The upstream refuses the certificate that it was shown."),
  UPSTREAM_RESET: define(502, "upstream", "warn", "The upstream closed the connection before answering."),
  UPSTREAM_BAD_RESPONSE: define(502, "upstream", "warn", "The upstream's answer is malformed."),
  UPSTREAM_HEAD_TOO_LARGE: define(502, "upstream", "warn", "The upstream's answer has too large a head."),
  UPSTREAM_BAD_UPGRADE: define(502, "upstream", "warn", "The upstream switched protocols without being asked to."),
  UPSTREAM_BAD_CODING: define(502, "upstream", "warn", "The upstream's answer cannot be decoded."),
  UPSTREAM_TRUNCATED: define(502, "upstream", "warn", "The upstream's answer ended early."),
  NO_ENDPOINT: define(503, "upstream", "warn", "No endpoint is available."),
  QUEUE_FULL: define(503, "upstream", "warn", "Too many requests are waiting."),
  QUEUE_TIMEOUT: define(503, "upstream", "warn", "The request waited too long for an endpoint."),
  BREAKER_OPEN: define(503, "upstream", "warn", "The upstream is failing; try again later."),
  LIMIT_UNKNOWN: define(503, "internal", "warn", "The rate limit cannot be checked; try again later."),
  FAULT_INJECTED: define(503, "internal", "info", "A fault was injected."),
  OVERLOADED: define(503, "internal", "warn", "Too much load; try again later."),
  NO_LOCAL_ADDRESS: define(
    503,
    "internal",
    "warn",
    "No local port is free for a connection to the upstream; try again later.",
  ),
  SHUTTING_DOWN: define(503, "internal", "info", "Shutting down."),
  UPSTREAM_DNS_TIMEOUT: define(504, "upstream", "warn", "The upstream's name was not resolved in time."),
  UPSTREAM_CONNECT_TIMEOUT: define(504, "upstream", "warn", "The upstream did not accept a connection in time."),
  UPSTREAM_TLS_TIMEOUT: define(504, "upstream", "warn", "The upstream's TLS handshake took too long."),
  UPSTREAM_FIRST_BYTE_TIMEOUT: define(504, "upstream", "warn", "The upstream did not answer in time."),
  UPSTREAM_TRY_TIMEOUT: define(504, "upstream", "warn", "The upstream did not answer in time."),
  UPSTREAM_IDLE_TIMEOUT: define(504, "upstream", "warn", "The upstream stopped in the middle of its answer."),
  TOTAL_TIMEOUT: define(504, "upstream", "warn", "The request took too long."),
  NOT_CACHED: define(504, "downstream", "info", "It is not in the cache, and the request asks for nothing else."),
  VERSION_NOT_SUPPORTED: define(505, "downstream", "info", "This HTTP version is not supported."),
  LOOP_DETECTED: define(508, "downstream", "warn", "The request has been here before."),
} as const satisfies Record<string, Reason>;

/** A reason code, as logs and metrics show it. */
export type ReasonCode = keyof typeof reasons;

/** An expected failure: a value that is handled, not a bug. */
export class ProxyError extends Error {
  readonly code: ReasonCode;
  readonly replay: Replay;
  /** What went wrong in detail, for the log only; may hold an operating-system error code, never a peer's bytes. */
  readonly detail: string;

  constructor(code: ReasonCode, options: { replay?: Replay; detail?: string } = {}) {
    super(reasons[code].text);
    this.name = "ProxyError";
    this.code = code;
    this.replay = options.replay ?? "unsafe";
    this.detail = options.detail ?? "";
  }

  get status(): number {
    return reasons[this.code].status;
  }

  get side(): Side {
    return reasons[this.code].side;
  }
}
