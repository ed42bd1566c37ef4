import assert from "node:assert/strict";
import { test } from "node:test";
import { ResponseHead } from "./message.ts";
import { isStreaming } from "./streaming.ts";

const cases: readonly (readonly [type: string | null, isStreaming: boolean])[] = [
  ["text/event-stream", true],
  ["Text/Event-Stream; charset=utf-8", true],
  ["application/grpc", true],
  ["application/grpc+proto", true],
  ["application/grpc-web+proto", true],
  ["text/event-streaming", false],
  ["text/plain", false],
  ["text/plain; x=text/event-stream", false],
  [null, false],
];

for (const [type, expected] of cases) {
  test(`${type ?? "no type at all"} is ${expected ? "a stream" : "no stream"}`, () => {
    const head = new ResponseHead();
    head.text = `HTTP/1.1 200 OK\r\n${type === null ? "" : `Content-Type: ${type}\r\n`}\r\n`;
    head.fieldsStart = head.text.indexOf("\r\n") + 2;
    assert.equal(isStreaming(head), expected);
  });
}
