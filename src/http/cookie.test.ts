import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cookieValue, findCookie } from "./cookie.ts";

const cases: [cookies: string | null, value: string | null][] = [
  [null, null],
  ["", null],
  ["sid", null],
  ["sid=", ""],
  ["sid=abc", "abc"],
  ["a=1; sid=abc", "abc"],
  ["a=1;sid=abc;b=2", "abc"],
  ["sid=first; sid=second", "first"],
  ["xsid=1; sidx=2; SID=3", null],
  ["sid2=no; sid=yes", "yes"],
  ["a=sid=no; sid=yes", "yes"],
  ["sid=a=b", "a=b"],
  ["  sid =  abc \t; b=2", "abc"],
  ["sid; sid=abc", "abc"],
  [";;; ;sid=abc", "abc"],
  ['sid="quoted"', '"quoted"'],
  ["sid=\xa0abc\xa0", "\xa0abc\xa0"],
  ["\xa0sid=no; sid=yes", "yes"],
];

for (const [cookies, value] of cases) {
  test(`the cookie in ${JSON.stringify(cookies)} is ${JSON.stringify(value)}`, () =>
    assert.equal(cookieValue(cookies, "sid"), value));
}

test("any field gives what splitting it would give", () => {
  const piece = fc.constantFrom("sid", "si", "d", "=", ";", " ", "\t", "x", "abc");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const cookies = pieces.join("");
      const expected =
        cookies
          .split(";")
          .map((pair) => /^[ \t]*([^=]*?)[ \t]*=[ \t]*(.*?)[ \t]*$/s.exec(pair))
          .find((match) => match?.[1] === "sid")?.[2] ?? null;
      assert.equal(cookieValue(cookies, "sid"), expected);
    }),
    { seed: 1 },
  );
});

test("of several cookies of one name the first that is taken is found, and no more are looked at", () => {
  const seen: string[] = [];
  const found = findCookie("sid=a; other=b; sid=b; sid=c", "sid", (value) => {
    seen.push(value);
    return value === "b" ? "taken" : null;
  });
  assert.equal(found, "taken");
  assert.deepEqual(seen, ["a", "b"]);
  assert.equal(
    findCookie("sid=a; sid", "sid", () => null),
    null,
  );
});
