import assert from "node:assert/strict";
import { test } from "node:test";
import { clientCertificateFieldNames, clientCertificateFields, clientSubject } from "./client-certificate-fields.ts";
import type { CertificateForwarding, ConnectionClient, PeerCertificate } from "./connection-tls.ts";
import { ForwardingPrefix, forwardingFields } from "./forwarding-fields.ts";
import { Framing, RequestHead } from "./message.ts";
import { isSpecialAlias, Special, specialOf, specialOfName } from "./syntax/special-fields.ts";
import { keptSpecials } from "./syntax/request-reading.ts";

const root = { subject: "CN=root", issuer: "CN=root", fingerprint256: "00", raw: Buffer.from("root") };
const middle = { ...root, subject: "CN=middle", raw: Buffer.from("middle") };
const certificate: PeerCertificate = {
  subject: "C=DE\nO=A\\, B\nCN=Jürgen",
  subjectAltName: "DNS:a.test, URI:spiffe://a/b",
  fingerprint256: "AB:CD:01",
  raw: Buffer.from("leaf"),
  issuer: "CN=middle",
};

const client = (facts: Partial<ConnectionClient> = {}): ConnectionClient => ({
  certificate,
  issuers: [middle, root],
  verifyError: null,
  forward: "summary",
  fields: null,
  ...facts,
});
const lines = (facts: Partial<ConnectionClient>): string[] =>
  clientCertificateFields(client(facts)).split("\r\n").slice(0, -1);

const summary = [
  "X-Client-Cert-Verify: SUCCESS",
  "X-Client-Cert-Fingerprint: abcd01",
  "X-Client-Cert-Subject: CN=J\\C3\\BCrgen,O=A\\, B,C=DE",
  "X-Client-Cert-San: DNS:a.test, URI:spiffe://a/b",
];
const leaf = "Client-Cert: :bGVhZg==:";

const told: readonly [forward: CertificateForwarding, lines: string[]][] = [
  ["none", []],
  ["summary", summary],
  ["certificate", [...summary, leaf]],
  ["chain", [...summary, leaf, "Client-Cert-Chain: :bWlkZGxl:"]],
];

for (const [forward, expected] of told) {
  test(`endpoints are told so much of a certificate that holds: ${forward}`, () => {
    assert.deepEqual(lines({ forward }), expected);
  });
}

test("of a certificate that does not hold, nothing is told that its owner could have made up", () => {
  for (const forward of ["summary", "certificate", "chain"] as const)
    assert.deepEqual(lines({ forward, verifyError: "CERT_HAS_EXPIRED" }), [
      "X-Client-Cert-Verify: FAILED:CERT_HAS_EXPIRED",
      "X-Client-Cert-Fingerprint: abcd01",
    ]);
  assert.equal(lines({ verifyError: "a\r\nb" })[0], "X-Client-Cert-Verify: FAILED");
  assert.equal(clientSubject({ client: client({ verifyError: "CERT_HAS_EXPIRED" }) }), null);
});

test("a client without a certificate is told of, too", () => {
  assert.deepEqual(lines({ certificate: null }), ["X-Client-Cert-Verify: NONE"]);
  assert.equal(clientSubject({ client: client({ certificate: null }) }), null);
  assert.equal(clientSubject({ client: null }), null);
});

test("no text of a certificate ends a line, and a very long one is left out", () => {
  const odd = { ...certificate, subject: "CN=a\r\tb\x7f", subjectAltName: "DNS:a\nX: y" };
  assert.deepEqual(lines({ certificate: odd }).slice(2), [
    "X-Client-Cert-Subject: CN=a\\0D\\09b\\7F",
    "X-Client-Cert-San: DNS:a\\0AX: y",
  ]);
  const long = { ...certificate, subject: `CN=${"a".repeat(5_000)}`, subjectAltName: undefined };
  assert.deepEqual(lines({ certificate: long }), summary.slice(0, 2));
});

test("the subject in the log is that of the field", () => {
  assert.equal(clientSubject({ client: client() }), "CN=J\\C3\\BCrgen,O=A\\, B,C=DE");
});

test("what is told goes on with the forwarding fields, whatever the request is like, and is made once", () => {
  const one = client();
  for (const isPeerTrusted of [false, true])
    for (const minorVersion of [0, 1]) {
      const origin = { peerAddress: "192.0.2.1", scheme: "https", isPeerTrusted, pseudonym: "m", client: one } as const;
      const request = Object.assign(new RequestHead(), { framing: Framing.none, authority: "a", minorVersion });
      for (const via of ["add", "pass", "remove"] as const)
        assert.ok(
          forwardingFields(new ForwardingPrefix(origin), request, "id", via).startsWith(summary.join("\r\n")),
          `${isPeerTrusted} ${minorVersion} ${via}`,
        );
    }
  assert.equal(one.fields, `${summary.join("\r\n")}\r\n`);
});

test("none of the fields is taken from anybody, in whatever spelling", () => {
  for (const name of clientCertificateFieldNames) {
    const bytes = Buffer.from(name.toUpperCase());
    assert.equal(specialOf(bytes, 0, bytes.length), Special.unsafe, name);
    assert.equal(specialOfName(name), Special.unsafe, name);
    assert.ok(isSpecialAlias(name.replaceAll("-", "_").toUpperCase()), name);
    for (const isPeerTrusted of [false, true]) assert.equal(keptSpecials(isPeerTrusted)[Special.unsafe], 0);
  }
});
