import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { createConfigurationReference } from "../../scripts/configuration-reference.ts";
import { toJsonSchema } from "../../src/config/json-schema.ts";

const committed = (name: string): Promise<string> =>
  readFile(new URL(`../../docs/reference/${name}`, import.meta.url), "utf8");

test("the committed configuration reference is what the schemas say (else run scripts/generate-docs.ts)", async () => {
  assert.equal(await committed("configuration.md"), createConfigurationReference());
});

test("the committed JSON Schema is what the schemas say (else run scripts/generate-docs.ts)", async () => {
  assert.deepEqual(
    JSON.parse(await committed("configuration.schema.json")),
    JSON.parse(JSON.stringify(toJsonSchema())),
  );
});

test("every key of the configuration is described", () => {
  const page = createConfigurationReference();
  const rows = page.split("\n").filter((line) => line.startsWith("| `"));
  assert.ok(rows.length > 70, `${rows.length} keys`);
  for (const row of rows) assert.match(row, /^\| `[\w]+` \| [^|]+\| .*\| [A-Z0-9`].{10,}\|$/s, row);
});
