import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { createCommandReference } from "../../scripts/command-reference.ts";

test("the committed page on the command line is what --help says (else run scripts/generate-docs.ts)", async () => {
  const committed = await readFile(new URL("../../docs/reference/command-line.md", import.meta.url), "utf8");
  assert.equal(committed, createCommandReference());
});
