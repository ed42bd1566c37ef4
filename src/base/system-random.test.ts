import assert from "node:assert/strict";
import { test } from "node:test";
import { systemRandomBytes } from "./system-random.ts";

for (const device of ["/dev/urandom", "/nowhere/urandom", "/dev/null"])
  test(`bytes come, and others each time: ${device}`, () => {
    for (const byteCount of [0, 12, 256, 1_000]) assert.equal(systemRandomBytes(byteCount, device).length, byteCount);
    const seen = new Set(Array.from({ length: 100 }, () => systemRandomBytes(12, device).toString("hex")));
    assert.equal(seen.size, 100);
  });
