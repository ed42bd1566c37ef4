import assert from "node:assert/strict";
import { test } from "node:test";
import { purgeUrlOf, readPurgeUrl } from "./purge-url.ts";

for (const [written, expected] of [
  ["https://example.com/a/b", "https://example.com/a/b"],
  ["HTTPS://EXAMPLE.com:443/A", "https://example.com/A"],
  ["http://example.com:80", "http://example.com/"],
  ["http://example.com.:08080/", "http://example.com:8080/"],
  ["http://[::1]:80/x", "http://[::1]/x"],
  ["http://[2001:DB8::1]:81/x", "http://[2001:db8::1]:81/x"],
  ["https://h/%7euser/%c3%a4?q=%c3", "https://h/~user/%C3%A4?q=%c3"],
  ["https://h/ä b", "https://h/%C3%A4%20b"],
  ["https://h/a/../b/./c", "https://h/b/c"],
  ["https://h/a#top", "https://h/a"],
  ["https://h?q", "https://h/?q"],
  ["https://h/a?", "https://h/a"],
] as const) {
  test(`${written} is known as ${expected}`, () => {
    assert.equal(readPurgeUrl(written), expected);
  });
}

for (const written of [
  "",
  "/a",
  "h/a",
  "//h/a",
  "ftp://h/a",
  "https://",
  "https://u@h/",
  "https://h/%zz",
  "https://h:x/",
  "*",
])
  test(`${JSON.stringify(written)} is no URL that can be purged`, () => {
    assert.equal(readPurgeUrl(written), null);
  });

test("a request has the URL that somebody who purges it writes", () => {
  const requested = { scheme: "https", authority: "Example.com:443", path: "/a", query: "b=c" };
  assert.equal(purgeUrlOf(requested), readPurgeUrl("https://example.com/a?b=c"));
});
