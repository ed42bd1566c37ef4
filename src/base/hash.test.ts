import assert from "node:assert/strict";
import { test } from "node:test";
import { hash32, mix32 } from "./hash.ts";

test("hashes are whole numbers of 32 bits and the same every time", () => {
  for (const text of ["", "a", "10.0.0.1", "2001:db8::1", "ÿ", "\u{1f600}", "x".repeat(1_000)]) {
    const hash = hash32(text);
    assert.equal(hash, hash >>> 0);
    assert.equal(hash, hash32(text));
  }
});

test("text, seed and order all matter", () => {
  const hashes = [hash32("ab"), hash32("ba"), hash32("ab", 1), hash32("ab\0"), hash32("a"), hash32("")];
  assert.equal(new Set(hashes).size, hashes.length);
});

test("neighbouring keys spread evenly over 16 bins", () => {
  const bins = new Array<number>(16).fill(0);
  for (let index = 0; index < 16_000; index++) bins[hash32(`10.0.${index >> 8}.${index & 255}`) % 16]! += 1;
  // Chi-squared with 15 degrees of freedom: above 37.7 has a chance of one in a thousand.
  const chiSquared = bins.reduce((sum, count) => sum + (count - 1_000) ** 2 / 1_000, 0);
  assert.ok(chiSquared < 37.7, `chi-squared ${chiSquared}`);
});

test("flipping any input bit flips about half of the output bits", () => {
  for (let bit = 0; bit < 32; bit++) {
    let flipped = 0;
    for (let index = 1; index <= 200; index++) {
      const value = Math.imul(index, 0x9e3779b9);
      let difference = (mix32(value) ^ mix32(value ^ (1 << bit))) >>> 0;
      for (; difference !== 0; difference &= difference - 1) flipped++;
    }
    assert.ok(Math.abs(flipped / 200 - 16) < 1.5, `bit ${bit}: ${flipped / 200} of 32`);
  }
});
