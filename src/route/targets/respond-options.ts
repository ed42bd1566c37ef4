/** The options of `respond`. Schema and documentation; the normal form is `RespondOptions`. */
import type { OptionsOf, SchemaTools } from "../../base/schema-builder.ts";
import { createFieldMapSchema, createFieldValueSchema } from "../../http/field-options.ts";

/** Makes the schema of `respond`. */
export const createRespondSchema = (tools: SchemaTools) => {
  const { addProblem, documented, section, sectionCheck, z } = tools;
  return section({
    status: documented(z.int().min(200).max(599).prefault(200), { about: "The status." }),
    body: documented(z.string().max(1_048_576).prefault(""), { about: "The body, sent as UTF-8." }),
    contentType: documented(createFieldValueSchema(tools).prefault("text/plain; charset=utf-8"), {
      about: "The `Content-Type` field, if there is a body.",
    }),
    headers: documented(
      createFieldMapSchema(
        tools,
        "response",
        new Map([
          ["content-type", 'write "contentType" instead'],
          ["date", "the proxy writes the field itself"],
        ]),
      ).prefault({}),
      { kind: "map of field to value", about: "Further fields of the answer." },
    ),
  }).check(
    sectionCheck((answer: { status?: unknown; body?: unknown }, context) => {
      if (
        (answer.status === 204 || answer.status === 205 || answer.status === 304) &&
        typeof answer.body === "string" &&
        answer.body !== ""
      ) {
        addProblem(context, `an answer with status ${answer.status} has no body (RFC 9110 section 15)`, {}, ["body"]);
      }
    }),
  );
};

/** `respond` in normal form. */
export type RespondOptions = OptionsOf<typeof createRespondSchema>;
