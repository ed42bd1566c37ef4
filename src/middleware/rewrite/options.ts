/** The options of the `rewrite` middleware. Schema and documentation; the normal form is `RewriteOptions`. */
import type { OptionsOf, SchemaTools } from "../../base/schema-builder.ts";
import { readWrittenPath } from "./written-path.ts";

const createPrefixSchema = ({ addProblem, z }: SchemaTools) =>
  z.string().superRefine((prefix, context) => {
    const { problem } = readWrittenPath(prefix);
    if (problem !== null) addProblem(context, problem);
  });

/** Makes the schema of `rewrite`. */
export const createRewriteSchema = (tools: SchemaTools) => {
  const { addProblem, documented, maybe, section, sectionCheck } = tools;
  const prefix = createPrefixSchema(tools);
  return section({
    stripPrefix: documented(maybe(prefix), {
      kind: "path",
      about:
        "A prefix that is taken off the path, at a segment boundary; what was taken off goes upstream as `X-Forwarded-Prefix`.",
    }),
    addPrefix: documented(maybe(prefix), {
      kind: "path",
      about: "A prefix that is put in front of the path, after `stripPrefix`.",
    }),
    replacePath: documented(maybe(prefix), { kind: "path", about: "The whole new path; the query stays." }),
  }).check(
    sectionCheck((rewrite: Record<string, unknown>, context) => {
      const isGiven = (key: string): boolean => rewrite[key] !== undefined && rewrite[key] !== null;
      if (!["stripPrefix", "addPrefix", "replacePath"].some(isGiven))
        addProblem(context, 'the rewrite is empty; it takes "stripPrefix", "addPrefix" or "replacePath"');
      if (isGiven("replacePath") && (isGiven("stripPrefix") || isGiven("addPrefix")))
        addProblem(
          context,
          '"replacePath" replaces the whole path; it does not go together with "stripPrefix" and "addPrefix"',
          { atKey: true },
          ["replacePath"],
        );
    }),
  );
};

/** The `rewrite` middleware in normal form; null = not asked for. */
export type RewriteOptions = OptionsOf<typeof createRewriteSchema>;
