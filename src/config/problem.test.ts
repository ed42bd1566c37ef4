import assert from "node:assert/strict";
import { test } from "node:test";
import { formatPath, formatProblems, type Problem } from "./problem.ts";

const problem = (fields: Partial<Problem>): Problem => ({
  message: "is wrong",
  hint: null,
  path: [],
  file: null,
  line: 0,
  column: 0,
  length: 1,
  excerpt: null,
  ...fields,
});

test("paths are written as in a program", () => {
  assert.equal(formatPath(["routes", 0, "match", "header", "x-a"]), "routes[0].match.header.x-a");
  assert.equal(formatPath(["upstreams", "a.b", "x"]), 'upstreams["a.b"].x');
  assert.equal(formatPath([]), "");
});

test("secrets of the file are not shown", () => {
  const shown = formatProblems([
    problem({
      file: "m.yaml",
      line: 2,
      column: 1,
      length: 4,
      message: '"http://me:pa55@h h" is not a URL',
      excerpt: { firstLine: 1, lines: ["token: abc", "urls: [http://me:pa55@h h]"] },
    }),
  ]);
  assert.doesNotMatch(shown, /abc|pa55/);
  assert.match(shown, /token: \*{3}\n[^]*me:\*{4}@h h/);
});

test("a problem shows its place, the lines around it and a pointer", () => {
  const shown = formatProblems([
    problem({
      file: "m.yaml",
      line: 10,
      column: 5,
      length: 3,
      hint: 'did you mean "b"?',
      excerpt: { firstLine: 9, lines: ["one:", "  a bcd e", "three:"] },
    }),
  ]);
  assert.equal(
    shown,
    [
      "m.yaml:10:5: error: is wrong",
      "   9 | one:",
      "> 10 |   a bcd e",
      "     |     ^^^",
      "  11 | three:",
      '  did you mean "b"?',
    ].join("\n"),
  );
});

test("without a file the path is the place; without a line it follows", () => {
  assert.equal(formatProblems([problem({ path: ["a", 1] })]), "a[1]: error: is wrong");
  assert.equal(
    formatProblems([problem({ file: "f.ts", path: ["a", 1], hint: "do this" })]),
    "f.ts: error: is wrong\n  at a[1]\n  hint: do this",
  );
});

test("problems are separated by an empty line", () => {
  assert.equal(formatProblems([problem({}), problem({})]), "error: is wrong\n\nerror: is wrong");
});

test("of very many problems the first hundred are shown, and the rest is counted", () => {
  const shown = formatProblems(Array.from({ length: 250 }, () => problem({})));
  assert.equal(shown.split("\n\n").length, 101);
  assert.ok(shown.endsWith("\n\n… and 150 more problems"));
});

test("the pointer stays in sight on a long line, and never runs past its end", () => {
  const line = `${"x".repeat(300)}HERE${"y".repeat(300)}`;
  const rows = formatProblems([
    problem({ file: "f", line: 1, column: 301, length: 4, excerpt: { firstLine: 1, lines: [line] } }),
  ]).split("\n");
  assert.ok((rows[1]?.length ?? 0) < 140);
  assert.equal(rows[1]?.slice(rows[2]?.indexOf("^")).slice(0, 4), "HERE");
  const short = formatProblems([
    problem({ file: "f", line: 1, column: 2, length: 99, excerpt: { firstLine: 1, lines: ["abc"] } }),
  ]);
  assert.equal(short.split("\n")[2], "    |  ^^");
});

test("a file cannot drive the terminal", () => {
  const shown = formatProblems([
    problem({
      file: "f\x1b[2J",
      line: 1,
      column: 1,
      message: "got \x07\u202e",
      hint: "\x9b",
      excerpt: { firstLine: 1, lines: ["\x1b]0;x\x07"] },
    }),
  ]);
  assert.doesNotMatch(shown, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
  assert.match(formatProblems([problem({})], { color: true }), /\x1b\[31merror\x1b\[0m/);
});
