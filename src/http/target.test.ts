import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RequestHead } from "./message.ts";
import { parseTarget } from "./target.ts";

interface Expected {
  target?: string;
  path: string;
  alternate?: string;
  query?: string;
  authority?: string;
  host?: string;
}

function parse(target: string, method = "GET"): RequestHead | string {
  const head = new RequestHead();
  return parseTarget(method, target, head) ?? head;
}

function assertParsed(received: string, expected: Expected, method = "GET"): void {
  const head = parse(received, method);
  assert.ok(typeof head !== "string", `${received} was refused: ${String(head)}`);
  assert.deepEqual(
    {
      target: head.target,
      path: head.path,
      alternate: head.alternatePath,
      query: head.query,
      authority: head.authority,
      host: head.host,
    },
    {
      target: expected.target ?? received,
      path: expected.path,
      alternate: expected.alternate ?? null,
      query: expected.query ?? "",
      authority: expected.authority ?? "",
      host: expected.host ?? "",
    },
    received,
  );
}

test("origin form is forwarded as received and matched in canonical form", () => {
  const table: [string, Expected][] = [
    ["/", { path: "/" }],
    ["/a/b", { path: "/a/b" }],
    ["/a?x=1&y=%zz", { path: "/a", query: "x=1&y=%zz" }],
    ["/?", { path: "/", query: "" }],
    ["/a?b?c", { path: "/a", query: "b?c" }],
    ["/a?../../x", { path: "/a", query: "../../x" }],
    ['/a?c:\\d|"<>', { path: "/a", query: 'c:\\d|"<>' }],
    ["/.well-known/acme", { path: "/.well-known/acme" }],
    ["/a...b/..c/.d", { path: "/a...b/..c/.d" }],
    ["/%7euser/%41", { path: "/~user/A" }],
    ["/caf%c3%a9", { path: "/caf%C3%A9" }],
    ["/a%20b", { path: "/a%20b" }],
    ["/a%0d%0ab", { path: "/a%0D%0Ab" }],
    ["/{x}|'^`", { path: "/{x}|'^`" }],
    ["/%2541", { path: "/%2541", alternate: "/A" }],
    ["/a%2fb", { path: "/a%2Fb", alternate: "/a/b" }],
    ["/a%5Cb", { path: "/a%5Cb", alternate: "/a/b" }],
    ["/a%252fb", { path: "/a%252fb", alternate: "/a/b" }],
    ["/a%255cb", { path: "/a%255cb", alternate: "/a/b" }],
    ["/a%c0%afb", { path: "/a%C0%AFb", alternate: "/a/b" }],
    ["/a%c1%9cb", { path: "/a%C1%9Cb", alternate: "/a/b" }],
    ["/a%e0%80%afb", { path: "/a%E0%80%AFb", alternate: "/a/b" }],
    ["/%E0%A4%85%F0%9F%98%80", { path: "/%E0%A4%85%F0%9F%98%80" }],
    ["/%c0%c1%20", { path: "/%C0%C1%20" }],
    ["/a%3ab", { path: "/a%3Ab", alternate: "/a:b" }],
    ["/a%3bb", { path: "/a%3Bb", alternate: "/a" }],
    ["/a;x=1/b;y", { path: "/a;x=1/b;y", alternate: "/a/b" }],
    ["//a///b//", { path: "//a///b//", alternate: "/a/b/" }],
    ["/a/;x", { path: "/a/;x", alternate: "/a/" }],
    ["/a/.;x/b", { path: "/a/.;x/b", alternate: "/a/b" }],
    ["/;", { path: "/;", alternate: "/" }],
    ["//", { path: "//", alternate: "/" }],
  ];
  for (const [received, expected] of table) assertParsed(received, expected);
});

