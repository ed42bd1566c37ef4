import assert from "node:assert/strict";
import { test } from "node:test";
import { prefersJson } from "./accept.ts";

const cases: [accept: string | null, isJson: boolean][] = [
  [null, false],
  ["", false],
  ["*/*", false],
  ["application/json", true],
  ["APPLICATION/JSON", true],
  [" application/json ; q=0.5 , text/plain;q=0.4", true],
  ["application/json;q=0.4, text/plain;q=0.5", false],
  ["application/json, text/plain", false],
  ["application/json, */*", false],
  ["application/json, */*;q=0.5", true],
  ["application/json;q=0, */*", false],
  ["application/*, text/html;q=0.9, x/json", true],
  ["text/html, application/xhtml+xml, application/json;q=0.9, */*;q=0.8", true],
  ["application/json;charset=utf-8;Q=0.7, text/*;q=0.6", true],
  ["application/json;q=x", false],
  ["application/json;q=5", false],
  ["application/json;q=0.2, application/json", true],
  ["json,;,;,application/json", true],
  ["text/json", false],
];

for (const [accept, isJson] of cases) {
  test(`Accept: ${accept} ${isJson ? "prefers" : "does not prefer"} JSON`, () =>
    assert.equal(prefersJson(accept), isJson));
}
