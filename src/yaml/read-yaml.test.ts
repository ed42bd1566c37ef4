import assert from "node:assert/strict";
import { test } from "node:test";
import { readYamlText, YamlError } from "./read-yaml.ts";

test("plain, JSON and any other YAML is read", async () => {
  const value = { endpoints: ["http://a:1", { url: "http://b:2", weight: 3 }] };
  for (const text of [
    JSON.stringify(value),
    "endpoints:\n  - http://a:1\n  - url: http://b:2\n    weight: 3\n",
    "---\nendpoints: [http://a:1, { url: &u http://b:2, weight: 3 }] # comment\n...\n",
    "{ # as YAML\n endpoints: [ 'http://a:1', { url: http://b:2, weight: 3, } ] }",
    "x: &e [http://a:1, {url: http://b:2, weight: 3}]\nendpoints: *e\n",
  ]) {
    const { endpoints } = (await readYamlText(text)) as typeof value;
    assert.deepEqual({ endpoints }, value, text);
  }
  assert.equal(await readYamlText(""), null);
  assert.deepEqual(await readYamlText("- ${HOME}"), ["${HOME}"]);
});

test("what is no YAML is said with its line", async () => {
  for (const [text, sentence] of [
    ["a: 1\nb: [", /^line \d+: /],
    ["a: 1\na: 2\n", /line 2: .*twice/],
    ["a: *none", /anchor/],
    ["[".repeat(10_000), /deep|line 1/],
    ["--- a\n--- b", /one document/],
    [`a: &a [x]\n${"b: &b [*a, *a]\n"}c: [*b, *b`, /line/],
  ] as const)
    await assert.rejects(readYamlText(text), (error: unknown) => {
      assert.ok(error instanceof YamlError, String(error));
      assert.match(error.message, sentence);
      return true;
    });
});
