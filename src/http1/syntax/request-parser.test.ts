import assert from "node:assert/strict";
import { test } from "node:test";
import { Framing } from "../../http/message.ts";
import type { ReasonCode } from "../../http/reason.ts";
import { parseContentLength } from "../../http/syntax/content-length.ts";
import { parsed, parseRequestHead } from "./request-parser.ts";

const limits = { headBytes: 1_024, headFields: 20 };

function parse(text: string, isPeerTrusted = false): typeof parsed {
  const bytes = Buffer.from(text, "latin1");
  parseRequestHead(bytes, 0, bytes.length, limits, isPeerTrusted);
  return parsed;
}

const get = (fields: string): string => `GET /a?b=c HTTP/1.1\r\nHost: Example.COM:80\r\n${fields}\r\n`;

test("a head is understood as it is written", () => {
  const { head, next, failure } = parse(`${get("Accept: */*\r\nX-A: 1\r\nx-a: 2\r\n")}BODY`);
  assert.equal(failure, null);
  assert.ok(head !== null);
  assert.equal(next, get("Accept: */*\r\nX-A: 1\r\nx-a: 2\r\n").length);
  assert.deepEqual(
    {
      method: head.method,
      target: head.target,
      path: head.path,
      query: head.query,
      host: head.host,
      authority: head.authority,
      minor: head.minorVersion,
    },
    {
      method: "GET",
      target: "/a?b=c",
      path: "/a",
      query: "b=c",
      host: "example.com",
      authority: "Example.COM:80",
      minor: 1,
    },
  );
  assert.equal(head.keptFields, "Accept: */*\r\nX-A: 1\r\nx-a: 2\r\n", "lines are kept to the byte, in order");
  assert.equal(head.framing, Framing.none);
  assert.equal(head.isKeptAlive, true);
});

test("fields that are not simply forwarded are taken out and understood", () => {
  const { head } = parse(
    get(
      [
        "Connection: close, X-Hop",
        "X-Hop: 1",
        "Keep-Alive: timeout=5",
        "Proxy-Connection: keep-alive",
        "TE: trailers, deflate",
        "Trailer: x",
        "Upgrade: h2c",
        "HTTP2-Settings: x",
        "Proxy-Authorization: Basic x",
        "Proxy: evil",
        "X_Forwarded_For: 9.9.9.9",
        "Content_Length: 5",
        "X-Forwarded-For: 1.1.1.1",
        "X-Forwarded-For: 2.2.2.2",
        "X-Forwarded-Port: 1",
        "X-Real-IP: 3.3.3.3",
        "Via: 1.1 other",
        "X-Request-ID: abc",
      ].join("\r\n") + "\r\nCookie: a=b\r\n",
    ),
  );
  assert.ok(head !== null);
  assert.equal(head.keptFields, "Cookie: a=b\r\n");
  assert.deepEqual(
    [head.isKeptAlive, head.acceptsTrailers, head.upgrade, head.forwardedFor, head.via, head.requestId],
    [false, true, null, "1.1.1.1, 2.2.2.2", "1.1 other", "abc"],
  );
});

test("a trusted peer's further trust fields are forwarded", () => {
  assert.equal(
    parse(get("X-Real-IP: 3.3.3.3\r\nX-Forwarded-Port: 1\r\nX_Real_IP: 4.4.4.4\r\n"), true).head?.keptFields,
    "X-Real-IP: 3.3.3.3\r\nX-Forwarded-Port: 1\r\n",
  );
});

test("nomination never takes away framing, Host or what we write", () => {
  const { head } = parse(
    "POST / HTTP/1.1\r\nHost: a\r\nConnection: Host, Content-Length, Via, X-Forwarded-For\r\nContent-Length: 3\r\nVia: 1.1 x\r\n\r\n",
  );
  assert.deepEqual([head?.authority, head?.framing, head?.contentLength, head?.via], ["a", Framing.length, 3, "1.1 x"]);
});

