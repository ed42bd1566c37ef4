import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluateConditions, validatorLines } from "./conditions.ts";
import { dateAfter, requestWith, stored } from "./testing/messages.ts";

const fresh = "Cache-Control: max-age=60";
const judge = (answer: readonly string[], ...request: readonly string[]): string =>
  evaluateConditions(requestWith(request), stored([fresh, ...answer]));

test("If-None-Match compares weakly", () => {
  const table: readonly (readonly [tag: string, list: string, isHeld: boolean])[] = [
    ['"a"', '"a"', true],
    ['"a"', 'W/"a"', true],
    ['W/"a"', '"a"', true],
    ['W/"a"', 'W/"a"', true],
    ['"a"', '"b"', false],
    ['"a"', '"x", "a", "y"', true],
    ['"a"', '"x","y" ,\t"a"', true],
    ['"a"', ', "a",', true],
    ['"a"', '"x, a", "b"', false],
    ['"a,b"', '"x", "a,b"', true],
    ['"a"', "*", true],
    ['"é"', '"é"', true],
    ['"a"', '"A"', false],
    ['""', '""', true],
    // What is no list of tags matches nothing.
    ['"a"', "a", false],
    ['"a"', '"a" "b"', false],
    ['"a"', '"a', false],
    ['"a"', 'w/"a"', false],
    ['"a"', '"a", b', false],
    ['"a"', '"a";q=1', false],
    ["a", "a", false],
    ["a", '"a"', false],
    ['w/"a"', 'w/"a"', false],
  ];
  for (const [tag, list, isHeld] of table)
    assert.equal(
      judge([`ETag: ${tag}`], `If-None-Match: ${list}`),
      isHeld ? "not-modified" : "full",
      `${tag}: ${list}`,
    );
  assert.equal(judge([], 'If-None-Match: "a"'), "full");
  assert.equal(judge([], "If-None-Match: *"), "not-modified");
});

test("If-Modified-Since counts without If-None-Match only", () => {
  const modified = `Last-Modified: ${dateAfter(-100)}`;
  assert.equal(judge([modified], `If-Modified-Since: ${dateAfter(-100)}`), "not-modified");
  assert.equal(judge([modified], `If-Modified-Since: ${dateAfter(-50)}`), "not-modified");
  assert.equal(judge([modified], `If-Modified-Since: ${dateAfter(-101)}`), "full");
  assert.equal(judge([modified, 'ETag: "a"'], 'If-None-Match: "b"', `If-Modified-Since: ${dateAfter(0)}`), "full");
  assert.equal(
    judge([modified, 'ETag: "a"'], 'If-None-Match: "a"', `If-Modified-Since: ${dateAfter(-200)}`),
    "not-modified",
  );
});

test("If-Modified-Since is a date in one of three formats, or says nothing", () => {
  const modified = "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT";
  for (const since of ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"])
    assert.equal(judge([modified], `If-Modified-Since: ${since}`), "not-modified", since);
  for (const since of ["Sun, 6 Nov 1994 08:49:37 GMT", "2026-11-30", "0", "Sun, 06 Nov 1994 08:49:37 UTC"])
    assert.equal(judge([modified], `If-Modified-Since: ${since}`), "full", since);
});

test("without Last-Modified, Date tells when it was made", () => {
  assert.equal(judge([], `If-Modified-Since: ${dateAfter(0)}`), "not-modified");
  assert.equal(judge([], `If-Modified-Since: ${dateAfter(-3000)}`), "full");
  assert.equal(judge(["Last-Modified: foo"], `If-Modified-Since: ${dateAfter(10)}`), "not-modified");
});

test("conditions are about a 200", () => {
  const answer = stored([fresh, 'ETag: "a"'], { status: 404 });
  assert.equal(evaluateConditions(requestWith(['If-None-Match: "a"']), answer), "full");
});

test("the origin is asked by all validators that are well-formed", () => {
  const modified = dateAfter(-100);
  assert.equal(
    validatorLines(stored([fresh, 'ETag: W/"a"', `Last-Modified: ${modified}`])),
    `If-None-Match: W/"a"\r\nIf-Modified-Since: ${modified}\r\n`,
  );
  assert.equal(validatorLines(stored([fresh, "ETag: a", "Last-Modified: 0"])), "");
  assert.equal(validatorLines(stored([fresh, 'ETag: "a"', 'ETag: "b"'])), "");
});
