/** Every extension by the grammar is read, however its white space lies, and nothing else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ExtensionState, isBehindGap, mayEndExtensions, nextExtensionState } from "./chunk-extension.ts";

/** Where a reader is behind all of `text`, which follows a size directly. */
function stateBehind(text: string): ExtensionState {
  let state: ExtensionState = ExtensionState.gap;
  for (const byte of Buffer.from(text, "latin1")) if ((state = nextExtensionState(state, byte)) === ExtensionState.broken) break;
  return state;
}

const oneOf = (characters: string): fc.Arbitrary<string> => fc.constantFrom(...characters);
const white = fc.string({ unit: oneOf(" \t"), maxLength: 3 });
const token = fc.string({ unit: oneOf("!#$%&'*+-.^_`|~09AZaz"), minLength: 1, maxLength: 5 });
const quoted = fc.array(fc.oneof(oneOf("\t !#;=,[]~\x80\xff"), oneOf("\t \"\\~\xe9").map((character) => `\\${character}`)), { maxLength: 6 }).map((parts) => `"${parts.join("")}"`);
const extension = fc.tuple(white, white, token, fc.option(fc.tuple(white, white, fc.oneof(token, quoted))))
  .map(([before, behind, name, value]) => `${before};${behind}${name}${value === null ? "" : `${value[0]}=${value[1]}${value[2]}`}`);

test("whatever the grammar makes is read", () => {
  fc.assert(fc.property(fc.array(extension, { minLength: 1, maxLength: 4 }), (parts) => assert.ok(mayEndExtensions(stateBehind(parts.join(""))))));
});

test("whatever is read is made by the grammar", () => {
  const form = /^(?:[ \t]*;[ \t]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:[ \t]*=[ \t]*(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x20-\x7e\x80-\xff])*"))?)+$/;
  fc.assert(fc.property(fc.string({ unit: oneOf(" \t;=\"\\ab\x00\x7f\xe9\x0b\n"), minLength: 1, maxLength: 12 }), (text) => assert.equal(mayEndExtensions(stateBehind(text)), form.test(text))), { numRuns: 5_000 });
});

test("white space at the end is told apart", () => {
  for (const text of [" ", "\t \t", ";a ", ";a=b\t", ";a=\"b\" "]) assert.deepEqual([isBehindGap(stateBehind(text)), mayEndExtensions(stateBehind(text))], [true, false], JSON.stringify(text));
  for (const text of ["; ", ";a= ", " ;", ";a=\" "]) assert.equal(isBehindGap(stateBehind(text)), false, JSON.stringify(text));
});
