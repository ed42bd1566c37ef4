import assert from "node:assert/strict";
import { test } from "node:test";
import { toSentenceLines } from "./sentence-lines.ts";

const cases: readonly (readonly [string, string])[] = [
  ["One. Two.", "One.\nTwo."],
  ["Is it? It is! So.", "Is it?\nIt is!\nSo."],
  ["`a` is one. `b` is two.", "`a` is one.\n`b` is two."],
  ["- An item. It goes on.\n- Another.", "- An item.\n  It goes on.\n- Another."],
  ["  - Deeper. It goes on.", "  - Deeper.\n    It goes on."],
  ["12. A step. It goes on.", "12. A step.\n    It goes on."],
  ["**Problem.** It is slow. It is long.", "**Problem.** It is slow.\nIt is long."],
  ["**One label. Of two sentences.** Text.", "**One label. Of two sentences.** Text."],
  ["- **Label *of two words*.** Text.", "- **Label *of two words*.** Text."],
  ["In brackets (so it is.) Then more.", "In brackets (so it is.)\nThen more."],
  ["Version 1.5 of e.g. Node, 0.5 s, `a. B`.", "Version 1.5 of e.g. Node, 0.5 s, `a. B`."],
  ["| a. B | c. D |", "| a. B | c. D |"],
  ["```\nOne. Two.\n```\nOne. Two.", "```\nOne. Two.\n```\nOne.\nTwo."],
];

test("every sentence of prose has a line; tables, code and labels stay as they are", () => {
  for (const [before, after] of cases) assert.equal(toSentenceLines(before), after);
});

test("what has one sentence a line stays as it is", () => {
  for (const [, after] of cases) assert.equal(toSentenceLines(after), after);
});
