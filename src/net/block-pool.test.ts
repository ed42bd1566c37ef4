import assert from "node:assert/strict";
import { test } from "node:test";
import { BlockPool } from "./block-pool.ts";

test("a block serves again once it is given back, and not before", () => {
  const pool = new BlockPool(64);
  const first = pool.take();
  assert.equal(first.length, 64);
  assert.notEqual(pool.take(), first);
  pool.giveBack(first);
  assert.equal(pool.take(), first);
});

test("no more than sixty-four are held", () => {
  const pool = new BlockPool(8);
  const blocks = Array.from({ length: 70 }, () => pool.take());
  for (const block of blocks) pool.giveBack(block);
  const again = Array.from({ length: 70 }, () => pool.take());
  assert.equal(again.filter((block) => blocks.includes(block)).length, 64);
});
