/** The schema of a route's list of middlewares, made of the kinds. */
import { addProblem, documented, section, sectionCheck } from "../base/option-schema.ts";
import * as schemaTools from "../base/option-schema.ts";
import type * as z from "zod";
import type { MiddlewareKind } from "./kind.ts";
import type { ItemOf } from "./kinds.ts";

/** Keys of the user interface that this version does not have yet. */
const notAvailable = [
  "basicAuth",
  "jwt",
  "forwardAuth",
  "oidc",
  "ip",
  "cors",
  "csrf",
  "securityHeaders",
  "script",
  "use",
];

type ItemShape<Kinds extends readonly MiddlewareKind[]> = {
  [Kind in Kinds[number] as Kind["key"]]: z.ZodOptional<ReturnType<Kind["createSchema"]>>;
};

/** Makes the schema of one item: a section with one key, which is that of a kind. */
export function createItemSchema<const Kinds extends readonly MiddlewareKind[]>(kinds: Kinds) {
  const shape = Object.fromEntries(
    kinds.map(({ key, about, createSchema }) => [key, documented(createSchema(schemaTools).optional(), { about })]),
  ) as ItemShape<Kinds>;
  return section(shape, notAvailable)
    .check(
      sectionCheck((item: Record<string, unknown>, context) => {
        const given = Object.keys(item).filter((key) => item[key] !== undefined);
        if (given.length === 0)
          addProblem(context, "the middleware is empty; it has one key, which says what it does", {
            knownValues: Object.keys(shape),
          });
        else if (given.length > 1)
          addProblem(
            context,
            `a middleware has one key, this has ${given.length}; write one list item for each: the order matters`,
            { atKey: true },
            [given[1] ?? ""],
          );
      }),
    )
    .transform((item) => item as ItemOf<Kinds>);
}
