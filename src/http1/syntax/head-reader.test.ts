import assert from "node:assert/strict";
import { test } from "node:test";
import type { ReasonCode } from "../../http/reason.ts";
import { HeadReader, isOnlyEmptyLines } from "./head-reader.ts";

const limits = { headBytes: 1_024, headFields: 10 };
const bytes = (text: string): Buffer => Buffer.from(text, "latin1");

const read = (reader: HeadReader, text: string): number => reader.read(bytes(text), 0, text.length, limits);

/** Why a head that comes in two pieces is refused, or null while it may still become one. */
function failureOf(first: string, second: string): ReasonCode | null {
  const reader = new HeadReader(false);
  read(reader, first);
  assert.equal(reader.failure, null, "the first piece alone may become a head");
  read(reader, first + second);
  return reader.failure;
}

const hopeless: readonly (readonly [string, ReasonCode])[] = [
  ["GET /x\r\n", "BAD_REQUEST_LINE"],
  ["EHLO example.org\r\n", "BAD_REQUEST_LINE"],
  ["GET: / HTTP/1.1\r\n", "BAD_METHOD"],
  ["\r\nGET: / HTTP/1.1\r\n", "BAD_METHOD"],
  ["GET / HTTP/3.0\r\n", "VERSION_NOT_SUPPORTED"],
  ["GET / HTTP/1.1\r\nnothing\r\n", "BAD_FIELD"],
  ["GET / HTTP/1.1\r\nHost: a\r\n folded\r\n", "BAD_FIELD"],
  ["GET / HTTP/1.1\r\nHost : a\r\n", "BAD_FIELD"],
  ["GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n", "BAD_FIELD"],
  ["GET / HTTP/1.1\r\nHost: a\n", "BAD_LINE_END"],
  ["GET / HTTP/1.1\r\nHost: a\rX", "BAD_LINE_END"],
  ["GET / HTTP/\r\n", "BAD_REQUEST_LINE"],
];

for (const [text, reason] of hopeless) {
  test(`${JSON.stringify(text)} is refused as soon as it has come, however it is cut`, () => {
    for (let cut = 1; cut < text.length; cut++) {
      const reader = new HeadReader(false);
      read(reader, text.slice(0, cut));
      const failure = reader.failure ?? failureOf(text.slice(0, cut), text.slice(cut));
      assert.equal(failure, reason, `cut at ${cut}`);
    }
  });
}

test("a head in pieces is taken when its end has come, and not before", () => {
  const text = "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
  const reader = new HeadReader(false);
  for (let length = 1; length < text.length; length++) {
    assert.equal(read(reader, text.slice(0, length)), -1);
    assert.equal(reader.failure, null);
  }
  assert.equal(read(reader, text), text.length);
  assert.equal(reader.head?.keptFields, "X: y\r\n");
});

test("nothing but empty lines is told from the start of a head", () => {
  for (const [text, expected] of [
    ["\r", true],
    ["\r\n", true],
    ["\r\n\r\n\r", true],
    ["\r\nG", false],
    ["G", false],
  ] as const)
    assert.equal(isOnlyEmptyLines(bytes(`G${text}G`), 1, text.length + 1), expected);
});
