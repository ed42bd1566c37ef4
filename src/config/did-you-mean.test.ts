import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { editDistance, nearest } from "./did-you-mean.ts";

test("the distance counts insertions, deletions, replacements and swaps", () => {
  for (const [from, to, distance] of [
    ["", "", 0],
    ["", "abc", 3],
    ["abc", "abc", 0],
    ["abc", "acb", 1],
    ["abc", "ab", 1],
    ["abc", "abd", 1],
    ["kitten", "sitting", 3],
    ["upstrem", "upstream", 1],
    ["ca", "abc", 3],
  ] as const) {
    assert.equal(editDistance(from, to), distance, `${from} to ${to}`);
  }
});

test("the distance is symmetric and no longer than the longer word", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (one, other) => {
      const distance = editDistance(one, other);
      return (
        distance === editDistance(other, one) &&
        distance <= Math.max(one.length, other.length) &&
        (distance === 0) === (one === other)
      );
    }),
  );
});

test("the nearest word is found, and none if nothing is near", () => {
  const words = [
    "listeners",
    "routes",
    "upstreams",
    "admin",
    "log",
    "round-robin",
    "least-connections",
    "headBytes",
    "json",
  ];
  for (const [word, meant] of [
    ["listener", "listeners"],
    ["listen", "listeners"],
    ["rotues", "routes"],
    ["upstream", "upstreams"],
    ["Admin", "admin"],
    ["logs", "log"],
    ["round robin", "round-robin"],
    ["roundrobin", "round-robin"],
    ["leastconn", "least-connections"],
    ["head_bytes", "headBytes"],
    ["jsn", "json"],
    ["backend", null],
    ["x", null],
    ["cors", null],
    ["", null],
    ["z".repeat(200), null],
  ] as const)
    assert.equal(nearest(word, words), meant, word);
});
