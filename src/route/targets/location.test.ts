import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RequestHead } from "../../http/message.ts";
import { parseTarget } from "../../http/target.ts";
import { compileRedirect, type RedirectSource } from "./location.ts";

const locationOf = (to: string, source: Partial<RedirectSource> = {}): string | null =>
  compileRedirect(to)({ target: "/a/b?c=d", host: "example.com", scheme: "http", ...source });

test("placeholders are filled in", () => {
  const table: [string, string][] = [
    ["https://new.example/", "https://new.example/"],
    ["https://new.example{path}", "https://new.example/a/b"],
    ["https://new.example{uri}", "https://new.example/a/b?c=d"],
    ["https://new.example/x{query}", "https://new.example/x?c=d"],
    ["https://{host}{uri}", "https://example.com/a/b?c=d"],
    ["{scheme}://www.{host}:8443{path}", "http://www.example.com:8443/a/b"],
    ["{uri}", "/a/b?c=d"],
    ["{path}/", "/a/b/"],
    ["/x{path}", "/x/a/b"],
    ["/login?next={uri}", "/login?next=%2Fa%2Fb%3Fc%3Dd"],
    ["/s?a=1&{query}&at={host}", "/s?a=1&c=d&at=example.com"],
    ["/#{path}", "/#%2Fa%2Fb"],
  ];
  for (const [to, expected] of table) assert.equal(locationOf(to), expected, to);
});

test("a request without query or path leaves nothing behind", () => {
  assert.equal(locationOf("https://h{path}{query}", { target: "/a" }), "https://h/a");
  assert.equal(locationOf("https://h{uri}", { target: "*" }), "https://h/");
  assert.equal(locationOf("https://h{path}{query}", { target: "*" }), "https://h/");
  assert.equal(locationOf("/s?{query}", { target: "/a" }), "/s?");
});

test("a location without a host never names another one", () => {
  for (const to of ["{uri}", "{path}", "{path}{query}", "/{uri}", "/{path}"]) {
    for (const target of ["//evil.example", "///evil.example/x", "/"]) {
      const location = locationOf(to, { target });
      assert.match(location ?? "", /^\/([^/\\]|$)/, `${to} ${target}`);
      assert.equal(new URL(location ?? "", "http://own.example").host, "own.example");
    }
  }
  assert.equal(locationOf("https://h{path}", { target: "//evil.example" }), "https://h//evil.example");
});

test("a template that needs a host gives nothing without one", () => {
  assert.equal(locationOf("https://{host}/", { host: "" }), null);
  assert.equal(locationOf("https://h/", { host: "" }), "https://h/");
});

test("templates that are no location are refused", () => {
  for (const to of [
    "",
    "example.com",
    "//evil.example",
    "/\\evil.example",
    "javascript:x",
    "ftp://h/",
    "https://",
    "https:///x",
    "{host}/x",
    "{query}",
    "/a b",
    "/a\r\nX: y",
    "/\u00e9",
    "/{nope}",
    "/{path",
    "/path}",
    "/{}",
    "/{__proto__}",
    "/{toString}",
    "?x",
  ]) {
    assert.throws(() => compileRedirect(to), RangeError, JSON.stringify(to));
  }
});

test("whatever target is accepted, the location is a safe field value on a host of ours", () => {
  const target = fc
    .array(
      fc.constantFrom("/", "//", "\\", "%0d%0a", "?", "#", "@", ":", "evil.example", "..", ";", "%5c", "\r\n", " "),
      { maxLength: 6 },
    )
    .map((parts) => `/${parts.join("")}`);
  fc.assert(
    fc.property(
      target,
      fc.constantFrom("{uri}", "{path}{query}", "https://own.example{uri}", "/x?{query}", "/x{path}"),
      (received, to) => {
        const head = new RequestHead();
        if (parseTarget("GET", received, head) !== null) return;
        const location = locationOf(to, { target: head.target });
        assert.match(location ?? "", /^[!-~]+$/);
        assert.equal(new URL(location ?? "", "https://own.example").host, "own.example");
      },
    ),
    { numRuns: 1_000 },
  );
});
