/** The options of the `rewrite` middleware. Schema and documentation; the normal form is `RewriteOptions`. */
import type { OptionsOf, SchemaTools } from "../../base/schema-builder.ts";
import { readPath } from "../../http/path.ts";

const createPrefixSchema = ({ addProblem, z }: SchemaTools) =>
  z.string().superRefine((prefix, context) => {
    const shown = JSON.stringify(prefix);
    if (!/^\/[\x21-\x7e]*$/.test(prefix) || /[?#\\*]/.test(prefix))
      addProblem(context, `${shown} is not a path; it begins with "/" and has no white space, query or wildcard`);
    else if (/(^|\/)\.{1,2}(\/|$)/.test(prefix)) addProblem(context, `${shown} has a "." or ".." segment`);
    else if (typeof readPath(prefix) === "string") addProblem(context, `${shown} is a path that no request can have`);
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
