import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import * as schemaTools from "../base/option-schema.ts";
import { exchangeAround } from "../http/testing/exchange-around.ts";
import { AddressSet } from "../net/address-set.ts";
import { cidrSchema } from "../net/network-options.ts";
import { compileHeaderEdit } from "../middleware/headers/header-edit.ts";
import { createHeadersSchema } from "../middleware/headers/options.ts";
import { matchSchema } from "./match-options.ts";
import { createRewriteSchema } from "../middleware/rewrite/options.ts";
import { routeSchema } from "./options.ts";
import { compileRedirect } from "./targets/location.ts";
import { createRedirectSchema } from "./targets/redirect-options.ts";
import { compileRewrite } from "../middleware/rewrite/rewrite.ts";
import { Router } from "./router.ts";

const headersSchema = createHeadersSchema(schemaTools);
const redirectSchema = createRedirectSchema(schemaTools);
const rewriteSchema = createRewriteSchema(schemaTools);

/** Text made of what matters to a parser: seldom plain, often almost right. */
const piecesOf = (...pieces: string[]) =>
  fc.array(fc.constantFrom(...pieces), { maxLength: 6 }).map((parts) => parts.join(""));

const pathText = piecesOf(
  "/",
  "/",
  "a",
  "B",
  ".",
  "..",
  "*",
  "/*",
  "%2f",
  "%41",
  "%",
  "%zz",
  "%00",
  "%5C",
  "//",
  ";x",
  "\\",
  " ",
  "?",
  "#",
  "é",
  "~",
  "{",
  "\t",
);

test("whatever `redirect.to` is accepted can be compiled, and the other way round", () => {
  const text = piecesOf(
    "https://",
    "http://",
    "/",
    "//",
    "{path}",
    "{uri}",
    "{host}",
    "{scheme}",
    "{scheme}://",
    "{query}",
    "{",
    "}",
    "{x}",
    "a",
    "?",
    "#",
    "\\",
    " ",
    "\n",
    "é",
    ":",
  );
  fc.assert(
    fc.property(text, (to) => {
      const isAccepted = redirectSchema.safeParse({ to }).success;
      let isCompiled = true;
      try {
        compileRedirect(to);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        isCompiled = false;
      }
      return isAccepted === isCompiled;
    }),
    { numRuns: 3_000 },
  );
});

test("whatever rewrite is accepted can be compiled, and the other way round", () => {
  const text = piecesOf("/", "a", ".", "..", "%2e", "%2E%2e", "%41", "%2f", "%", "%00", "*", "?", "\\", " ", "\u00e9");
  fc.assert(
    fc.property(fc.constantFrom("stripPrefix", "addPrefix", "replacePath"), text, (key, rest) => {
      const rewrite = { [key]: `/${rest}` };
      let isCompiled = true;
      try {
        compileRewrite(rewrite);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        isCompiled = false;
      }
      return rewriteSchema.safeParse(rewrite).success === isCompiled;
    }),
    { numRuns: 3_000, examples: [["addPrefix", "a/%2e%2e/b"]] },
  );
});

test("whatever fields are accepted can be set, added and removed", () => {
  const name = piecesOf("x", "-", "A", " ", ":", "\r\n", "é", "connection", "host", "_");
  const value = piecesOf("v", " ", "\t", "\r", "\n", "\0", "é", "ok", ":", ",");
  fc.assert(
    fc.property(
      name,
      value,
      fc.constantFrom("request", "response"),
      fc.constantFrom("set", "add", "remove"),
      (field, text, side, action) => {
        const result = headersSchema.safeParse({
          [side]: { [action]: action === "remove" ? [field] : { [field]: text } },
        });
        if (!result.success) return true;
        const section = (
          compileHeaderEdit(side === "request" ? result.data.request : result.data.response, side) ??
          ((same: string) => same)
        )("a: b\r\n");
        return /^([!-9;-~]+: [\t\x20-\x7e]*\r\n)*$/.test(section);
      },
    ),
    { numRuns: 2_000 },
  );
});

