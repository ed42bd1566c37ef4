import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Fields } from "../fields.ts";
import { answerDirectives } from "./targeted-control.ts";
import { parseSurrogateControl } from "./surrogate-control.ts";

for (const [value, maxAge, noStore] of [
  ["max-age=60", 60, false],
  ["MaX-aGe=60", 60, false],
  ["foo, max-age=60", 60, false],
  ["max-age=60;millrace", 60, false],
  ["max-age=9;other, max-age=60", 60, false],
  ["max-age=60+30", 60, false],
  ["max-age=99999999999", 2 ** 31, false],
  ["max-age=0", 0, false],
  ["max-age=x", 0, false],
  ["no-store", null, true],
  ["no-store-remote", null, true],
  ['content="ESI/1.0;a, b", no-store', null, true],
  ['content="max-age=60', 60, true],
] as const)
  test(`what ${value} says`, () => {
    const directives = parseSurrogateControl(value);
    assert.deepEqual([directives?.maxAgeSeconds, directives?.noStore], [maxAge, noStore]);
  });

for (const value of ["", "foo", "max-age=60;other", 'content="ESI/1.0"', ",,;"])
  test(`${JSON.stringify(value)} is about nothing here`, () => assert.equal(parseSurrogateControl(value), null));

test("it takes the place of Cache-Control and Expires, and CDN-Cache-Control that of all three", () => {
  const read = (text: string): unknown => {
    const { directives, isTargeted } = answerDirectives(Fields.ofText(text));
    return [directives.maxAgeSeconds, directives.noStore, isTargeted];
  };
  const plain = "Cache-Control: no-store\r\n";
  assert.deepEqual(read(`${plain}Surrogate-Control: max-age=60\r\n`), [60, false, true]);
  assert.deepEqual(read(`${plain}Surrogate-Control: content="ESI/1.0"\r\n`), [null, true, false]);
  assert.deepEqual(read(`Surrogate-Control: max-age=60\r\nCDN-Cache-Control: max-age=5\r\n`), [5, false, true]);
});

test("whatever is written, it is read without an exception, and what is stored for says so", () => {
  fc.assert(
    fc.property(fc.string(), (value) => {
      const directives = parseSurrogateControl(value);
      assert.ok(directives === null || directives.noStore || directives.maxAgeSeconds !== null);
    }),
  );
});
