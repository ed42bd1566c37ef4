import assert from "node:assert/strict";
import { test } from "node:test";
import { readEndpointList } from "./endpoint-list.ts";

const urlsOf = (value: unknown): unknown => {
  const list = readEndpointList(value);
  return typeof list === "string" ? list : list.endpoints.map(({ url }) => url);
};

test("a list stands alone or in an object", () => {
  assert.deepEqual(urlsOf(["http://a:1", { url: "http://b:2", weight: 0 }]), ["http://a:1", "http://b:2"]);
  assert.deepEqual(urlsOf({ endpoints: ["http://a:1"], others: 1 }), ["http://a:1"]);
  assert.deepEqual(urlsOf([]), []);
  for (const wrong of [null, 1, "http://a", {}, { endpoints: {} }, { endpoints: null }, { 0: "http://a:1" }])
    assert.match(String(urlsOf(wrong)), /neither a list/);
});

test("a bad record is left out and said; if all are bad, so is the list", () => {
  const list = readEndpointList(["http://a:1", "nonsense", { url: 5 }, null, ["http://b:1"]]);
  assert.ok(typeof list === "object");
  assert.deepEqual([list.endpoints.length, list.refused.length], [1, 4]);
  assert.match(String(urlsOf(["nonsense", null])), /none of the records \(2\) is an endpoint: /);
});

test("what is said and what is taken is bounded", () => {
  const bad = readEndpointList(["http://a:1", ...Array.from({ length: 5_000 }, () => "nonsense")]);
  assert.ok(typeof bad === "object");
  assert.equal(bad.refused.length, 21);
  assert.equal(bad.refused.at(-1), "4980 more records are left out");
  const many = readEndpointList(Array.from({ length: 10_003 }, (_, at) => `http://a:${at + 1}`));
  assert.ok(typeof many === "object");
  assert.equal(many.endpoints.length, 10_000);
  assert.deepEqual(many.refused, ["a list has at most 10000 endpoints; 3 more are left out"]);
});