test("whatever networks are accepted can be looked up", () => {
  const text = piecesOf(
    "10.0.0.0",
    "1.2.3.4",
    "::1",
    "fe80::",
    "::ffff:1.2.3.4",
    "/8",
    "/0",
    "/32",
    "/128",
    "/104",
    "%eth0",
    ".",
    ":",
    "01",
  );
  fc.assert(
    fc.property(text, (network) => {
      if (cidrSchema.safeParse(network).success) new AddressSet([network]).has("10.0.0.1");
      return true;
    }),
    { numRuns: 2_000 },
  );
});

test("whatever matchers are accepted can be routed by, and their own path is taken", () => {
  const host = piecesOf("a", ".", "*.", "example.com", "*", "[::1]", ":80", "é", "-", "A", " ");
  fc.assert(
    fc.property(fc.option(host, { nil: undefined }), fc.option(pathText, { nil: undefined }), (wantedHost, path) => {
      const result = matchSchema.safeParse({ host: wantedHost, path });
      if (!result.success) return true;
      const router = Router.of([{ name: "r", priority: 0, match: result.data, value: "taken" }]);
      const taken = router.match(
        exchangeAround({
          method: "GET",
          host: result.data.host[0]?.replace("*.", "x.") ?? "any",
          path: result.data.path.replace(/\*$/, ""),
        }),
      );
      return taken === "taken";
    }),
    { numRuns: 2_000 },
  );
});

test("paths are refused in every spelling but the one that is matched", () => {
  const of = (path: string): string => matchSchema.safeParse({ path }).error?.issues[0]?.message ?? "";
  for (const path of ["/", "/*", "/a", "/a/*", "/a//b", "/a%20b", "/%2F/*", "/a;b", "/~user"])
    assert.equal(of(path), "", path);
  for (const [path, sentence] of [
    ["", /begins with/],
    ["a", /begins with/],
    ["*", /begins with/],
    ["/a*", /only at the end, after a slash/],
    ["/*/a", /only at the end/],
    ["/a?b", /query/],
    ["/a#b", /query/],
    ["/a b", /write "\/a%20b"/],
    ["/ü", /write "\/%C3%BC"/],
    ["/a\\b", /backslash/],
    ["/a%", /two hexadecimal digits/],
    ["/a/../b", /segment/],
    ["/a/%2e%2e/b", /write "\/b"/],
    ["/./a", /segment/],
    ["/a/..", /segment/],
    ["/%41", /write "\/A"/],
    ["/%2f/*", /write "\/%2F\/\*"/],
    ["/%00", /no request can have/],
  ] as const)
    assert.match(of(path), sentence, path);
});

test("hosts are refused with what to write instead", () => {
  const of = (host: string): string =>
    matchSchema
      .safeParse({ host })
      .error?.issues.map((issue) => JSON.stringify(issue))
      .join() ?? "";
  for (const host of ["a", "*", "*.example.com", "EXAMPLE.com.", "[::1]", "10.0.0.1", "my_service"])
    assert.equal(of(host), "", host);
  for (const [host, sentence] of [
    ["a:80", /without it/],
    ["http://a", /is a URL/],
    ["a.*.b", /wildcard/],
    ["a.*", /wildcard/],
    ["*.*.a", /wildcard/],
    ["*.[::1]", /wildcard/],
    ["a b", /not a host/],
    ["*a", /wildcard/],
    ["münchen.de", /xn--mnchen-3ya\.de/],
    ["", /not a host/],
    ["[::x]", /not a host/],
  ] as const)
    assert.match(of(host), sentence, host);
});

test("what only changes requests is refused on a route that sends none", () => {
  const of = (middleware: object): string[] =>
    routeSchema.safeParse({ respond: {}, middlewares: [middleware] }).error?.issues.map((issue) => issue.message) ?? [];
  assert.match(of({ rewrite: { addPrefix: "/x" } }).join(), /nothing to rewrite/);
  assert.match(of({ headers: { request: { set: { a: "b" } } } }).join(), /no request fields to change/);
  assert.deepEqual(of({ headers: { response: { set: { a: "b" } } } }), []);
});
