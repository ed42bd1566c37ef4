/**
 * The generated interfaces of a configuration: up to date, and the same as what the schemas take, which is checked by
 * the compiler.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type * as z from "zod";
import { configExample } from "../../scripts/config-example.ts";
import { configTypesFile, createConfigTypes } from "../../scripts/config-types.ts";
import type { ConfigInput, MiddlewareKinds } from "../../src/config/config-input.ts";
import { parseConfig } from "../../src/config/parse-config.ts";
import type { configSchema } from "../../src/config/schema.ts";

test("the committed interfaces are what the schemas say (else run scripts/generate-docs.ts)", () => {
  const committed = readFileSync(join(import.meta.dirname, "../..", configTypesFile), "utf8");
  assert.equal(committed, createConfigTypes());
});

test("every key of the interfaces has a comment of at least a sentence", () => {
  const text = createConfigTypes();
  const keys = [...text.matchAll(/(\*\/)?\n {2}readonly (\w+)\??:/g)];
  assert.ok(keys.length > 100, `${keys.length} keys`);
  assert.deepEqual(
    keys.filter(([, comment]) => comment === undefined).map(([, , key]) => key),
    [],
  );
});

test("the configuration that the examples are taken from is valid", () => {
  assert.equal(parseConfig(configExample).routes.length, configExample.routes.length);
});

// The following is no program: it passes the compiler exactly if the interfaces and the schemas are the same.

/**
 * `Type` with lists that may be written to, every key there, and `undefined` beside the value if the key may be
 * missing: of two such types neither can be assigned to the other if one has a key more, or may lack one that the other
 * may not. Middlewares are compared kind by kind.
 */
type Comparable<Type> = Type extends readonly (infer Item)[]
  ? Comparable<Item>[]
  : Type extends object
    ? {
        -readonly [Key in keyof Type as Key extends `x-${string}` ? never : Key]-?: Key extends "middlewares"
          ? "middlewares"
          : Comparable<Type[Key]> | (undefined extends Type[Key] ? undefined : never);
      }
    : Type;

/** Each of the two can be assigned to the other. */
type Same<One, Other> = [One, Other] extends [Other, One] ? true : { readonly one: One; readonly other: Other };

type SchemaInput = z.input<typeof configSchema>;
type SchemaMiddleware = NonNullable<SchemaInput["routes"][number]["middlewares"]>[number];
type Present<Type> = { [Key in keyof Type]-?: Exclude<Type[Key], undefined> };

export const proof: readonly true[] = [
  true satisfies Same<Comparable<ConfigInput>, Comparable<SchemaInput>>,
  true satisfies Same<Comparable<MiddlewareKinds>, Comparable<Present<SchemaMiddleware>>>,
];

// The comparison sees differences, or it would prove nothing.
export const disproof: readonly false[] = [
  false satisfies IsSame<{ a: 1 }, { a: 1; b?: 2 | undefined }>,
  false satisfies IsSame<{ a: 1; b: 2 }, { a: 1; b?: 2 | undefined }>,
  false satisfies IsSame<{ a: { b: string }[] }, { a: { b: string | number }[] }>,
  false satisfies IsSame<{ [name: string]: { a: 1 } }, { [name: string]: { a: 1; b?: 1 | undefined } }>,
  false satisfies IsSame<{ a: "x" | "y" }, { a: "x" }>,
];

type IsSame<One, Other> = Same<Comparable<One>, Comparable<Other>> extends true ? true : false;
