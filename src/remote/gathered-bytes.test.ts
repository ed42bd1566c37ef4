import assert from "node:assert/strict";
import { test } from "node:test";
import { GatheredBytes } from "./gathered-bytes.ts";

test("chunks of any size make one piece, and the memory of what was given is not written", () => {
  const bytes = Buffer.from("a text in many chunks, of which some are empty");
  for (let size = 1; size <= bytes.length; size++) {
    const given = Buffer.from(bytes);
    const gathered = new GatheredBytes();
    for (let turn = 0; turn < 2; turn++) {
      for (let at = 0; at < given.length; at += size) {
        gathered.append(given.subarray(at, at + size));
        gathered.append(Buffer.alloc(0));
      }
      assert.equal(gathered.byteLength, bytes.length);
      assert.deepEqual(gathered.take(), bytes);
    }
    assert.deepEqual(given, bytes);
    assert.equal(gathered.take().length, 0);
  }
});

test("chunks after the first are not kept: many small ones cost no more than twice their bytes", () => {
  const gathered = new GatheredBytes();
  const chunk = Buffer.from("x");
  for (let count = 0; count < 10_000; count++) {
    chunk.fill("x");
    gathered.append(count === 0 ? Buffer.from("x") : chunk);
    chunk.fill("?");
  }
  const all = gathered.take();
  assert.equal(all.toString("latin1"), "x".repeat(10_000));
  assert.ok(all.buffer.byteLength < 20_000, `${all.buffer.byteLength} bytes`);
});
