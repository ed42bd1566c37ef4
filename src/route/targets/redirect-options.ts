/** The options of `redirect`. Schema and documentation; the normal form is `RedirectOptions`. */
import type { OptionsOf, SchemaTools } from "../../base/schema-builder.ts";
import { findTemplateProblems, placeholderNames } from "./location.ts";

const redirectStatuses = [301, 302, 303, 307, 308] as const;

const createToSchema = ({ addProblem, z }: SchemaTools) =>
  z.string().superRefine((to, context) => {
    for (const { message, unknownPlaceholder } of findTemplateProblems(to)) {
      const hint = unknownPlaceholder === null ? {} : { knownValues: placeholderNames, word: unknownPlaceholder };
      addProblem(context, message, hint);
    }
  });

/** Makes the schema of `redirect`. */
export const createRedirectSchema = (tools: SchemaTools) => {
  const { documented, section, z } = tools;
  return section({
    to: documented(createToSchema(tools), {
      kind: "location",
      about:
        "Where to. Placeholders: `{scheme}`, `{host}` (without port), `{path}`, `{query}` (with its `?`, or nothing), `{uri}` (path and query).",
    }),
    status: documented(z.literal(redirectStatuses).prefault(308), {
      about:
        "301 and 302 let clients turn POST into GET, 303 makes them, 307 and 308 keep the method; 301 and 308 are remembered.",
    }),
  });
};

/** `redirect` in normal form. */
export type RedirectOptions = OptionsOf<typeof createRedirectSchema>;
