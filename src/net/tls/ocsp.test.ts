import assert from "node:assert/strict";
import { test } from "node:test";
import { answerOcsp, type OcspAnswer } from "../testing/ocsp-responder.ts";
import { TestAuthority } from "../testing/test-authority.ts";
import { readCertificate } from "./read-certificate.ts";
import { ocspRequest, ocspSubjectOf, type OcspSubject, readOcspResponse } from "./ocsp.ts";

const dayMs = 86_400_000;

test("a certificate says who can be asked about it, or nothing", async () => {
  const authority = await TestAuthority.create();
  const of = async (responder?: string): Promise<string | null> =>
    readCertificate(await authority.issue({ names: ["a.test"], ...(responder !== undefined && { responder }) }))
      .material.responder;
  assert.equal(await of("http://ocsp.test/a"), "http://ocsp.test/a");
  assert.equal(await of("ldap://ocsp.test/"), null);
  assert.equal(await of(), null);
});

for (const keyType of ["ec", "rsa"] as const)
  test(`OpenSSL understands the question, and we its answer (${keyType})`, async () => {
    const authority = await TestAuthority.create();
    const leaf = await authority.issue({ names: ["a.test"], keyType });
    const other = await authority.issue({ names: ["b.test"] });
    const subject = ocspSubjectOf([leaf.cert, authority.root]);
    assert.ok(subject);
    const nowMs = Date.now();
    const answerTo = (about: OcspSubject, answer: Partial<OcspAnswer>): Promise<Buffer> =>
      answerOcsp(ocspRequest(about), { authority, good: [], ...answer });
    const good = await answerTo(subject, { good: [leaf] });
    const staple = readOcspResponse(good, subject, nowMs);
    assert.equal(staple.der, good);
    assert.ok(staple.thisUpdateMs <= nowMs && Math.abs(staple.nextUpdateMs - nowMs - dayMs) < 60_000);
    const refused = (der: Buffer, sentence: RegExp, atMs = nowMs): void =>
      assert.throws(() => readOcspResponse(der, subject, atMs), sentence);
    refused(good, /out of date/, nowMs + 2 * dayMs);
    refused(good, /of the future/, nowMs - dayMs);
    refused(await answerTo(subject, { revoked: [leaf] }), /has been revoked/);
    refused(await answerTo(subject, { good: [other] }), /does not know the certificate/);
    const ofOther = ocspSubjectOf([other.cert, authority.root]);
    refused(await answerTo(ofOther!, { good: [other] }), /says nothing of this certificate/);
    // Signed by somebody whom the authority has certified, but not for this.
    refused(await answerTo(subject, { good: [leaf], signer: other }), /is not signed by/);
    const stranger = await TestAuthority.create();
    const strange = ocspSubjectOf([leaf.cert, authority.root])!;
    refused(
      await answerOcsp(ocspRequest(strange), {
        authority,
        good: [leaf],
        signer: { cert: stranger.root, key: await stranger.rootKey() },
      }),
      /is not signed by/,
    );
    refused(Buffer.from("<html>"), /is no answer/);
    refused(Buffer.from("30030a0106", "hex"), /without a status: unauthorized/);
    for (let length = 0; length < good.length; length++)
      assert.throws(() => readOcspResponse(good.subarray(0, length), subject, nowMs), { name: "CertificateError" });
    for (let at = 0; at < good.length; at += 7) {
      const broken = Buffer.from(good);
      broken[at]! ^= 0x55;
      try {
        readOcspResponse(broken, subject, nowMs);
      } catch (error) {
        assert.equal((error as Error).name, "CertificateError", String(error));
      }
    }
  });

test("a chain without what issued the leaf is not asked about", async () => {
  const authority = await TestAuthority.create();
  const other = await TestAuthority.create("Other");
  const leaf = await authority.issue({ names: ["a.test"] });
  assert.equal(ocspSubjectOf([leaf.cert]), null);
  assert.equal(ocspSubjectOf([leaf.cert, other.root]), null);
});
