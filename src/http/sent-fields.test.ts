import assert from "node:assert/strict";
import { test } from "node:test";
import { parsed, parseRequestHead } from "../http1/syntax/request-parser.ts";
import { compileExchangeKey, parseExchangeKey } from "./exchange-key.ts";
import { compileSentField } from "./sent-fields.ts";
import { exchangeAround, type Sender } from "./testing/exchange-around.ts";

function exchange(lines: readonly string[], sender: Sender = {}) {
  const bytes = Buffer.from(
    `POST /a?b=c HTTP/1.1\r\nHost: a.test:81\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`,
    "latin1",
  );
  parseRequestHead(bytes, 0, bytes.length, { headBytes: 16_384, headFields: 100 }, sender.isPeerTrusted ?? false);
  assert.equal(parsed.failure, null);
  return exchangeAround(parsed.head!, sender);
}

const stranger = { isPeerTrusted: false };
const trusted = { isPeerTrusted: true };

const cases: [name: string, lines: string[], sender: Sender, value: string | null][] = [
  ["x-user", ["X-User: ann", "x-USER: bob"], stranger, "ann, bob"],
  ["x-user", ["X-User: ann", "Connection: close, X-User"], stranger, null],
  ["x-user", ["X-User: ann", "Connection: x-user"], trusted, null],
  ["cookie", ["Cookie: a=1", "Cookie: b=2"], stranger, "a=1; b=2"],
  ["cookie", ["Cookie: a=1", "Connection: cookie"], stranger, null],
  ["x-real-ip", ["X-Real-IP: 10.0.0.1"], stranger, null],
  ["x-real-ip", ["X-Real-IP: 10.0.0.1"], trusted, "10.0.0.1"],
  ["x_real_ip", ["X_Real_IP: 10.0.0.1"], trusted, null],
  ["x-forwarded-port", ["X-Forwarded-Port: 1"], stranger, null],
  ["x-forwarded-proto", ["X-Forwarded-Proto: https"], stranger, "http"],
  ["x-forwarded-proto", ["X-Forwarded-Proto: https"], trusted, "https"],
  ["x-forwarded-proto", [], stranger, "http"],
  ["x-forwarded-for", ["X-Forwarded-For: 10.0.0.1"], stranger, "192.0.2.1"],
  ["x-forwarded-for", ["X-Forwarded-For: 10.0.0.1"], trusted, "10.0.0.1, 192.0.2.1"],
  ["x-forwarded-host", ["X-Forwarded-Host: evil.test"], stranger, "a.test:81"],
  ["forwarded", ["Forwarded: for=10.0.0.1"], stranger, null],
  ["forwarded", ["Forwarded: for=10.0.0.1"], trusted, 'for=10.0.0.1, for=192.0.2.1;proto=http;host="a.test:81"'],
  ["via", ["Via: 1.0 x"], stranger, "1.0 x, 1.1 millrace"],
  ["x-request-id", ["X-Request-ID: theirs"], stranger, "id-1"],
  ["host", [], stranger, "a.test:81"],
  ["content-length", ["Content-Length: 5"], stranger, "5"],
  ["content-length", ["Content_Length: 5"], stranger, null],
  ["transfer-encoding", ["Transfer-Encoding: Chunked"], stranger, "chunked"],
  ["te", ["TE: trailers, x"], stranger, "trailers"],
  ["te", ["TE: x"], stranger, null],
  ["keep-alive", ["Keep-Alive: 1"], stranger, null],
  ["proxy-authorization", ["Proxy-Authorization: Basic eDp5"], stranger, null],
  ["proxy", ["Proxy: x"], trusted, null],
  ["client-cert", ["Client-Cert: :AA==:"], trusted, null],
  ["x-client-cert-verify", ["X-Client-Cert-Verify: SUCCESS"], trusted, null],
  ["x-client-cert-subject", ["X_Client_Cert_Subject: CN=root"], trusted, null],
  ["x-ssl-client-verify", ["X-SSL-Client-Verify: SUCCESS"], stranger, null],
  ["x-ssl-client-verify", ["X-SSL-Client-Verify: SUCCESS"], trusted, "SUCCESS"],
  ["upgrade", ["Upgrade: websocket", "Connection: keep-alive, Upgrade"], stranger, "websocket"],
  ["upgrade", ["Upgrade: websocket"], stranger, null],
  ["constructor", [], stranger, null],
];

for (const [name, lines, sender, value] of cases) {
  test(`of ${JSON.stringify(lines)} from a ${sender.isPeerTrusted === true ? "trusted peer" : "stranger"}, ${name} reaches the endpoint as ${JSON.stringify(value)}`, () => {
    assert.equal(compileSentField(name)(exchange(lines, sender)), value);
    assert.equal(
      compileExchangeKey(parseExchangeKey(`header:${name}`))(exchange(lines, sender)),
      value,
      "and so does a key",
    );
  });
}

test("a cookie that Connection takes away is no key", () => {
  const keyOf = compileExchangeKey("cookie:sid");
  assert.equal(keyOf(exchange(["Cookie: sid=1"])), "1");
  assert.equal(keyOf(exchange(["Cookie: sid=1", "Connection: Cookie"])), null);
});
