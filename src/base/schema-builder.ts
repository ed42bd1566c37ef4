/**
 * How something that is loaded in every thread describes its options although the schema library is loaded in the
 * control thread alone: by a function that makes the schema, and is handed what schemas are made with.
 */
import type * as z from "zod";
import type * as schemaTools from "./option-schema.ts";

/** What a `SchemaBuilder` is given: the schema library, and everything else that `option-schema.ts` exports. */
export type SchemaTools = typeof schemaTools;

/** Makes a schema, and loads nothing for it: what it needs comes with `tools`. */
export type SchemaBuilder<Schema extends z.ZodType = z.ZodType> = (tools: SchemaTools) => Schema;

/** The normal form of what a builder's schema reads. */
export type OptionsOf<Builder extends SchemaBuilder> = z.output<ReturnType<Builder>>;
