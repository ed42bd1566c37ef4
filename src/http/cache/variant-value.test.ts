import assert from "node:assert/strict";
import { test } from "node:test";
import { variantValue } from "./variant-value.ts";

test("languages and charsets are the same in any case and with any white space", () => {
  for (const name of ["accept-language", "accept-charset"])
    for (const value of ["de, en;q=0.5", "DE,EN;q=0.5", " De ,\ten ; q=0.5 "])
      assert.equal(variantValue(name, value), "de,en;q=0.5");
  assert.notEqual(variantValue("accept-language", "de,en"), variantValue("accept-language", "en,de"));
});

test("tags of languages are spelt as servers know them", () => {
  for (const [value, usual] of [
    ["en-us,EN;q=0.9", "en-US,en;q=0.9"],
    ["ZH-HANT-tw;Q=0.5", "zh-Hant-TW;q=0.5"],
    ["es-419", "es-419"],
    ["en-a-bbb-CC-dddd", "en-a-bbb-cc-dddd"],
    ["*", "*"],
    ["-,--;q=1", "-,--;q=1"],
  ] as const)
    assert.equal(variantValue("accept-language", value), usual);
});

test("all other values count as they are", () => {
  for (const [name, value] of [
    ["accept-language", null],
    ["x-a", "De , en"],
    ["user-agent", "A  (b, c)"],
    ["cookie", "a=B; c=D"],
  ] as const)
    assert.equal(variantValue(name, value), value);
});
