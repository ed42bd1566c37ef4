import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { findPatch, isSameList, type ListedEndpoint, patchList } from "./endpoint-source.ts";

const lists = fc.uniqueArray(
  fc.record({ port: fc.integer({ min: 1, max: 12 }), weight: fc.integer({ min: 0, max: 2 }) }),
  { selector: ({ port }) => port, maxLength: 12 },
);

const toList = (written: readonly { readonly port: number; readonly weight: number }[]): ListedEndpoint[] =>
  written.map(({ port, weight }) => ({
    url: `http://a:${port}`,
    host: "a",
    port,
    socketPath: null,
    weight,
    backup: false,
    zone: null,
    identity: null,
  }));

test("a patch makes one list into the other, in whatever order, and changes nothing if it is made again", () => {
  fc.assert(
    fc.property(lists, lists, (one, other) => {
      const [before, next] = [toList(one), toList(other)];
      const patch = findPatch(before, next);
      assert.equal(patch === null, isSameList(before, next));
      if (patch === null) return;
      const patched = patchList(before, patch);
      assert.ok(isSameList(patched, next));
      assert.deepEqual(patchList(patched, patch), patched);
    }),
  );
});

test("what stays keeps its place, and what comes stands behind it", () => {
  const before = toList([1, 2, 3].map((port) => ({ port, weight: 1 })));
  const next = toList([
    { port: 4, weight: 1 },
    { port: 3, weight: 1 },
    { port: 1, weight: 2 },
  ]);
  const patch = findPatch(before, next)!;
  assert.deepEqual([patch.gone, patch.changed.map(({ port }) => port)], [["http://a:2"], [4, 1]]);
  assert.deepEqual(
    patchList(before, patch).map(({ port, weight }) => [port, weight]),
    [
      [1, 2],
      [3, 1],
      [4, 1],
    ],
  );
});
