import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { StoredAnswer } from "../http/cache/stored-answer.ts";
import { readStoredAnswer, writeStoredAnswer } from "./stored-answer-bytes.ts";

const latin1 = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 300,
});
const timeMs = fc.double({ min: 0, max: 4e12, noNaN: true });
const anyAnswer: fc.Arbitrary<StoredAnswer> = fc
  .record({
    status: fc.integer({ min: 0, max: 999 }),
    reasonPhrase: latin1,
    fields: latin1,
    bodyBytes: fc.option(fc.nat()),
    bornMs: timeMs,
    freshUntilMs: fc.oneof(timeMs, fc.constant(Infinity)),
    staleWhileRevalidateUntilMs: timeMs,
    staleIfErrorUntilMs: timeMs,
    mustRevalidate: fc.boolean(),
    alwaysValidates: fc.boolean(),
    isShared: fc.boolean(),
    url: latin1,
    tags: fc.array(latin1, { maxLength: 5 }),
    purgeSequence: fc.maxSafeNat(),
    variants: fc.option(
      fc.array(
        fc.tuple(fc.array(latin1), fc.array(latin1)).map(([names, keys]) => ({ names, keys })),
        { maxLength: 4 },
      ),
    ),
  })
  .map((answer) => ({ ...answer }));

test("what was written is read again", () => {
  fc.assert(fc.property(anyAnswer, (answer) => assert.deepEqual(readStoredAnswer(writeStoredAnswer(answer)), answer)));
});

test("what was cut or goes on is nothing", () => {
  fc.assert(
    fc.property(anyAnswer, fc.nat(), (answer, at) => {
      const bytes = writeStoredAnswer(answer);
      assert.equal(readStoredAnswer(bytes.subarray(0, at % bytes.length)), null);
      assert.equal(readStoredAnswer(Buffer.concat([bytes, Buffer.alloc(1)])), null);
    }),
  );
});

test("changed bytes are read as something or nothing, and nothing is thrown", () => {
  fc.assert(
    fc.property(
      anyAnswer,
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 8 }),
      (answer, changes) => {
        const bytes = writeStoredAnswer(answer);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        const read = readStoredAnswer(bytes);
        // What is read can be written again and is the same then.
        if (read !== null) assert.deepEqual(readStoredAnswer(writeStoredAnswer(read)), read);
      },
    ),
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => void readStoredAnswer(Buffer.from(noise))));
});

test("a count that promises more than there is costs nothing", () => {
  const bytes = writeStoredAnswer({ ...sample, tags: ["a"] });
  bytes.writeUInt32LE(0xffff_ffff, bytes.length - 9);
  assert.equal(readStoredAnswer(bytes), null);
});

test("another version, an unknown flag and a length that is no number are nothing", () => {
  for (const change of [
    (bytes: Buffer): unknown => (bytes[0] = 2),
    (bytes: Buffer): unknown => (bytes[1] = 16),
    (bytes: Buffer): unknown => bytes.writeDoubleLE(1.5, 8),
    (bytes: Buffer): unknown => bytes.writeDoubleLE(-2, 8),
    (bytes: Buffer): unknown => bytes.writeDoubleLE(NaN, 24),
  ]) {
    const bytes = writeStoredAnswer(sample);
    change(bytes);
    assert.equal(readStoredAnswer(bytes), null);
  }
});

const sample: StoredAnswer = {
  status: 200,
  reasonPhrase: "OK",
  fields: "content-type: text/plain\r\n",
  bodyBytes: 5,
  bornMs: 1_000,
  freshUntilMs: 2_000,
  staleWhileRevalidateUntilMs: 0,
  staleIfErrorUntilMs: 0,
  mustRevalidate: false,
  alwaysValidates: false,
  isShared: true,
  url: "https://example.com/",
  tags: [],
  purgeSequence: 0,
  variants: null,
};
