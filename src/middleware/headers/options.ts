/** The options of the `headers` middleware. Schema and documentation; the normal form is `HeadersOptions`. */
import type { OptionsOf, SchemaTools } from "../../base/schema-builder.ts";
import { toLowerAscii } from "../../http/field-text.ts";
import { type FieldDirection, createFieldMapSchema, fieldNameProblem } from "../../http/field-options.ts";

function createEditsShape(tools: SchemaTools, direction: FieldDirection) {
  const { addProblem, documented, oneOrMore, z } = tools;
  const nameSchema = z
    .string()
    .superRefine((name, context) => {
      // Via may go: loops are then found by CDN-Loop.
      const problem =
        direction === "request" && toLowerAscii(name) === "via" ? null : fieldNameProblem(name, direction);
      if (problem !== null) addProblem(context, problem);
    })
    .transform(toLowerAscii);
  return {
    set: documented(createFieldMapSchema(tools, direction).prefault({}), {
      kind: "map of field to value",
      about: "Fields that are there afterwards with exactly this value.",
    }),
    add: documented(createFieldMapSchema(tools, direction).prefault({}), {
      kind: "map of field to value",
      about: "Fields that are added to those of the same name.",
    }),
    remove: documented(oneOrMore(nameSchema).prefault([]), {
      kind: "list of fields",
      about:
        "Fields that are not there afterwards. Removal comes before `set` and `add`. Trailers of these names, and of those in `set`, go as well.",
    }),
  };
}

/** Makes the schema of `headers`. */
export const createHeadersSchema = (tools: SchemaTools) => {
  const { choice, documented, section } = tools;
  return section({
    request: documented(section(createEditsShape(tools, "request")).prefault({}), {
      about: "Changes to the request as the endpoint sees it.",
    }),
    response: documented(
      section({
        ...createEditsShape(tools, "response"),
        when: documented(choice(["always", "upstream"]).prefault("always"), {
          about:
            "Which answers are changed. `always`: whoever gives them, also our own (`respond`, redirects, 429, 502) and interim ones (101, 103). `upstream`: those of endpoints alone.",
        }),
      }).prefault({}),
      {
        about:
          "Changes to the answer as the client sees it, unless a middleware that stands before this one has given it.",
      },
    ),
  });
};

/** The `headers` middleware in normal form; names in `remove` are in lower case. */
export type HeadersOptions = OptionsOf<typeof createHeadersSchema>;
