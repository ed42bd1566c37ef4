/** What is made of what TLS has told about a client. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import type { SecureContext } from "node:tls";
import { TestAuthority } from "../testing/test-authority.ts";
import { ClientTls } from "./client-tls.ts";
import type { ContextChoice } from "./server-contexts.ts";

const authority = await TestAuthority.create();
const certificate = new X509Certificate((await authority.issue({ subject: "CN=client", toDays: 1 })).cert);
const endMs = Date.parse(certificate.validTo);

const choice: ContextChoice = {
  secureContext: {} as SecureContext,
  isChallenge: false,
  verify: "require",
  forward: "none",
  ocsp: null,
  policyId: "",
  atMs: endMs,
};

const tls = (isResumed: boolean, atMs: number, verifyError: string | null = null): ClientTls =>
  new ClientTls(
    { protocol: "TLSv1.3", cipher: "", alpn: null, isResumed, verifyError, peerCertificates: [certificate] },
    "a.test",
    { ...choice, atMs },
  );

test("a session that is resumed after its client's certificate has expired proves nothing", () => {
  for (const [atMs, error] of [
    [endMs, null],
    [endMs + 999, null],
    [endMs + 1_000, "CERT_HAS_EXPIRED"],
  ] as const) {
    const resumed = tls(true, atMs);
    assert.equal(resumed.client?.verifyError, error, `${atMs - endMs}`);
    assert.equal(resumed.hasValidCertificate, error === null);
  }
});

test("in a full handshake OpenSSL has judged, and what it found first is told", () => {
  assert.equal(tls(false, endMs + 1_000).hasValidCertificate, true);
  assert.equal(tls(true, endMs + 1_000, "CERT_REVOKED").client?.verifyError, "CERT_REVOKED");
});
