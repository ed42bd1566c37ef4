import assert from "node:assert/strict";
import { test } from "node:test";
import { invalidatedUrls } from "./invalidation.ts";
import { answerHead } from "./testing/messages.ts";

const url = "http://a:80/x/y?z";
const after = (method: string, status: number, lines: readonly string[] = []): readonly string[] =>
  invalidatedUrls(method, url, answerHead(lines, { status }));

test("unsafe methods invalidate what they were sent to, unknown ones too", () => {
  for (const method of ["POST", "PUT", "PATCH", "DELETE", "M-SEARCH"])
    assert.deepEqual(after(method, 200), [url], method);
  for (const status of [201, 204, 302, 303, 304]) assert.deepEqual(after("POST", status), [url], String(status));
});

test("safe methods and errors invalidate nothing", () => {
  for (const method of ["GET", "HEAD", "OPTIONS", "TRACE"]) assert.deepEqual(after(method, 200), [], method);
  for (const status of [101, 400, 404, 500, 503]) assert.deepEqual(after("POST", status), [], String(status));
  const own = { ...answerHead([]), from: "proxy" as const };
  assert.deepEqual(invalidatedUrls("POST", url, own), []);
});

test("Location and Content-Location of the same origin are invalidated, too", () => {
  const table: readonly (readonly [reference: string, urls: readonly string[]])[] = [
    ["location_target", ["http://a:80/x/location_target"]],
    ["/b?c#d", ["http://a:80/b?c"]],
    ["http://a/b", ["http://a:80/b"]],
    ["//a/b", ["http://a:80/b"]],
    ["?z", []],
    ["https://a/b", []],
    ["http://b/b", []],
    ["http://a:81/b", []],
    ["http://[", []],
    ["javascript:x", []],
  ];
  for (const name of ["Location", "Content-Location"])
    for (const [reference, urls] of table)
      assert.deepEqual(after("POST", 201, [`${name}: ${reference}`]), [url, ...urls], `${name}: ${reference}`);
  assert.deepEqual(after("POST", 201, ["Location: /a", "Content-Location: /b"]), [
    url,
    "http://a:80/a",
    "http://a:80/b",
  ]);
});
