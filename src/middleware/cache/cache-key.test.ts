import assert from "node:assert/strict";
import { test } from "node:test";
import { ForwardingPrefix } from "../../http/forwarding-fields.ts";
import type { RequestHead } from "../../http/message.ts";
import { createExchange } from "../testing/context.ts";
import { KeyMaker, type KeyRules } from "./cache-key.ts";
import { readFacts } from "./request-facts.ts";

interface Asked extends Partial<RequestHead> {
  readonly isPeerTrusted?: boolean;
}

const plain: KeyRules = { ignoreQuery: [], query: null, headers: [], cookies: [] };

/** The key of a request. */
function keyOf(
  { isPeerTrusted = false, ...facts }: Asked,
  rules: Partial<KeyRules> = {},
  routeName = "r",
): string | null {
  const { exchange } = createExchange({ authority: "a.test", target: "/x?y", ...facts });
  exchange.isPeerTrusted = isPeerTrusted;
  exchange.forwardingPrefix = new ForwardingPrefix({
    peerAddress: "192.0.2.1",
    scheme: "http",
    isPeerTrusted,
    pseudonym: "test",
  });
  const keys = new KeyMaker(routeName, { ...plain, ...rules });
  return keys.keyOf(exchange, keys.targetOf(exchange), readFacts(exchange.request.keptFields));
}

test("the key has route, scheme, authority, path and query", () => {
  assert.equal(keyOf({}), "r\nhttp://a.test/x?y");
  assert.equal(keyOf({ authority: "A.Test:8080" }), "r\nhttp://a.test:8080/x?y");
  const keys = [
    keyOf({}),
    keyOf({}, {}, "other"),
    keyOf({ authority: "b.test" }),
    keyOf({ authority: "a.test:80" }),
    keyOf({ authority: "" }),
    keyOf({ target: "/x" }),
    keyOf({ target: "/x?" }),
    keyOf({ target: "/X?y" }),
    keyOf({ target: "/x?%79" }),
    keyOf({ target: "/x/?y" }),
    keyOf({ target: "/x?y&" }),
    keyOf({ target: "//x?y" }),
    keyOf({ isPeerTrusted: true, forwardedProto: "https" }),
    keyOf({ isPeerTrusted: true, forwardedHost: "b.test" }),
    keyOf({ keptFields: "X-Forwarded-Port: 1\r\n" }),
  ];
  assert.equal(new Set(keys).size, keys.length);
});

test("what a stranger says of scheme and host is not in the key, for the endpoint does not see it either", () => {
  assert.equal(keyOf({ forwardedProto: "https", forwardedHost: "evil.test", forwarded: "host=evil.test" }), keyOf({}));
});

test("what a trusted peer says of the host is, but not who the client is", () => {
  const said = (forwarded: string): string | null => keyOf({ isPeerTrusted: true, forwarded });
  assert.equal(said("for=192.0.2.7;host=b.test"), said("for=192.0.2.8;host=b.test"));
  assert.notEqual(said("for=192.0.2.7;host=b.test"), said("for=192.0.2.7;host=c.test"));
  assert.equal(keyOf({ isPeerTrusted: true, forwardedHost: "A.TEST" }), keyOf({ isPeerTrusted: true }));
});

test("chosen fields and cookies are in the key, and absent is not empty", () => {
  const rules = { headers: ["accept-language", "x-b"], cookies: ["lang"] };
  const keys = [
    "",
    "Accept-Language: de\r\n",
    "Accept-Language: \r\n",
    "X-B: de\r\n",
    "Accept-Language: de\r\nX-B: de\r\n",
    "Cookie: lang=de\r\n",
    "Cookie: lang=\r\n",
  ].map((keptFields) => keyOf({ keptFields }, rules));
  assert.equal(new Set(keys).size, keys.length);
  assert.equal(
    keyOf({ keptFields: "Cookie: a=b; lang=de\r\nUser-Agent: x\r\n" }, rules),
    keyOf({ keptFields: "Cookie: lang=de; session=1\r\nUser-Agent: y\r\n" }, rules),
  );
});

test("a key that is too long is none", () => {
  assert.equal(keyOf({ target: `/${"a".repeat(20_000)}` }), null);
});

test("parameters that make no difference are not in the key", () => {
  assert.equal(keyOf({ target: "/x?y&utm_source=z" }, { ignoreQuery: ["utm_*"] }), keyOf({}));
});

test("what the client asked for is in the key if the route has made another host or path of it", () => {
  // The endpoint is told of both, by X-Forwarded-Host and X-Forwarded-Prefix, and purges go by them.
  const changedKeyOf = (facts: Asked, rules: Partial<KeyRules> = {}): string | null => {
    const { exchange } = createExchange({
      authority: "a.test",
      target: "/v1/x?y",
      path: "/v1/x",
      query: "y",
      ...facts,
    });
    exchange.outgoing = exchange.outgoing.withAuthority("app.test").withTarget("/x?y", "/v1");
    const keys = new KeyMaker("r", { ...plain, ...rules });
    return keys.keyOf(exchange, keys.targetOf(exchange), readFacts(exchange.outgoing.fields.text));
  };
  const keys = [
    changedKeyOf({}),
    changedKeyOf({ authority: "evil.test" }),
    changedKeyOf({ target: "/v2/x?y", path: "/v2/x" }),
    changedKeyOf({ target: "/v1/x?z", query: "z" }),
  ];
  assert.equal(new Set(keys).size, keys.length);
  assert.equal(changedKeyOf({ authority: "A.Test" }), changedKeyOf({}));
  assert.equal(keys[0], "r\nhttp://app.test/x?y\nasked host: a.test\nasked path: /v1/x?y");
  const rules = { headers: ["path"] };
  assert.notEqual(
    keyOf({ target: "/x?y", keptFields: "Path: /v1/x?y\r\n" }, rules),
    changedKeyOf({}, rules)!.replace("app.test", "a.test").replace("\nasked host: a.test", ""),
  );
});
