import assert from "node:assert/strict";
import { test } from "node:test";
import { classifyHandshakeError, type HandshakeFailure } from "./handshake-failure.ts";

const cases: readonly [code: string | null | undefined, failure: HandshakeFailure][] = [
  [null, "client-gone"],
  [undefined, "other"],
  ["ECONNRESET", "client-gone"],
  ["EPIPE", "client-gone"],
  ["ERR_SSL_UNEXPECTED_EOF_WHILE_READING", "client-gone"],
  ["ERR_SSL_UNSUPPORTED_PROTOCOL", "no-shared-version"],
  ["ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", "no-shared-version"],
  ["ERR_SSL_NO_SHARED_CIPHER", "no-shared-cipher"],
  ["ERR_SSL_NO_SUITABLE_KEY_SHARE", "no-shared-cipher"],
  ["ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM", "no-shared-cipher"],
  ["ERR_SSL_NO_APPLICATION_PROTOCOL", "no-shared-protocol"],
  ["ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", "client-certificate"],
  ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "certificate-refused"],
  ["ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_UNKNOWN", "certificate-refused"],
  ["ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE", "certificate-refused"],
  ["ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED", "certificate-refused"],
  ["ERR_SSL_TLSV1_ALERT_USER_CANCELLED", "refused-by-client"],
  ["ERR_SSL_BAD_EXTENSION", "malformed"],
  ["ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC", "malformed"],
  ["ERR_SSL_NOT_ON_RECORD_BOUNDARY", "malformed"],
  ["ERR_SSL_SOMETHING_NEW", "other"],
];

for (const [code, failure] of cases) {
  test(`${code} is ${failure}`, () => {
    const error = code === null ? null : Object.assign(new Error("x"), code !== undefined && { code });
    assert.equal(classifyHandshakeError(error), failure);
  });
}
