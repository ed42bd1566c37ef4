import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseHttpDate } from "./http-date.ts";

const nowMs = Date.UTC(2026, 10, 30);

test("the three formats are read", () => {
  const timeMs = Date.UTC(1994, 10, 6, 8, 49, 37);
  for (const text of ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])
    assert.equal(parseHttpDate(text, nowMs), timeMs, text);
  assert.equal(parseHttpDate("Sun Nov 16 08:49:37 1994", nowMs), Date.UTC(1994, 10, 16, 8, 49, 37));
});

test("a year of two digits is at most 50 years ahead", () => {
  const yearOf = (digits: string): number =>
    new Date(parseHttpDate(`Thursday, 18-Aug-${digits} 02:01:18 GMT`, nowMs)!).getUTCFullYear();
  assert.equal(yearOf("26"), 2026);
  assert.equal(yearOf("76"), 2076);
  assert.equal(yearOf("77"), 1977);
  assert.equal(yearOf("00"), 2000);
});

test("what is nearly a date is none", () => {
  for (const text of [
    "",
    "0",
    "-1",
    "Thu 18 Aug 2050 02:01:18 GMT",
    "Thu, 18 Aug 50 02:01:18 GMT",
    "Thu, 18  Aug  2050 02:01:18 GMT",
    "Thu, 18-Aug-2050 02:01:18 GMT",
    "Thu, 18 Aug 2050 02.01.18 GMT",
    "Thu, 18 Aug 2050 2:01:18 GMT",
    "Thu, 18 Aug 2050 02:01:18 UTC",
    "Thu, 18 Aug 2050 02:01:18 AEST",
    "Thu, 18 Aug 2050 02:01:18 gMT",
    "THU, 18 Aug 2050 02:01:18 GMT",
    "Thu, 18 AUG 2050 02:01:18 GMT",
    "Thu, 18 Aug 2050 02:01:18 GMT, Thu, 18 Aug 2050 02:01:19 GMT",
    "Thu, 32 Aug 2050 02:01:18 GMT",
    "Thu, 00 Aug 2050 02:01:18 GMT",
    "Tue, 30 Feb 2050 02:01:18 GMT",
    "Thu, 18 Aug 2050 24:01:18 GMT",
    "Thu, 18 Aug 2050 02:60:18 GMT",
    "Thu, 18 Aug 2050 02:01:61 GMT",
    "2050-08-18T02:01:18Z",
  ])
    assert.equal(parseHttpDate(text, nowMs), null, text);
});

test("a leap second is the second after it", () => {
  assert.equal(parseHttpDate("Sat, 31 Dec 2016 23:59:60 GMT", nowMs), Date.UTC(2017, 0, 1));
});

test("every date that is written is read again", () => {
  fc.assert(
    fc.property(fc.integer({ min: -62_135_596_800, max: 253_402_300_799 }), (seconds) => {
      assert.equal(parseHttpDate(new Date(seconds * 1000).toUTCString(), nowMs), seconds * 1000);
    }),
  );
});
