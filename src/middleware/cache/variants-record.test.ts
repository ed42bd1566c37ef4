import assert from "node:assert/strict";
import { test } from "node:test";
import type { StoredAnswer } from "../../http/cache/stored-answer.ts";
import { isNewest, maxVariants, withVariant } from "./variants-record.ts";

const answer: StoredAnswer = {
  status: 200,
  reasonPhrase: "OK",
  fields: "",
  bodyBytes: 1,
  bornMs: 1_000,
  freshUntilMs: 2_000,
  staleWhileRevalidateUntilMs: 3_000,
  staleIfErrorUntilMs: 4_000,
  mustRevalidate: true,
  alwaysValidates: false,
  isShared: false,
  url: "http://a.test/",
  tags: ["t"],
  purgeSequence: 5,
  variants: null,
};

const variant = (names: string[], key: string, facts: Partial<StoredAnswer> = {}) => ({
  names,
  key,
  answer: { ...answer, ...facts },
});

test("variants of one set of fields are kept together, the newest first, and none twice", () => {
  let record = withVariant(null, variant(["accept"], "a"));
  record = withVariant(record, variant(["accept"], "b"));
  record = withVariant(record, variant(["accept"], "a"));
  assert.deepEqual(record.variants, [{ names: ["accept"], keys: ["a", "b"] }]);
  assert.equal(isNewest(record, { names: ["accept"], key: "b" }), true);
  assert.equal(isNewest(record, { names: ["accept"], key: "c" }), false);
  assert.equal(isNewest(record, { names: ["accept", "x"], key: "b" }), false);
});

test("an answer with another Vary hides none of those before", () => {
  let record = withVariant(null, variant(["accept"], "a"));
  record = withVariant(record, variant(["accept", "cookie"], "b"));
  assert.deepEqual(record.variants, [
    { names: ["accept", "cookie"], keys: ["b"] },
    { names: ["accept"], keys: ["a"] },
  ]);
  assert.equal(isNewest(record, { names: ["accept"], key: "a" }), false);
});

test("the number of variants is bounded: the oldest give way", () => {
  let record: StoredAnswer | null = null;
  for (let at = 0; at < 100; at++) record = withVariant(record, variant([`x-${at % 3}`], `key-${at}`));
  const keys = record!.variants!.flatMap((set) => set.keys);
  assert.equal(keys.length, maxVariants);
  assert.equal(keys[0], "key-99");
});

test("the record is of use as long as one of its variants", () => {
  const record = withVariant(
    withVariant(null, variant(["accept"], "a", { freshUntilMs: 9_000, staleIfErrorUntilMs: 9_500 })),
    variant(["accept"], "b", { purgeSequence: 6 }),
  );
  assert.equal(record.freshUntilMs, 9_000);
  assert.equal(record.staleWhileRevalidateUntilMs, 3_000);
  assert.equal(record.staleIfErrorUntilMs, 9_500);
  assert.equal(record.purgeSequence, 6);
  assert.equal(record.status, 0);
});
