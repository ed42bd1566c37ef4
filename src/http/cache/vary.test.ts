import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { variantKey } from "./vary.ts";

const keyOf = (values: Readonly<Record<string, string>>): string =>
  variantKey("key", Object.keys(values), (name) => values[name] ?? null);

test("variants differ if any value differs", () => {
  const keys = [
    { a: "1", b: "2" },
    { a: "2", b: "1" },
    { a: "1", b: "" },
    { a: "1" },
    { a: "12" },
    { a: "1b:2" },
    { a: "1, b:2" },
    { ab: "1" },
    {},
  ].map(keyOf);
  assert.equal(new Set(keys).size, keys.length);
});

test("an absent field is not an empty one", () => {
  assert.notEqual(
    variantKey("key", ["a"], () => null),
    variantKey("key", ["a"], () => ""),
  );
});

test("a variant's key is never another answer's", () => {
  assert.notEqual(
    variantKey("key", [], () => null),
    "key",
  );
});

test("keys are the same only if everything is", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b", ":", ",", " ", "\0", "\t", "é"), maxLength: 4 });
  const names = fc.uniqueArray(fc.constantFrom("a", "b", "ab"), { maxLength: 3 });
  const variant = fc.tuple(text, names, fc.array(fc.option(text), { minLength: 3, maxLength: 3 }));
  const key = ([primary, list, values]: readonly [string, readonly string[], readonly (string | null)[]]): string =>
    variantKey(primary, list, (name) => values[list.indexOf(name)] ?? null);
  fc.assert(
    fc.property(variant, variant, (one, other) => {
      const isSame =
        JSON.stringify([one[0], one[1], one[2].slice(0, one[1].length)]) ===
        JSON.stringify([other[0], other[1], other[2].slice(0, other[1].length)]);
      assert.equal(key(one) === key(other), isSame);
    }),
  );
});
