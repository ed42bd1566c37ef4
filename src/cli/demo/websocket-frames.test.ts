import assert from "node:assert/strict";
import { test } from "node:test";
import { acceptKey, buildClose, buildFrame, FrameReader, maxMessageBytes, opcodes } from "./websocket-frames.ts";

/** A client's frame: masked. */
function clientFrame(firstByte: number, payload: Buffer): Buffer {
  const frame = buildFrame(0, payload);
  const payloadStart = frame.length - payload.length;
  const head = Buffer.from(frame.subarray(0, payloadStart));
  head[0] = firstByte;
  head[1] = (head[1] ?? 0) | 0x80;
  const mask = Buffer.from([1, 2, 3, 4]);
  return Buffer.concat([head, mask, payload.map((byte, at) => byte ^ (mask[at & 3] ?? 0))]);
}

function readAll(chunks: readonly Buffer[]): string[] {
  const seen: string[] = [];
  const reader = new FrameReader({
    onMessage: (opcode, payload) =>
      seen.push(`message ${opcode} ${payload.length > 20 ? payload.length : payload.toString()}`),
    onPing: (payload) => seen.push(`ping ${payload.toString()}`),
    onClose: (code) => seen.push(`close ${code}`),
    onViolation: (code) => seen.push(`violation ${code}`),
  });
  for (const chunk of chunks) reader.push(chunk);
  return seen;
}

test("the accept key is that of RFC 6455 section 1.3", () => {
  assert.equal(acceptKey("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
});

const hello = Buffer.from("hello");
const cases: readonly (readonly [name: string, bytes: Buffer, seen: readonly string[]])[] = [
  ["a text message", clientFrame(0x81, hello), ["message 1 hello"]],
  ["an empty binary message", clientFrame(0x82, Buffer.alloc(0)), ["message 2 "]],
  ["a 16-bit length", clientFrame(0x82, Buffer.alloc(300)), ["message 2 300"]],
  ["a 64-bit length", clientFrame(0x82, Buffer.alloc(70_000)), ["message 2 70000"]],
  [
    "fragments with a ping between",
    Buffer.concat([
      clientFrame(0x01, Buffer.from("he")),
      clientFrame(0x89, Buffer.from("p")),
      clientFrame(0x80, Buffer.from("llo")),
    ]),
    ["ping p", "message 1 hello"],
  ],
  ["a close with a code", clientFrame(0x88, buildClose(1001).subarray(2)), ["close 1001"]],
  ["a close without one", clientFrame(0x88, Buffer.alloc(0)), ["close 1005"]],
  [
    "nothing after a close",
    Buffer.concat([clientFrame(0x88, Buffer.alloc(0)), clientFrame(0x81, hello)]),
    ["close 1005"],
  ],
  ["a pong is ignored", Buffer.concat([clientFrame(0x8a, hello), clientFrame(0x81, hello)]), ["message 1 hello"]],
  ["an unmasked frame", buildFrame(opcodes.text, hello), ["violation 1002"]],
  ["reserved bits", clientFrame(0xc1, hello), ["violation 1002"]],
  ["a fragmented ping", clientFrame(0x09, hello), ["violation 1002"]],
  ["an unknown opcode", clientFrame(0x83, hello), ["violation 1002"]],
  ["a continuation of nothing", clientFrame(0x80, hello), ["violation 1002"]],
  [
    "a new message inside another",
    Buffer.concat([clientFrame(0x01, hello), clientFrame(0x81, hello)]),
    ["violation 1002"],
  ],
  ["text that is not UTF-8", clientFrame(0x81, Buffer.from([0xff])), ["violation 1007"]],
  ["a message that is too large", clientFrame(0x82, Buffer.alloc(maxMessageBytes + 1)), ["violation 1009"]],
];

for (const [name, bytes, seen] of cases) {
  test(`frames: ${name}`, () => {
    assert.deepEqual(readAll([bytes]), seen);
    if (bytes.length < 1000)
      assert.deepEqual(readAll([...bytes].map((byte) => Buffer.from([byte]))), seen, "byte by byte");
  });
}
