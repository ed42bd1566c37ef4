import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Fields } from "./fields.ts";

const name = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,12}$/);
const value = fc.stringMatching(/^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]{0,12}[\x21-\x7e\x80-\xff])?)?$/);
const pairs = fc.array(fc.tuple(name, value), { maxLength: 8 }).map((list) => list.flat());

test("text made of pairs gives the same pairs again, and the other way round", () => {
  fc.assert(
    fc.property(pairs, (given) => {
      const { text } = Fields.ofPairs(given);
      assert.deepEqual(Fields.ofText(text).pairs, given);
      assert.equal(Fields.ofPairs(Fields.ofText(text).pairs).text, text);
    }),
  );
});

test("text is forwarded as it came", () => {
  const text = "A:1\r\nb:\t2 \r\n";
  assert.equal(Fields.ofText(text).text, text);
  assert.deepEqual(Fields.ofText(text).pairs, ["A", "1", "b", "2"]);
});

test("a value is found by its name in lower case, several lines joined", () => {
  const fields = Fields.ofPairs(["Accept", "a", "X", "", "accept", "b"]);
  assert.equal(fields.value("accept"), "a, b");
  assert.equal(fields.value("x"), "");
  assert.equal(fields.value("y"), null);
});

test("fields are added at the end and removed, each time as others", () => {
  const first = Fields.ofText("A: 1\r\n");
  const more = first.plus("B", "2").plusText("C: 3\r\n");
  assert.equal(more.text, "A: 1\r\nB: 2\r\nC: 3\r\n");
  assert.equal(more.without((lowerName) => lowerName === "b").text, "A: 1\r\nC: 3\r\n");
  assert.equal(first.text, "A: 1\r\n");
  assert.equal(
    first.without(() => true),
    Fields.none,
  );
});

test("what is no name or no value is refused", () => {
  for (const bad of ["", "a b", "a:", "a\r\n", "ä"]) assert.throws(() => Fields.none.plus(bad, ""), RangeError);
  for (const bad of ["a\r\nb: c", "a\0", " a", "a\t", "\u0100"])
    assert.throws(() => Fields.none.plus("a", bad), RangeError);
});
