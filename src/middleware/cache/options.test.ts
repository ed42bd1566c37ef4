import assert from "node:assert/strict";
import { test } from "node:test";
import * as schemaTools from "../../base/option-schema.ts";
import { createCacheSchema } from "./options.ts";

const schema = createCacheSchema(schemaTools);

/** What is wrong with `options`. */
const problemsOf = (options: object): string[] => {
  const result = schema.safeParse(options);
  return result.success ? [] : [JSON.stringify(result.error.issues)];
};

test("without options it is on, in memory, and guesses nothing", () => {
  const options = schema.parse({});
  assert.equal(options.store, "memory");
  assert.equal(options.maxBytes, 268_435_456);
  assert.equal(options.heuristics, null);
  assert.deepEqual(options.negative, {});
  assert.deepEqual(options.collapse, { timeout: 5_000 });
  assert.deepEqual(options.tags, ["cache-tag", "surrogate-key"]);
  assert.deepEqual(options.key, { ignoreQuery: [], query: null, headers: [], cookies: [] });
});

test("what is written is read", () => {
  const options = schema.parse({
    collapse: false,
    heuristics: "on",
    negative: { 404: "10s" },
    key: { ignoreQuery: "utm_*", headers: "X-Site" },
  });
  assert.equal(options.collapse, null);
  assert.deepEqual(options.heuristics, { fraction: 0.1, max: 86_400_000 });
  assert.deepEqual(options.negative, { "404": 10_000 });
  assert.deepEqual(options.key.ignoreQuery, ["utm_*"]);
  assert.deepEqual(options.key.headers, ["x-site"]);
});

for (const [options, problem] of [
  [{ negative: { 400: "1s" } }, /never stored/],
  [{ negative: { 206: "1s" } }, /never stored/],
  [{ negative: { 40: "1s" } }, /not a status/],
  [{ negative: { 404: "0s" } }, /not between/],
  [{ key: { ignoreQuery: ["a*b"] } }, /not the name of a query parameter/],
  [{ key: { query: ["a b"] } }, /not the name of a query parameter/],
  [{ key: { headers: ["a:b"] } }, /not the name of a field/],
  [{ key: { headers: ["Cookie"] } }, /single cookies/],
  [{ key: { cookies: ["a;b"] } }, /not the name of a cookie/],
  [{ tags: ["a b"] }, /not the name of a field/],
  [{ maxBytes: "1KiB" }, /too small/],
  [{ collapse: { timeout: "0s" } }, /too short|Invalid/],
] as const)
  test(`${JSON.stringify(options)} is refused`, () => assert.match(problemsOf(options).join("\n"), problem));
