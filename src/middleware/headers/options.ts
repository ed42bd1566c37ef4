/** The options of the `headers` middleware. Schema and documentation; the normal form is `HeadersOptions`. */
import * as z from "zod";
import { addProblem, choice, documented, oneOrMore, section } from "../../base/option-schema.ts";
import { toLowerAscii } from "../../http/fields.ts";
import { type FieldDirection, fieldMapSchema, fieldNameProblem } from "./field-options.ts";

function fieldEditsShape(direction: FieldDirection) {
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
    set: documented(fieldMapSchema(direction).prefault({}), {
      kind: "map of field to value",
      about: "Fields that are there afterwards with exactly this value.",
    }),
    add: documented(fieldMapSchema(direction).prefault({}), {
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

export const headersSchema = section({
  request: documented(section(fieldEditsShape("request")).prefault({}), {
    about: "Changes to the request as the endpoint sees it.",
  }),
  response: documented(
    section({
      ...fieldEditsShape("response"),
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

/** The `headers` middleware in normal form; names in `remove` are in lower case. */
export type HeadersOptions = z.output<typeof headersSchema>;
