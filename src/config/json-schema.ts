/** The configuration's JSON Schema (draft 2020-12), for editors. */
import * as z from "zod";
import type { OptionDoc } from "../base/option-schema.ts";
import { configSchema } from "./schema.ts";

/** A JSON Schema, as far as it is looked into here. */
export interface JsonSchema {
  type?: string | string[];
  description?: string;
  default?: unknown;
  enum?: unknown[];
  const?: unknown;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: JsonSchema | boolean;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  pattern?: string;
  /** The documentation as data; only in `toDocumentedSchema`. */
  millrace?: OptionDoc;
  [keyword: string]: unknown;
}

/**
 * Makes the JSON Schema with each option's documentation as data, for the reference.
 * @param schema of what; default: a whole configuration
 */
export function toDocumentedSchema(schema: z.ZodType = configSchema): JsonSchema {
  return z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      // A section's catch-all only explains what is wrong: nothing else is allowed there.
      const definition = zodSchema._zod.def as { type: string; catchall?: unknown };
      if (definition.type === "object" && definition.catchall !== undefined) jsonSchema.additionalProperties = false;
    },
  }) as JsonSchema;
}

/**
 * The schema for editors and validators: standard keywords only. References to the environment are allowed wherever a
 * value is not text.
 */
export function toJsonSchema(): JsonSchema {
  const schema = clean(toDocumentedSchema());
  return {
    $schema: schema["$schema"],
    title: "Millrace configuration",
    ...schema,
    patternProperties: { "^x-": { description: "Ignored: a place for what anchors repeat elsewhere." } },
  };
}

function clean(schema: JsonSchema): JsonSchema {
  const { millrace, ...rest } = schema;
  // No text can hold a function.
  if (millrace?.kind === "function") return { not: {} };
  const result: JsonSchema = rest;
  if (millrace?.kind === "duration") result.pattern = "^(\\d+(\\.\\d+)?(d|h|m|s|ms))+$|\\$\\{";
  if (result.type === "integer" || result.type === "boolean")
    Object.assign(result, { type: [result.type, "string"], pattern: "\\$\\{" });
  if (result.properties !== undefined)
    result.properties = Object.fromEntries(
      Object.entries(result.properties).map(([key, value]) => [key, clean(value)]),
    );
  if (result.items !== undefined) result.items = clean(result.items);
  if (typeof result.additionalProperties === "object") result.additionalProperties = clean(result.additionalProperties);
  if (result.anyOf !== undefined)
    result.anyOf = result.anyOf.filter((one) => one.millrace?.kind !== "function").map(clean);
  // An editor need not show the empty default of a section.
  if (typeof result.default === "object" && result.default !== null && !Array.isArray(result.default))
    delete result.default;
  return result;
}