test("dot segments are resolved, and the resolved path is forwarded", () => {
  const table: [string, Expected][] = [
    ["/a/./b", { path: "/a/b" }],
    ["/a/../b", { path: "/b" }],
    ["/a/b/..", { path: "/a/" }],
    ["/a/.", { path: "/a/" }],
    ["/a/..", { path: "/" }],
    ["/.", { path: "/" }],
    ["/a/%2e%2E/b", { path: "/b" }],
    ["/a/.%2e/b", { path: "/b" }],
    ["/a/%2e/b", { path: "/a/b" }],
    ["/a/..//b", { path: "//b", alternate: "/b" }],
    ["/a/../%62%2fc", { path: "/b%2Fc", alternate: "/b/c" }],
  ];
  for (const [received, expected] of table) assertParsed(received, { ...expected, target: expected.path });
  assertParsed("/a/../b?c=../d", { target: "/b?c=../d", path: "/b", query: "c=../d" });
});

test("absolute form gives an origin-form target and its authority", () => {
  const table: [string, Expected][] = [
    [
      "http://example.com/a?b",
      { target: "/a?b", path: "/a", query: "b", authority: "example.com", host: "example.com" },
    ],
    ["HTTPS://Example.com:8443/", { target: "/", path: "/", authority: "Example.com:8443", host: "example.com" }],
    ["http://example.com", { target: "/", path: "/", authority: "example.com", host: "example.com" }],
    ["http://example.com?x", { target: "/?x", path: "/", query: "x", authority: "example.com", host: "example.com" }],
    ["http://[::1]:80/a/../b", { target: "/b", path: "/b", authority: "[::1]:80", host: "[::1]" }],
    ["http://h:0/", { target: "/", path: "/", authority: "h:0", host: "h" }],
  ];
  for (const [received, expected] of table) assertParsed(received, expected);
});

test("asterisk form is for OPTIONS alone", () => {
  assertParsed("*", { path: "*" }, "OPTIONS");
  assertParsed("http://h", { target: "*", path: "*", authority: "h", host: "h" }, "OPTIONS");
  assertParsed("http://h/", { target: "/", path: "/", authority: "h", host: "h" }, "OPTIONS");
  for (const method of ["GET", "HEAD", "POST", "options"]) assert.equal(parse("*", method), "BAD_TARGET");
  assert.equal(parse("*x", "OPTIONS"), "BAD_TARGET");
});

test("malformed targets are refused", () => {
  const table = [
    "",
    "a",
    "a/b",
    "?x",
    "#",
    "/a#b",
    "/a?b#c",
    "/#",
    "\\",
    "/a\\b",
    "/..\\x",
    "/a b",
    "/a\tb",
    "/a\rb",
    "/a\nb",
    "/a\u0000",
    "/a\u007f",
    "/a\u00e9",
    "/a?\u00e9",
    "/a? ",
    "/\u0141",
    "/a?\u012f",
    "/%",
    "/%2",
    "/%zz",
    "/%2g",
    "/%u002e",
    "/a%00b",
    "/%00",
    "/a/%",
    "/a%?x",
    "/..",
    "/../a",
    "/a/../..",
    "/a/../../b",
    "/./..",
    "/%2e%2e/a",
    "/.%2E",
    "/a/%2e%2e/..",
    "example.com",
    "example.com:80",
    "[::1]:80",
    "file:///etc/passwd",
    "ftp://h/",
    "ws://h/",
    "http:/h/",
    "http:h",
    "http://",
    "http:///",
    "http://:80/",
    "http://u@h/",
    "http://u:p@h/",
    "http://h:x/",
    "http://h:65536/",
    "http://h,i/",
    "http://[::1/",
    "http://h\\x/",
    "http://h#x",
    "http://h/#x",
    "http://a%2fb/",
    " /",
    "*",
  ];
  for (const target of table) assert.equal(parse(target), "BAD_TARGET", JSON.stringify(target));
});

