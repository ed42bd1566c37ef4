import assert from "node:assert/strict";
import { test } from "node:test";
import { Fields } from "../../http/fields.ts";
import { notModifiedFields, recodedFields, recodedTrailers, variedFields } from "./recoded-fields.ts";

const fields = (text: string): Fields => Fields.ofText(text);

for (const [what, before, coding, after] of [
  ["nothing but what is new", "", "br", "Content-Encoding: br\r\nVary: Accept-Encoding\r\n"],
  [
    "a strong tag made weak, digests and ranges dropped",
    'A: 1\r\nETag: "x"\r\nRepr-Digest: d\r\nDigest: d\r\nContent-MD5: d\r\nContent-Digest: d\r\nAccept-Ranges: bytes\r\nB: 2\r\n',
    "gzip",
    'A: 1\r\nB: 2\r\nETag: W/"x"\r\nContent-Encoding: gzip\r\nVary: Accept-Encoding\r\n',
  ],
  ["a weak tag as it is", 'etag: W/"x"\r\n', "br", 'ETag: W/"x"\r\nContent-Encoding: br\r\nVary: Accept-Encoding\r\n'],
  ["lines of Vary merged", "Vary: A\r\nvary: B\r\n", "br", "Content-Encoding: br\r\nVary: A, B, Accept-Encoding\r\n"],
  [
    "a name in Vary not said twice",
    "Vary: accept-encoding\r\n",
    "br",
    "Content-Encoding: br\r\nVary: accept-encoding\r\n",
  ],
  ["* left alone", "Vary: A, *\r\n", "br", "Content-Encoding: br\r\nVary: A, *\r\n"],
  ["no coding any more", "Content-Encoding: gzip\r\nA: 1\r\n", null, "A: 1\r\nVary: Accept-Encoding\r\n"],
] as const)
  test(`recoded fields: ${what}`, () => assert.equal(recodedFields(fields(before), coding).text, after));

test("fields that vary already are the same object", () => {
  for (const text of ["Vary: *\r\n", "A: 1\r\nVary: Accept-Encoding, B\r\n"]) {
    const before = fields(text);
    assert.equal(variedFields(before), before);
  }
  assert.equal(variedFields(fields("Vary: Origin\r\nA: 1\r\n")).text, "A: 1\r\nVary: Origin, Accept-Encoding\r\n");
  assert.equal(
    variedFields(fields("Vary: X-Accept-Encoding\r\n")).text,
    "Vary: X-Accept-Encoding, Accept-Encoding\r\n",
  );
});

test("a tag within another one is no member of a list", () => {
  const weakOf = (ifNoneMatch: string): string | null =>
    notModifiedFields(fields('ETag: "v1"\r\n'), { ifNoneMatch, wouldRecode: true, isRecodable: () => true }).value(
      "etag",
    );
  assert.deepEqual(
    ['W/"v1"', '"a", W/"v1"', 'W/"v1" , "b"', '"v1"', 'xW/"v1"', '"aW/"v1"', "*", 'W/"v11"'].map(weakOf),
    ['W/"v1"', 'W/"v1"', 'W/"v1"', '"v1"', '"v1"', '"v1"', '"v1"', '"v1"'],
  );
});

test("trailers lose what is about bytes, and there are none if nothing is left", () => {
  assert.equal(recodedTrailers(null), null);
  assert.equal(recodedTrailers(fields("Repr-Digest: x\r\n")), null);
  assert.equal(recodedTrailers(fields("Repr-Digest: x\r\nX: 1\r\n"))?.text, "X: 1\r\n");
});
