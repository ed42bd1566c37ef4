import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { substituteEnvironment } from "./environment.ts";

const environment = { NAME: "value", EMPTY: "", NESTED: "${NAME}", toString: undefined };

const textOf = (text: string): string => {
  const result = substituteEnvironment(text, environment);
  assert.equal(result.problem, null, text);
  return "text" in result ? result.text : "";
};

test("references are replaced, defaults stand in for what is absent or empty", () => {
  for (const [text, expected] of [
    ["plain", "plain"],
    ["${NAME}", "value"],
    ["a${NAME}b${NAME}c", "avaluebvaluec"],
    ["${EMPTY}", ""],
    ["${EMPTY:-x}", "x"],
    ["${NONE:-x}", "x"],
    ["${NONE:-}", ""],
    ["${NONE:-a b:c}", "a b:c"],
    ["${NAME:-x}", "value"],
    ["$NAME", "$NAME"],
    ["{NAME}", "{NAME}"],
    ["$", "$"],
    ["$${NAME}", "${NAME}"],
    ["$${", "${"],
    ["$$${NAME}", "$${NAME}"],
    ["cost: 5$ ${NAME}", "cost: 5$ value"],
  ] as const)
    assert.equal(textOf(text), expected, text);
});

test("what was put in is not looked at again", () => {
  assert.equal(textOf("${NESTED}"), "${NAME}");
});

test("an absent variable is a problem that names it", () => {
  for (const name of ["NONE", "toString", "constructor", "__proto__"]) {
    const result = substituteEnvironment(`x\${${name}}`, environment);
    assert.equal(result.problem, `the environment variable ${name} is not set`);
  }
});

test("malformed references are problems", () => {
  for (const text of ["${", "${NAME", "${}", "${1A}", "${A-B}", "${A:x}", "${ NAME }"])
    assert.match(substituteEnvironment(text, environment).problem ?? "", /not a reference/, text);
});

test("text without a reference comes out as it went in", () => {
  fc.assert(
    fc.property(
      fc.string().filter((text) => !text.includes("${")),
      (text) => textOf(text) === text,
    ),
  );
});
