import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RequestHead } from "../../http/message.ts";
import { parseTarget } from "../../http/target.ts";
import { exchangeAround } from "../../http/testing/exchange-around.ts";
import { compileRewrite, type RewriteSpec } from "./rewrite.ts";

function rewritten(target: string, ...specs: RewriteSpec[]): [string, string] {
  const head = new RequestHead();
  assert.equal(parseTarget("OPTIONS", target, head), null, target);
  const { outgoing, request } = exchangeAround(head);
  const result = specs.map(compileRewrite).reduce((before, rewrite) => rewrite(before, request), outgoing);
  return [result.target, result.strippedPrefix];
}

test("a prefix is stripped at a segment boundary and told to the upstream", () => {
  const table: [string, string, string, string][] = [
    ["/v1", "/v1/users?x=1", "/users?x=1", "/v1"],
    ["/v1", "/v1", "/", "/v1"],
    ["/v1", "/v1?x", "/?x", "/v1"],
    ["/v1", "/v1/", "/", "/v1"],
    ["/v1/", "/v1/a", "/a", "/v1"],
    ["/v1", "/v1x", "/v1x", ""],
    ["/v1", "/V1/a", "/V1/a", ""],
    ["/v1", "/other/v1/a", "/other/v1/a", ""],
    ["/v1", "/%761/%61?%61", "/a?%61", "/v1"],
    ["/%761", "/v1/a", "/a", "/v1"],
    ["/a/b", "/a/b/c", "/c", "/a/b"],
    ["/", "/a", "/a", ""],
    ["/v1", "*", "*", ""],
  ];
  for (const [stripPrefix, target, expected, prefix] of table) {
    assert.deepEqual(rewritten(target, { stripPrefix }), [expected, prefix], `${stripPrefix} ${target}`);
  }
});

test("a prefix is added after stripping, and a path is replaced whole", () => {
  assert.deepEqual(rewritten("/a?b=1", { addPrefix: "/api/" }), ["/api/a?b=1", ""]);
  assert.deepEqual(rewritten("/", { addPrefix: "/api" }), ["/api/", ""]);
  assert.deepEqual(rewritten("/v1/a", { stripPrefix: "/v1", addPrefix: "/v2" }), ["/v2/a", "/v1"]);
  assert.deepEqual(rewritten("/anything/else?x", { replacePath: "/index.html" }), ["/index.html?x", ""]);
  assert.deepEqual(rewritten("/a", { replacePath: null, stripPrefix: null, addPrefix: null }), ["/a", ""]);
});

test("rewrites follow one another, and what they strip adds up", () => {
  assert.deepEqual(rewritten("/a/b/c", { stripPrefix: "/a" }, { stripPrefix: "/b" }), ["/c", "/a/b"]);
});

test("what could not stand in a request is refused", () => {
  assert.throws(() => compileRewrite({ replacePath: "" }), RangeError);
  for (const path of ["v1", "/a b", "/a\r\nX: y", "/a?b", "/a#b", "/a\\b", "/a/../b", "/a%zz", "/a%00", "/\u00e9"]) {
    for (const spec of [{ stripPrefix: path }, { addPrefix: path }, { replacePath: path }])
      assert.throws(() => compileRewrite(spec), RangeError, JSON.stringify(spec));
  }
});

test("a rewritten target is well-formed and settled", () => {
  const piece = fc.constantFrom("/", "a", "v1", "%2f", "%41", ";x", "~", "//", "%c3%a9");
  const target = fc.array(piece, { maxLength: 8 }).map((pieces) => `/${pieces.join("")}`);
  const prefix = fc.constantFrom("/v1", "/a/v1", "/%41", "/");
  fc.assert(
    fc.property(target, prefix, prefix, (received, stripPrefix, addPrefix) => {
      const [first] = rewritten(received, { stripPrefix, addPrefix });
      assert.match(first, /^\/[!-~]*$/);
      const again = new RequestHead();
      assert.equal(parseTarget("GET", first, again), null);
      assert.equal(again.path, first);
    }),
  );
});
