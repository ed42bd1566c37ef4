/** The list of options that hold secrets: up to date, and none of them is forgotten. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as z from "zod";
import { createSecretKeys, secretKeysFile } from "../../scripts/secret-keys.ts";
import { documented, section } from "../../src/base/option-schema.ts";
import { type JsonSchema, toDocumentedSchema } from "../../src/config/json-schema.ts";

test("the committed list is what the schemas say (else run scripts/generate-docs.ts)", () => {
  const committed = readFileSync(join(import.meta.dirname, "../..", secretKeysFile), "utf8");
  assert.equal(committed, createSecretKeys());
});

test("a mark is found wherever the option stands", () => {
  const mark = documented(z.string().optional(), { about: "", isSecret: true });
  const schema = section({ list: z.array(section({ one: mark })), map: z.record(z.string(), section({ two: mark })) });
  assert.match(createSecretKeys(toDocumentedSchema(schema)), /= \["one", "two"\];/);
});

test("every option that takes a text and sounds like a secret is marked, unless it is the path of a file", () => {
  const unmarked = [...optionsOf(toDocumentedSchema())].filter(
    ([key, { type, millrace }]) =>
      /(?:token|secret|password|passphrase|credential|hmackey)$/i.test(key) &&
      type === "string" &&
      millrace?.kind !== "path" &&
      millrace?.isSecret !== true,
  );
  assert.deepEqual(
    unmarked.map(([key]) => key),
    [],
  );
});

function* optionsOf(schema: unknown): Generator<[string, JsonSchema]> {
  if (typeof schema !== "object" || schema === null) return;
  const { properties = {} } = schema as { properties?: Record<string, JsonSchema> };
  yield* Object.entries(properties);
  for (const part of Object.values(schema)) yield* optionsOf(part);
}
