import assert from "node:assert/strict";
import { test } from "node:test";
import { nextIndex } from "./query-index.ts";

test("the index of the next question", () => {
  const cases: [asked: string, received: string | undefined, next: string | null, why: string][] = [
    ["0", "42", "42", "the first answer"],
    ["42", "42", "42", "nothing has changed"],
    ["42", "43", "43", "something has changed"],
    ["42", "41", "0", "backwards: the loop begins anew"],
    ["1", "0", "0", "backwards, too"],
    ["0", "0", "1", "zero would be a question that does not wait"],
    ["9007199254740993", "9007199254740992", "0", "beyond what a number of JavaScript tells apart"],
    ["0", "18446744073709551615", "18446744073709551615", "the largest"],
    ["42", undefined, null, "no field"],
    ["42", "", null, "empty"],
    ["42", "-1", null, "no digits"],
    ["42", "4e3", null, "no digits"],
    ["42", "9".repeat(21), null, "too long"],
  ];
  for (const [asked, received, next, why] of cases) assert.equal(nextIndex(asked, received), next, why);
});
