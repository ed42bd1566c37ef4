import assert from "node:assert/strict";
import { test } from "node:test";
import { readFacts } from "./request-facts.ts";

const lines = (...texts: string[]): string => texts.map((text) => `${text}\r\n`).join("");

test("the fields that matter to a cache are found, whatever their case, and joined", () => {
  const facts = readFacts(
    lines(
      "Accept: */*",
      "cache-control: no-cache",
      "Cache-Control:max-age=0 ",
      "PRAGMA: no-cache",
      "Range: bytes=0-1",
      'If-Range: "a"',
      'If-None-Match: "a"',
      'if-none-match: "b"',
      "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
      "Authorization: Basic x",
    ),
  );
  assert.equal(facts.cacheControl, "no-cache, max-age=0");
  assert.equal(facts.pragma, "no-cache");
  assert.equal(facts.range, "bytes=0-1");
  assert.equal(facts.ifRange, '"a"');
  assert.equal(facts.ifNoneMatch, '"a", "b"');
  assert.equal(facts.ifModifiedSince, "Sun, 06 Nov 1994 08:49:37 GMT");
  assert.equal(facts.hasAuthorization, true);
  assert.equal(facts.hasPrecondition, false);
  assert.equal(facts.hasOverride, false);
  assert.equal(facts.keyLines, "");
});

test("preconditions that only the origin can answer are seen", () => {
  assert.equal(readFacts(lines('If-Match: "a"')).hasPrecondition, true);
  assert.equal(readFacts(lines("If-Unmodified-Since: x")).hasPrecondition, true);
});

test("what makes another request of it is seen, however it is spelt", () => {
  for (const name of ["X-HTTP-Method-Override", "x_http_method_override", "X-Original-URL", "X-Rewrite_Url"])
    assert.equal(readFacts(lines("Accept: */*", `${name}: x`)).hasOverride, true, name);
});

test("what proxies tell of host, port and scheme belongs into the key", () => {
  const facts = readFacts(lines("X-Forwarded-Port: 8443", "Accept: */*", "Front-End-Https: on", "X_Forwarded_Port: 1"));
  assert.equal(facts.keyLines, "x-forwarded-port: 8443\nfront-end-https: on\nx_forwarded_port: 1\n");
});

test("an ordinary request costs no object", () => {
  const fields = lines("Accept: */*", "User-Agent: x", "Cookie: a=b", "Accept-Encoding: gzip", "X-Anything: y");
  assert.equal(readFacts(fields), readFacts(""));
});