const refusals: readonly (readonly [why: string, head: string, reason: ReasonCode])[] = [
  ["no such version", "GET / HTTP/2.0\r\n\r\n", "VERSION_NOT_SUPPORTED"],
  ["HTTP/0.9", "GET /\r\n\r\n", "BAD_REQUEST_LINE"],
  ["two digits", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", "BAD_REQUEST_LINE"],
  ["lower case", "GET / http/1.1\r\nHost: a\r\n\r\n", "BAD_REQUEST_LINE"],
  ["two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "BAD_REQUEST_LINE"],
  ["a bare line feed", "GET / HTTP/1.1\nHost: a\r\n\r\n", "BAD_LINE_END"],
  ["a bare line feed after a field", get("A: b\nC: d\r\n"), "BAD_LINE_END"],
  ["a bare carriage return", get("A: b\rc\r\n"), "BAD_LINE_END"],
  ["NUL", get("A: b\0c\r\n"), "BAD_FIELD"],
  ["folding", get("A: b\r\n c\r\n"), "BAD_FIELD"],
  ["white space before the colon", get("A : b\r\n"), "BAD_FIELD"],
  ["no colon", get("A\r\n"), "BAD_FIELD"],
  ["no colon, and no line end", get("A\rb: c\r\n"), "BAD_LINE_END"],
  ["no name", get(": b\r\n"), "BAD_FIELD"],
  ["no Host", "GET / HTTP/1.1\r\n\r\n", "BAD_HOST"],
  ["an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "BAD_HOST"],
  ["two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "BAD_HOST"],
  ["two lengths", get("Content-Length: 1\r\nContent-Length: 1\r\n"), "BAD_CONTENT_LENGTH"],
  ["length and chunked", get("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), "AMBIGUOUS_FRAMING"],
  ["chunked twice", get("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), "BAD_TRANSFER_ENCODING"],
  ["chunked not last", get("Transfer-Encoding: chunked, gzip\r\n"), "BAD_TRANSFER_ENCODING"],
  ["an unknown coding", get("Transfer-Encoding: gzip, chunked\r\n"), "UNKNOWN_TRANSFER_CODING"],
  ["chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "BAD_TRANSFER_ENCODING"],
  ["too many fields", get("A: b\r\n".repeat(20)), "TOO_MANY_FIELDS"],
  ["too long a head", get(`A: ${"b".repeat(1_024)}\r\n`), "HEAD_TOO_LARGE"],
  ["too long a target", `GET /${"a".repeat(1_024)} HTTP/1.1\r\nHost: a\r\n\r\n`, "TARGET_TOO_LONG"],
  ["a method that is none", "G\u00cbT / HTTP/1.1\r\nHost: a\r\n\r\n", "BAD_METHOD"],
  ["a TLS greeting", "\u0016\u0003\u0001\u0002\u0000\u0001", "TLS_ON_PLAIN_PORT"],
];

for (const [why, text, reason] of refusals) {
  test(`${why}: refused as ${reason}`, () => assert.equal(parse(text).failure, reason));
}

test("every beginning of a good head asks for more", () => {
  const text = get("Accept: */*\r\nContent-Length: 3\r\n");
  for (let length = 0; length < text.length; length++) {
    const { head, failure } = parse(text.slice(0, length));
    assert.deepEqual([head, failure], [null, null], JSON.stringify(text.slice(0, length)));
  }
});

test("an upgrade is one protocol that is nominated, in HTTP/1.1; WebSocket on a GET without body, others on any request; never HTTP", () => {
  const head = (protocol: string, start = "GET / HTTP/1.1", fields = ""): string =>
    `${start}\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: ${protocol}\r\n${fields}\r\n`;
  for (const [why, text, upgrade] of [
    ["WebSocket", head("WebSocket"), "websocket"],
    ["WebSocket with an empty body", head("websocket", undefined, "Content-Length: 0\r\n"), "websocket"],
    ["with a body", head("websocket", undefined, "Content-Length: 1\r\n"), null],
    ["with a chunked body", head("websocket", undefined, "Transfer-Encoding: chunked\r\n"), null],
    ["by another method", head("websocket", "PUT / HTTP/1.1"), null],
    ["not nominated", get("Upgrade: websocket\r\n"), null],
    ["HTTP/1.0", head("websocket", "GET / HTTP/1.0"), null],
    ["another protocol", head("tcp", "POST / HTTP/1.1", "Content-Length: 1\r\n"), "tcp"],
    ["with a version", head("SPDY/3.1", "POST / HTTP/1.1"), "SPDY/3.1"],
    ["two protocols", head("websocket, tcp"), null],
    ["two fields", head("websocket\r\nUpgrade: tcp"), null],
    ["h2c", head("h2c"), null],
    ["h2c in other letters", head("H2C"), null],
    ["HTTP", head("HTTP/2.0"), null],
    ["no protocol", head("a b"), null],
    ["half a protocol", head("spdy/"), null],
    ["too many versions", head("spdy/3/1"), null],
    ["nothing", head(""), null],
  ] as const)
    assert.equal(parse(text).head?.upgrade, upgrade, why);
});

test("a length is a plain decimal number below 10^15", () => {
  for (const [text, value] of [
    ["0", 0],
    ["7", 7],
    ["999999999999999", 999_999_999_999_999],
    ["1000000000000000", -1],
    ["", -1],
    ["+5", -1],
    ["-5", -1],
    ["05", -1],
    ["00", -1],
    ["0x5", -1],
    ["5.0", -1],
    ["5 ", -1],
    ["5,5", -1],
    ["1e3", -1],
    ["\u0665", -1],
  ] as const) {
    assert.equal(parseContentLength(text), value, JSON.stringify(text));
  }
});