test("a climb that only a liberal reader sees is refused", () => {
  const table: [string, string][] = [
    ["/a/..;/b", "AMBIGUOUS_TARGET"],
    ["/a/..%2fb", "AMBIGUOUS_TARGET"],
    ["/a%2f..%2fb", "AMBIGUOUS_TARGET"],
    ["/a/..%5cb", "AMBIGUOUS_TARGET"],
    ["/a/%252e%252e/b", "AMBIGUOUS_TARGET"],
    ["/a/%252e%252e%252fb", "AMBIGUOUS_TARGET"],
    ["/a/%c0%ae%c0%ae/b", "AMBIGUOUS_TARGET"],
    ["/a/%e0%80%ae%E0%80%AE/b", "AMBIGUOUS_TARGET"],
    ["/a/%f0%80%80%ae./b", "AMBIGUOUS_TARGET"],
    ["/a%e0%81%9c..%e0%80%afb", "AMBIGUOUS_TARGET"],
    ["/%e0%80%ae%e0%80%ae/b", "BAD_TARGET"],
    ["/a/x%2f..;x=1", "AMBIGUOUS_TARGET"],
    ["/..;/b", "BAD_TARGET"],
    ["/..%2fb", "BAD_TARGET"],
    ["/%252e%252e/b", "BAD_TARGET"],
    ["/a/..%2f..%2fb", "BAD_TARGET"],
    ["//..;/a", "BAD_TARGET"],
  ];
  for (const [target, reason] of table) assert.equal(parse(target), reason, target);
});

const pathPiece = fc.constantFrom(
  "/",
  "//",
  ".",
  "..",
  "%2e",
  "%2E",
  "%2f",
  "%5c",
  "%25",
  "%252e",
  "%41",
  "%3b",
  "%20",
  "%c3%a9",
  ";",
  "a",
  "b",
  "~",
  ":",
  "=",
);
const anyPath = fc.array(pathPiece, { maxLength: 12 }).map((pieces) => `/${pieces.join("")}`);

test("whatever is accepted is settled: its forwarded form parses to the same path, without dot segments", () => {
  fc.assert(
    fc.property(anyPath, (path) => {
      const first = parse(`${path}?q=/../`);
      if (typeof first === "string") return;
      const again = parse(first.target);
      assert.ok(typeof again !== "string");
      assert.equal(again.path, first.path);
      assert.equal(again.alternatePath, first.alternatePath);
      assert.equal(again.target, first.target);
      assert.equal(first.query, "q=/../");
      assert.doesNotMatch(first.path, /\/\.\.?(\/|$)/);
      assert.doesNotMatch(first.alternatePath ?? "/", /\/\.\.?(\/|$)|\/\/|;|\\/);
      const canonical = parse(first.path);
      assert.ok(typeof canonical !== "string");
      assert.equal(canonical.path, first.path);
    }),
    { numRuns: 3_000 },
  );
});

test("the canonical path is what the URL standard resolves, unless the climb is refused", () => {
  const plain = fc
    .array(fc.constantFrom("/", ".", "..", "%2e", "a", "b", "%c3%a9"), { maxLength: 12 })
    .map((pieces) => `/${pieces.join("")}`);
  fc.assert(
    fc.property(plain, (path) => {
      fc.pre(!path.startsWith("//"));
      const head = parse(path);
      if (typeof head === "string") return;
      const resolved = new URL(`http://h${path}`).pathname.replaceAll(/%2e/gi, ".").replaceAll("%c3%a9", "%C3%A9");
      assert.equal(head.path, resolved);
    }),
    { numRuns: 1_000 },
  );
});

const anyCharacter = fc.integer({ min: 0, max: 0x1ff }).map((code) => String.fromCharCode(code));

test("only visible ASCII is ever forwarded", () => {
  fc.assert(
    fc.property(fc.string({ unit: anyCharacter, maxLength: 8 }), (tail) => {
      const head = parse(`/${tail}`);
      if (typeof head === "string") return;
      assert.match(head.target, /^[!-~]+$/);
      assert.doesNotMatch(head.target, /#/);
    }),
    { numRuns: 2_000 },
  );
});

test("what is refused is refused in linear time", () => {
  for (const path of [
    "/a".repeat(100_000),
    "/".repeat(200_000),
    `/${"a".repeat(200_000)}`,
    "/..;".repeat(50_000),
    "/%252e".repeat(30_000),
    "/a/..".repeat(40_000),
    "/;".repeat(100_000),
  ]) {
    const started = performance.now();
    for (const tail of ["", "#", "?#"]) parse(`${path}${tail}`);
    assert.ok(performance.now() - started < 2_000, path.slice(0, 12));
  }
});
