/** The fast reader gives what the other one gives, or nothing. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { seededRandom } from "../base/random.ts";
import { ConfigText } from "../config/config-text.ts";
import { environmentReader } from "../config/environment.ts";
import { readPlainYaml } from "./plain-yaml.ts";

const environment = { NAME: "value", EMPTY: "", NUMBER: "3" };

/** @returns whether the fast reader had an answer, which is right then */
function compare(text: string, isJson = false): boolean {
  const plain = readPlainYaml(text, isJson, environmentReader(environment));
  if (plain === undefined) return false;
  const full = new ConfigText(text, { file: "f", isJson, environment });
  assert.deepEqual(full.problems, [], text);
  assert.deepEqual(plain, full.value, text);
  assert.equal(JSON.stringify(plain), JSON.stringify(full.value), `the same order: ${text}`);
  return true;
}

const read: readonly (readonly [text: string, value: unknown])[] = [
  ["a: 1", { a: 1 }],
  ["a: b # c", { a: "b" }],
  [
    "a:\n  b: 1\n  c:\n    - x\n    - y: 1\n      z: 2\n    -\n      w: 3\n",
    { a: { b: 1, c: ["x", { y: 1, z: 2 }, { w: 3 }] } },
  ],
  ["a:\n- 1\n- - 2\n  - 3\nb: [c, 'd''e', \"f\\n\"]", { a: [1, [2, 3]], b: ["c", "d'e", "f\n"] }],
  ["a: { b: /x/*, c: [:8080, 10s], d: {} } # e", { a: { b: "/x/*", c: [":8080", "10s"], d: {} } }],
  ["# first\n\na:\n  # deep\n  b:\nc: ~\nd: true\r\ne: -2.5", { a: { b: null }, c: null, d: true, e: -2.5 }],
  [
    "address: 127.0.0.1:80\nhost: 127.0.0.1\nnet: 10.0.0.0/8\nurl: http://a:1/#x",
    { address: "127.0.0.1:80", host: "127.0.0.1", net: "10.0.0.0/8", url: "http://a:1/#x" },
  ],
  ['a: ${NAME}-x\nb: "$${NAME}"\nc: ${NONE:-d}', { a: "value-x", b: "${NAME}", c: "d" }],
  ['{\n  "a": [1, true, null, "x\\u00e9"],\n  "b": {}\n}\n', { a: [1, true, null, "x\u00e9"], b: {} }],
  ["1: a\ntrue: b\nnull: c", { 1: "a", true: "b", null: "c" }],
];

test("plain files are read", () => {
  for (const [text, value] of read) {
    assert.deepEqual(readPlainYaml(text, false, environmentReader(environment)), value, text);
    compare(text);
  }
});

test("what is not plain, or wrong, is left to the other reader", () => {
  const texts = [
    "",
    "# nothing",
    "a",
    "- *x",
    "a: &x 1",
    "a: *x",
    "a: !t 1",
    "a: |\n  b",
    "a: >\n  b",
    "a: b\n  c",
    "a: b\nc",
    'a: "b\nc"',
    "a: 0x1f",
    "a: 1e3",
    "a: 01",
    "a: .5",
    "a: +1",
    "a: TRUE",
    "a: .inf",
    "a: b: c",
    "a:\n   b: 1\n  c: 2",
    "a: 1\na: 2",
    "a: {b: 1, b: 2}",
    "<<: {}",
    "__proto__: {}",
    "---\na: 1",
    "a: 1\n---\nb: 2",
    "a: 1\n...",
    "%YAML 1.2",
    "\ta: 1",
    "a:\t1",
    "a: [b",
    "a: [b]c",
    "a: {b}",
    "a: [b: c]",
    "a: 'b' c",
    "a: ${NONE}",
    "a: [${NAME}]",
    "? a\n: b",
    "a: @b",
    "a: `b",
    'a: "\\x41"',
    "a: [b,\n c]",
    " a: 1",
    "a: -",
    "a: - b",
    "a: b:",
    "a:b",
    '"a": 1',
    "{ a: 1 }\nb",
    "\ufeffa: 1",
    "a: 1\u20282",
    "a: \u00852",
    "a: [ , ]",
    "a: [b, ]",
  ];
  for (const text of texts)
    assert.equal(readPlainYaml(text, false, environmentReader(environment)), undefined, JSON.stringify(text));
  for (const text of ["a: 1", "{ 'a': 1 }", '{ "a": 1, }', "{ a: 1 }"])
    assert.equal(readPlainYaml(text, true, environmentReader(environment)), undefined, text);
});

test("the examples are plain, and read as by the other reader", () => {
  const folder = new URL("../../examples/", import.meta.url);
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) =>
    /\.(?:ya?ml|json)$/.test(file),
  );
  const plain = files.filter((file) => {
    const text = readFileSync(new URL(file, folder), "utf8");
    return compare(text, file.endsWith(".json"));
  });
  assert.ok(plain.length >= files.length / 2, `${plain.length} of ${files.length}`);
});

/** What configurations, and mistakes in them, are made of. */
const pieces = [
  "a",
  "b: ",
  "c:",
  "- ",
  "-",
  "  ",
  "    ",
  "\n",
  "\n",
  "\n  ",
  "\n- ",
  "\n  - ",
  "\n    ",
  "1",
  "-1",
  "1.50",
  "0",
  "-0",
  "1_0",
  "0o7",
  "0x1",
  "1e3",
  ".5",
  "5.",
  "+3",
  "true",
  "False",
  "null",
  "~",
  "''",
  '""',
  "'x'",
  '"y"',
  '"\\n"',
  '"\\""',
  '"\\x41"',
  "'it''s'",
  "[",
  "]",
  "{",
  "}",
  ", ",
  ",",
  ": ",
  ":",
  " # c",
  "#",
  "*",
  "&x ",
  "!t ",
  "|",
  ">",
  "?",
  "%",
  "@",
  "`",
  "${NAME}",
  "$${",
  "<<: ",
  "http://h:80/p",
  ":8080",
  "10s",
  "5%",
  "/p/*",
  "x y",
  "127.0.0.1",
  "__proto__: ",
  "\r\n",
  "é",
  "...",
  "---",
  ".inf",
  "a: 1",
  "d: [",
  "e: {",
  '"k": ',
];

test("whatever is put together: the fast reader is right or has no answer", () => {
  const random = seededRandom(20_26);
  let answers = 0;
  for (let round = 0; round < 30_000; round++) {
    let text = round % 3 === 0 ? "a: " : round % 3 === 1 ? "a:\n  " : "";
    const count = 1 + Math.floor(random() * 12);
    for (let at = 0; at < count; at++) text += pieces[Math.floor(random() * pieces.length)]!;
    if (compare(text)) answers++;
  }
  assert.ok(answers > 1_000, `${answers} answers`);
});

test("every single change of a plain file is read alike or left to the other reader", () => {
  const random = seededRandom(7);
  for (const [text] of read) {
    for (let at = 0; at <= text.length; at++) {
      compare(text.slice(0, at) + text.slice(at + 1));
      for (let round = 0; round < 4; round++)
        compare(text.slice(0, at) + pieces[Math.floor(random() * pieces.length)]! + text.slice(at));
    }
  }
});
