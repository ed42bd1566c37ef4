import assert from "node:assert/strict";
import { test } from "node:test";
import { KeyedHash } from "./keyed-hash.ts";
import { seededRandom } from "./random.ts";

const hashOf = (text: string, seedLow = 1, seedHigh = 2): string => {
  const hash = new KeyedHash(seedLow, seedHigh);
  hash.update(text);
  return `${hash.high >>> 0}:${hash.low >>> 0}`;
};

test("the same text has the same hash under the same seed, and another under another seed", () => {
  for (const text of ["", "a", "ab", "abc", "192.0.2.7", "x".repeat(1000)]) {
    assert.equal(hashOf(text), hashOf(text));
    assert.notEqual(hashOf(text), hashOf(text, 1, 3));
    assert.notEqual(hashOf(text), hashOf(text, 2, 2));
  }
});

test("texts that differ in length, order or a zero have different hashes", () => {
  const texts = ["", "\0", "\0\0", "a", "a\0", "aa", "aaa", "ab", "ba", "a\u0100", "\u0100a"];
  assert.equal(new Set(texts.map((text) => hashOf(text))).size, texts.length);
});

test("a changed bit of the text changes each bit of the hash about every second time", () => {
  const random = seededRandom(7);
  const flips = new Array<number>(64).fill(0);
  const rounds = 4_000;
  const hash = new KeyedHash(11, 12);
  for (let round = 0; round < rounds; round++) {
    const codes = Array.from({ length: 1 + Math.floor(random() * 20) }, () => Math.floor(random() * 256));
    hash.update(String.fromCharCode(...codes));
    const before = [hash.low, hash.high];
    const at = Math.floor(random() * codes.length);
    codes[at] = codes[at]! ^ (1 << Math.floor(random() * 8));
    hash.update(String.fromCharCode(...codes));
    [hash.low, hash.high].forEach((half, which) => {
      for (let bit = 0; bit < 32; bit++) if (((half ^ before[which]!) >>> bit) & 1) flips[which * 32 + bit]!++;
    });
  }
  for (const [bit, count] of flips.entries())
    assert.ok(Math.abs(count / rounds - 0.5) < 0.05, `bit ${bit} changes ${count} times in ${rounds}`);
});

test("addresses that follow each other spread over all sets of a table", () => {
  const hash = new KeyedHash(5, 6);
  const counts = new Array<number>(256).fill(0);
  for (let value = 0; value < 65_536; value++) {
    hash.update(`10.0.${value >>> 8}.${value & 255}`);
    counts[hash.high & 255]!++;
  }
  // 256 expected, standard deviation 16.
  for (const count of counts) assert.ok(count > 160 && count < 352, `a set has ${count}`);
});
