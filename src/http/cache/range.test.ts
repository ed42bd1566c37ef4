import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { selectRange } from "./range.ts";
import { dateAfter, requestWith, stored } from "./testing/messages.ts";

const fresh = "Cache-Control: max-age=60";

function select(range: string, { answer = [] as readonly string[], ifRange = "", bytes = 10 } = {}) {
  const lines = [`Range: ${range}`, ...(ifRange === "" ? [] : [`If-Range: ${ifRange}`])];
  return selectRange(requestWith(lines), stored([fresh, ...answer]), bytes);
}

test("one range of bytes is cut out", () => {
  assert.deepEqual(select("bytes=0-1"), { start: 0, end: 2 });
  assert.deepEqual(select("bytes=0-0"), { start: 0, end: 1 });
  assert.deepEqual(select("bytes=1-"), { start: 1, end: 10 });
  assert.deepEqual(select("bytes=-1"), { start: 9, end: 10 });
  assert.deepEqual(select("bytes=-5"), { start: 5, end: 10 });
  assert.deepEqual(select("bytes=-50"), { start: 0, end: 10 });
  assert.deepEqual(select("bytes=5-500"), { start: 5, end: 10 });
  assert.deepEqual(select("Bytes=9-9"), { start: 9, end: 10 });
  assert.deepEqual(select("bytes=0-999999999999999"), { start: 0, end: 10 });
});

test("what is not there cannot be given", () => {
  assert.equal(select("bytes=10-"), "unsatisfiable");
  assert.equal(select("bytes=10-20"), "unsatisfiable");
  assert.equal(select("bytes=-0"), "unsatisfiable");
  assert.equal(select("bytes=0-", { bytes: 0 }), "unsatisfiable");
  assert.equal(select("bytes=-1", { bytes: 0 }), "unsatisfiable");
});

test("everything else gets the whole", () => {
  for (const range of [
    "bytes=0-1,3-4",
    "bytes=0-1, 3-4",
    "bytes=2-1",
    "bytes=",
    "bytes=-",
    "bytes=a-b",
    "bytes=1",
    "bytes =0-1",
    "bytes=0-1-2",
    "bytes=0x0-1",
    "bytes=9999999999999999-",
    "lines=0-1",
    "0-1",
    "",
  ])
    assert.equal(select(range), "whole", range);
  assert.equal(selectRange(requestWith(), stored([fresh]), 10), "whole");
  const notFound = stored([fresh], { status: 404 });
  assert.equal(selectRange(requestWith(["Range: bytes=0-1"]), notFound, 10), "whole");
});

test("If-Range wants a strong tag that is the same", () => {
  const part = { start: 0, end: 2 };
  const table: readonly (readonly [tag: string, ifRange: string, isPart: boolean])[] = [
    ['"a"', '"a"', true],
    ['"a"', '"b"', false],
    ['"a"', 'W/"a"', false],
    ['W/"a"', 'W/"a"', false],
    ['W/"a"', '"a"', false],
    ['"a"', '"a", "a"', false],
    ["a", "a", false],
  ];
  for (const [tag, ifRange, isPart] of table)
    assert.deepEqual(select("bytes=0-1", { answer: [`ETag: ${tag}`], ifRange }), isPart ? part : "whole", ifRange);
  assert.equal(select("bytes=0-1", { ifRange: '"a"' }), "whole");
  // The condition comes first: a range that is not there is no error then.
  assert.equal(select("bytes=100-", { answer: ['ETag: "a"'], ifRange: '"b"' }), "whole");
});

test("If-Range with a date wants the same date, if it is old enough to be strong", () => {
  const old = dateAfter(-100);
  const part = { start: 0, end: 2 };
  assert.deepEqual(select("bytes=0-1", { answer: [`Last-Modified: ${old}`], ifRange: old }), part);
  assert.equal(select("bytes=0-1", { answer: [`Last-Modified: ${old}`], ifRange: dateAfter(-99) }), "whole");
  assert.equal(select("bytes=0-1", { answer: [`Last-Modified: ${dateAfter(0)}`], ifRange: dateAfter(0) }), "whole");
  assert.equal(select("bytes=0-1", { ifRange: dateAfter(0) }), "whole");
  assert.equal(select("bytes=0-1", { answer: ["Last-Modified: foo"], ifRange: "foo" }), "whole");
});

test("a part always lies in the body, whatever is asked for", () => {
  const number = fc.oneof(fc.nat(20), fc.nat(), fc.constant(""));
  fc.assert(
    fc.property(number, number, fc.nat(20), (first, last, bytes) => {
      const range = select(`bytes=${first}-${last}`, { bytes });
      if (typeof range === "string") return;
      assert.ok(range.start >= 0 && range.start < range.end && range.end <= bytes);
    }),
  );
});
