/** Lists the options that their schemas mark as secrets, for code that runs in threads without the schemas. */
import { type JsonSchema, toDocumentedSchema } from "../src/config/json-schema.ts";

/** Where the list is kept. */
export const secretKeysFile = "src/config/secret-keys.ts";

/** Makes the file. @param schema of what; default: a whole configuration */
export function createSecretKeys(schema: JsonSchema = toDocumentedSchema()): string {
  const keys = [...new Set(keysOf(schema))].toSorted();
  return `/** The keys of options that hold secrets. Generated from the schemas by scripts/generate-docs.ts. */

/** In alphabetical order. */
export const secretKeys: readonly string[] = ${JSON.stringify(keys).replaceAll(",", ", ")};
`;
}

function* keysOf(schema: unknown): Generator<string> {
  if (typeof schema !== "object" || schema === null) return;
  const { properties = {} } = schema as { properties?: Record<string, JsonSchema> };
  for (const [key, option] of Object.entries(properties)) if (option.millrace?.isSecret === true) yield key;
  for (const part of Object.values(schema)) yield* keysOf(part);
}
