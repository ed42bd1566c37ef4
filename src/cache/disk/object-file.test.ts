import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { answerBytesOf, type ObjectHead, readHeads, slotBytesFor, writeHead } from "./object-file.ts";
import { answerOf } from "./testing/open-disk.ts";

const answer = answerOf({ bodyBytes: 12, tags: ["a"] });
const bytes = answerBytesOf(answer);
const slotBytes = slotBytesFor("key", bytes);
const says = { key: "key", slotBytes, life: 3, draft: 2 ** 31 - 1, revision: 0, bodyBytes: 12 };

function headsOf(first: number, second: number | null): Buffer {
  const file = Buffer.alloc(2 * slotBytes);
  assert.ok(writeHead(file, { ...says, revision: first }, bytes));
  if (second !== null) assert.ok(writeHead(file.subarray(slotBytes), { ...says, revision: second }, bytes));
  return file;
}

test("a head is read as it was written", () => {
  const head = readHeads(headsOf(0, null)) as ObjectHead;
  assert.deepEqual(head, { ...says, answer, slot: 0 });
});

test("the newer of two heads counts, and the other if that is torn", () => {
  assert.equal((readHeads(headsOf(0, 1)) as ObjectHead).slot, 1);
  assert.equal((readHeads(headsOf(2, 1)) as ObjectHead).slot, 0);
  assert.equal((readHeads(headsOf(2 ** 32 - 1, 0)) as ObjectHead).slot, 1);
  for (let at = slotBytes + 8; at < slotBytes + 40 + bytes.length; at++) {
    const file = headsOf(0, 1);
    file[at]! ^= 0xff;
    assert.equal((readHeads(file) as ObjectHead | null)?.slot, 0, `changed at ${at}`);
  }
});

test("whatever stands in a file, a head is whole or null, and nothing is thrown", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(2 * slotBytes - 1), fc.nat(255)), { maxLength: 20 }),
      fc.nat(2 * slotBytes),
      (changes, length) => {
        const file = headsOf(0, 1);
        for (const [at, value] of changes) file[at] = value;
        const head = readHeads(file.subarray(0, length));
        if (head !== null && typeof head !== "number") assert.deepEqual(head.answer, answer);
      },
    ),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4_096 }), (garbage) => {
      const head = readHeads(Buffer.from(garbage));
      assert.ok(head === null || typeof head === "number");
    }),
  );
});

test("a head that has no room is not written", () => {
  const large = answerBytesOf(answerOf({ fields: `x: ${"y".repeat(2_000)}\r\n` }));
  assert.equal(writeHead(Buffer.alloc(slotBytes), says, large), false);
  assert.equal(slotBytesFor("k", Buffer.alloc(2_000_000)), 0);
});
