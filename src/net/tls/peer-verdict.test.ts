import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { TestAuthority } from "../testing/test-authority.ts";
import { toPeerName } from "./peer-name.ts";
import { judgePeer, toTlsFailure } from "./peer-verdict.ts";

test("a server is who its certificate says, if that is in order", async () => {
  const authority = await TestAuthority.create();
  const { cert } = await authority.issue({ names: ["a.test"] });
  const certificate = new X509Certificate(cert);
  const verdict = (chainError: string | null, host = "a.test"): string | null =>
    judgePeer({ chainError, certificate }, toPeerName(host)!)?.kind ?? null;
  assert.equal(verdict(null), null);
  assert.equal(verdict("DEPTH_ZERO_SELF_SIGNED_CERT"), "untrusted");
  assert.equal(verdict("CERT_REVOKED"), "untrusted");
  assert.equal(verdict("UNABLE_TO_GET_CRL"), "untrusted");
  assert.equal(verdict("CERT_HAS_EXPIRED"), "expired");
  assert.equal(verdict("CRL_HAS_EXPIRED"), "expired");
  assert.equal(verdict(null, "b.test"), "wrong-name");
  assert.equal(judgePeer({ chainError: null, certificate: null }, toPeerName("a.test")!)?.kind, "untrusted");
});

test("a refusal of our certificate is told from other failures", () => {
  const kindOf = (code: string): string => toTlsFailure(Object.assign(new Error(""), { code })).kind;
  for (const code of [
    "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
    "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA",
    "ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE",
    "ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN",
  ])
    assert.equal(kindOf(code), "refused", code);
  for (const code of ["ERR_SSL_WRONG_VERSION_NUMBER", "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", "ECONNRESET"])
    assert.equal(kindOf(code), "protocol", code);
  assert.deepEqual(toTlsFailure(null), { kind: "protocol", detail: "closed in the handshake" });
});
