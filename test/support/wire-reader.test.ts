import assert from "node:assert/strict";
import { test } from "node:test";
import { readRequest, readResponse, WireError } from "./wire-reader.ts";

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");

test("a request is read with its body, fields in order, and the offset behind it", () => {
  const read = readRequest(bytes("POST /x HTTP/1.1\r\nHost: a\r\nB: 1\r\na:  2 \r\nContent-Length: 3\r\n\r\nabcGET"));
  assert.deepEqual(read?.message.fields, [
    ["Host", "a"],
    ["B", "1"],
    ["a", "2"],
    ["Content-Length", "3"],
  ]);
  assert.equal(read?.message.body.toString(), "abc");
  assert.equal(read?.end, 65);
});

test("a chunked message is read with its trailers, at every length incomplete but the last", () => {
  const whole =
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: u\r\n\r\n";
  for (let length = 0; length < whole.length; length++) assert.equal(readRequest(bytes(whole.slice(0, length))), null);
  const read = readRequest(bytes(whole));
  assert.equal(read?.message.body.toString(), "abc0123456789");
  assert.deepEqual(read?.message.trailers, [["T", "u"]]);
});

const badRequests: [name: string, text: string][] = [
  ["both lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["a chunk extension", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0;x\r\n\r\n"],
  ["a bare line feed", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"],
  ["no host", "GET / HTTP/1.1\r\n\r\n"],
  ["white space before the colon", "GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n"],
];
for (const [name, text] of badRequests)
  test(`a request with ${name} is refused`, () => assert.throws(() => readRequest(bytes(text)), WireError));

test("a response is read with the interim ones before it, and without a body to HEAD", () => {
  const text = "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
  const read = readResponse(bytes(text), 0, { method: "HEAD", isClosed: false });
  assert.equal(read?.message.status, 200);
  assert.deepEqual(
    read?.message.interim.map(({ status }) => status),
    [103],
  );
  assert.equal(read?.end, text.length);
});

test("a response without a length ends with the connection", () => {
  const text = bytes("HTTP/1.1 200 OK\r\n\r\nabc");
  assert.equal(readResponse(text, 0, { method: "GET", isClosed: false }), null);
  assert.equal(readResponse(text, 0, { method: "GET", isClosed: true })?.message.body.toString(), "abc");
});

test("a length on 204 is refused", () => {
  assert.throws(
    () =>
      readResponse(bytes("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"), 0, {
        method: "GET",
        isClosed: false,
      }),
    WireError,
  );
});
