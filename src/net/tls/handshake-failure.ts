/**
 * Why handshakes with clients fail: a closed set of classes, which metrics and the application log have. What OpenSSL
 * says of one handshake is the detail of a line.
 */

/** The classes, with what the application log says of each. */
export const handshakeFailures = {
  "unknown-name": "TLS: a client asked for a name that no certificate has",
  "no-certificate": "TLS: there is no certificate for clients yet",
  "no-shared-version": "TLS: a client speaks no version of TLS that is allowed",
  "no-shared-cipher": "TLS: a client and this listener have no cipher suite, group or signature algorithm in common",
  "no-shared-protocol": "TLS: a client speaks none of the protocols that are offered (ALPN)",
  "client-certificate": "TLS: a client sent no certificate that holds, although one is required",
  "certificate-refused": "TLS: a client does not take the certificate",
  "refused-by-client": "TLS: a client broke the handshake off",
  "plain-http": "TLS: a client spoke plain HTTP where TLS is spoken",
  malformed: "TLS: what a client sent is no TLS",
  timeout: "TLS: a client took too long for its handshake",
  "client-gone": "TLS: a client went away within its handshake",
  "too-many": "TLS: too many handshakes at a time: the oldest was broken off",
  other: "TLS: a handshake failed",
} as const satisfies Record<string, string>;

/** A class. */
export type HandshakeFailure = keyof typeof handshakeFailures;

/** In this order: the first that matches the code says it. */
const byCode: readonly (readonly [pattern: RegExp, failure: HandshakeFailure])[] = [
  [
    /UNSUPPORTED_PROTOCOL|WRONG_VERSION_NUMBER|WRONG_SSL_VERSION|VERSION_TOO_LOW|ALERT_PROTOCOL_VERSION/,
    "no-shared-version",
  ],
  [/NO_SHARED_(CIPHER|GROUP|SIGNATURE)|NO_SUITABLE_|BAD_KEY_SHARE|ALERT_HANDSHAKE_FAILURE/, "no-shared-cipher"],
  [/NO_APPLICATION_PROTOCOL/, "no-shared-protocol"],
  [/PEER_DID_NOT_RETURN_A_CERTIFICATE|CERTIFICATE_VERIFY_FAILED/, "client-certificate"],
  [/ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_|ACCESS_DENIED)/, "certificate-refused"],
  [/ALERT_/, "refused-by-client"],
  [
    /^ERR_SSL_(HTTPS?_|UNEXPECTED_|BAD_|DECODE|DECRYPT|INVALID_|LENGTH_|RECORD_|NOT_ON_|NO_RENEGOTIATION|EXCESSIVE_|DATA_)/,
    "malformed",
  ],
  [/^(ECONNRESET|EPIPE|ETIMEDOUT|ECONNABORTED|EHOSTUNREACH|ENETUNREACH|ENOTCONN)$/, "client-gone"],
];

/** The class of what ended a handshake. @param error null = the client has closed */
export function classifyHandshakeError(error: NodeJS.ErrnoException | null): HandshakeFailure {
  if (error === null) return "client-gone";
  const { code } = error;
  if (code === undefined) return "other";
  if (code.startsWith("ERR_SSL_UNEXPECTED_EOF")) return "client-gone";
  return byCode.find(([pattern]) => pattern.test(code))?.[1] ?? "other";
}
