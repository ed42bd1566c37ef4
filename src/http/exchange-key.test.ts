import assert from "node:assert/strict";
import { test } from "node:test";
import { type ClientSide, Exchange } from "./exchange.ts";
import { compileExchangeKey, parseExchangeKey } from "./exchange-key.ts";
import { RequestHead } from "./message.ts";

function exchange(target: string, fields = ""): Exchange {
  const request = new RequestHead();
  request.keptFields = fields;
  request.target = target;
  [request.path = "", request.query = ""] = target.split("?");
  return new Exchange(request, {} as ClientSide, {
    listenerName: "l",
    scheme: "http",
    peerAddress: "192.0.2.7",
    peerPort: 1,
  });
}

const cases: [key: string, target: string, fields: string, expected: string | null][] = [
  ["clientIp", "/", "", "192.0.2.7"],
  ["path", "/a/b?x=1", "", "/a/b"],
  ["header:X-User", "/", "x-user:  ann \r\n", "ann"],
  ["header:x-user", "/", "X-USER: ann\r\nX-User: bob\r\n", "ann, bob"],
  ["header:x-user", "/", "x-user:\r\n", null],
  ["header:x-user", "/", "x-users: ann\r\n", null],
  ["cookie:sid", "/", "cookie: a=1; sid=s7\r\n", "s7"],
  ["cookie:sid", "/", "cookie: sid=\r\n", null],
  ["cookie:sid", "/", "", null],
  ["query:user", "/?user=ann&x=1", "", "ann"],
  ["query:user", "/?superuser=x&user=ann&user=bob", "", "ann"],
  ["query:user", "/?user=", "", null],
  ["query:user", "/?user", "", null],
  ["query:user", "/", "", null],
];

for (const [key, target, fields, expected] of cases) {
  test(`${key} of ${target} ${JSON.stringify(fields)} is ${JSON.stringify(expected)}`, () =>
    assert.equal(compileExchangeKey(parseExchangeKey(key))(exchange(target, fields)), expected));
}

test("a client on a Unix socket has no address to go by", () => {
  const local = exchange("/");
  local.clientIp = "";
  assert.equal(compileExchangeKey("clientIp")(local), null);
});

test("what is no key is refused with a sentence", () => {
  const wrong: [key: string, sentence: RegExp][] = [
    ["ip", /"ip" is not a key; keys are "clientIp"/],
    ["", /is not a key/],
    ["header:", /not the name of a header/],
    ["header:a b", /not the name of a header/],
    ["cookie:a;b", /not the name of a cookie/],
    ["query:", /not the name of a query parameter/],
    ["query:a=b", /not the name of a query parameter/],
    ["Header:x", /is not a key/],
  ];
  for (const [key, sentence] of wrong)
    assert.throws(
      () => parseExchangeKey(key),
      (error) => error instanceof RangeError && sentence.test(error.message),
    );
});
