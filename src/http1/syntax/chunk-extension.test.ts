/** Every extension by the grammar is read, however its white space lies, and nothing else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ExtensionState, isBehindGap, mayEndExtensions, nextExtensionState } from "./chunk-extension.ts";

/** Where a reader is behind all of `text`, which follows a size directly. */
function stateBehind(text: string): ExtensionState {
  let state: ExtensionState = ExtensionState.gap;
  for (const byte of Buffer.from(text, "latin1")) {
    state = nextExtensionState(state, byte);
    if (state === ExtensionState.broken) break;
  }
  return state;
}

const oneOf = (characters: string): fc.Arbitrary<string> => fc.constantFrom(...characters);
const white = fc.string({ unit: oneOf(" \t"), maxLength: 3 });
const token = fc.string({ unit: oneOf("!#$%&'*+-.^_`|~09AZaz"), minLength: 1, maxLength: 5 });
const quotedPart = fc.oneof(
  oneOf("\t !#;=,[]~\x80\xff"),
  oneOf('\t "\\~\xe9').map((character) => `\\${character}`),
);
const quoted = fc.array(quotedPart, { maxLength: 6 }).map((parts) => `"${parts.join("")}"`);
const value = fc
  .tuple(white, white, fc.oneof(token, quoted))
  .map(([before, behind, text]) => `${before}=${behind}${text}`);
const extension = fc
  .tuple(white, white, token, fc.option(value, { nil: "" }))
  .map(([before, behind, name, rest]) => `${before};${behind}${name}${rest}`);
const extensions = fc.array(extension, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(""));
const nearly = fc.string({ unit: oneOf(' \t;="\\ab\x00\x7f\xe9\x0b\n'), minLength: 1, maxLength: 12 });
const word = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const quotedString = '"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t \\x20-\\x7e\\x80-\\xff])*"';
const form = new RegExp(`^(?:[ \\t]*;[ \\t]*${word}(?:[ \\t]*=[ \\t]*(?:${word}|${quotedString}))?)+$`);

test("whatever the grammar makes is read", () => {
  fc.assert(fc.property(extensions, (text) => assert.ok(mayEndExtensions(stateBehind(text)))));
});

test("whatever is read is made by the grammar", () => {
  const isRead = (text: string): boolean => mayEndExtensions(stateBehind(text));
  fc.assert(
    fc.property(nearly, (text) => assert.equal(isRead(text), form.test(text))),
    { numRuns: 5_000 },
  );
});

test("white space at the end is told apart", () => {
  for (const text of [" ", "\t \t", ";a ", ";a=b\t", ';a="b" ']) {
    const state = stateBehind(text);
    assert.deepEqual([isBehindGap(state), mayEndExtensions(state)], [true, false], JSON.stringify(text));
  }
  for (const text of ["; ", ";a= ", " ;", ';a=" ']) {
    assert.equal(isBehindGap(stateBehind(text)), false, JSON.stringify(text));
  }
});
