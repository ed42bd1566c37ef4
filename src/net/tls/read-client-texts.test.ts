import assert from "node:assert/strict";
import { test } from "node:test";
import { TestAuthority } from "../testing/test-authority.ts";
import { type ClientTextName, readClientTexts } from "./read-client-texts.ts";

const nothing = { ca: null, crl: null, cert: null, key: null };

test("texts that can be used are taken, and what people should know is told", async () => {
  const one = await TestAuthority.create("One");
  const other = await TestAuthority.create("Other");
  const ours = await one.issue({ subject: "CN=proxy" });
  const old = await one.issue({ toDays: -1, fromDays: -9 });
  assert.equal(readClientTexts(nothing).texts.id, "");
  const lists = `${await one.revoke([])}some words\r\n${await other.revoke([ours])}`;
  const plain = readClientTexts({ ca: `words\n${one.root}${other.root}`, crl: lists, ...ours });
  assert.deepEqual(plain.warnings, []);
  assert.notEqual(plain.texts.id, readClientTexts({ ...nothing, ca: one.root }).texts.id);
  assert.equal(plain.texts.id, readClientTexts({ ca: `${one.root}${other.root}`, crl: lists, ...ours }).texts.id);
  assert.deepEqual(
    readClientTexts({ ca: one.root, crl: await one.revoke([], -1), ...old }).warnings.map(({ text }) => text),
    ["crl", "cert"],
  );
});

test("what could be taken for something else is refused, and it is said what", async () => {
  const one = await TestAuthority.create("One");
  const other = await TestAuthority.create("Other");
  const [ours, theirs] = [await one.issue({}), await one.issue({})];
  const wrong: [given: Partial<Record<ClientTextName, string>>, text: ClientTextName, sentence: RegExp][] = [
    // Node.js takes both for the well-known authorities.
    [{ ca: "" }, "ca", /holds no certificate/],
    [{ ca: "garbage" }, "ca", /holds no certificate/],
    [{ ca: one.root.slice(0, -40) }, "ca", /holds no certificate/],
    [{ ca: `${one.root}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n` }, "ca", /number 2/],
    [{ ca: ours.key }, "ca", /holds no certificate/],
    [{ ca: one.root, crl: one.root }, "crl", /holds no revocation list/],
    [{ ca: one.root + other.root, crl: await one.revoke([]) }, "crl", /no list of "CN=Other"/],
    [{ ca: one.root, crl: "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n" }, "crl", /cannot be read/],
    [{ cert: "", key: ours.key }, "cert", /holds no certificate/],
    [{ cert: ours.cert, key: "" }, "key", /holds no private key/],
    [{ cert: ours.cert, key: theirs.key }, "cert", /does not belong to the key/],
  ];
  for (const [given, text, sentence] of wrong)
    assert.throws(
      () => readClientTexts({ ...nothing, ...given }),
      (error: { text?: string; message: string }) => error.text === text && sentence.test(error.message),
      JSON.stringify(given),
    );
});
