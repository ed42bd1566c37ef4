/** The options of the answers that a route gives itself: `redirect` and `respond`. */
import * as z from "zod";
import { addProblem, documented, section, sectionCheck } from "../base/option-schema.ts";
import { fieldMapSchema, fieldValueSchema } from "../middleware/headers/field-options.ts";

/** What `redirect.to` may name in braces. */
const redirectPlaceholders = ["path", "query", "uri", "host", "scheme"] as const;

const redirectStatuses = [301, 302, 303, 307, 308] as const;

const redirectToSchema = z.string().superRefine((to, context) => {
  const shown = JSON.stringify(to);
  if (/[^\x21-\x7e]/.test(to))
    return addProblem(context, `${shown} has characters that a Location field cannot have; percent-encode them`);
  for (const [whole, name = ""] of to.matchAll(/\{([^{}]*)\}/g)) {
    if (!redirectPlaceholders.some((known) => known === name))
      addProblem(context, `unknown placeholder "${whole}"`, { knownValues: redirectPlaceholders, word: name });
  }
  if (/[{}]/.test(to.replace(/\{[^{}]*\}/g, ""))) addProblem(context, `${shown} has a brace without its other half`);
  if (/^\/[/\\]/.test(to))
    addProblem(context, `${shown} begins with two slashes, which is another host; write the scheme as well`);
  else if (!/^(https?:\/\/[^/?#]|\{scheme\}:\/\/[^/?#]|\/|\{uri\}|\{path\})/i.test(to))
    addProblem(context, `${shown} is not a location; it begins with "https://", "http://", "{scheme}://" or "/"`);
});

export const redirectSchema = section({
  to: documented(redirectToSchema, {
    kind: "location",
    about:
      "Where to. Placeholders: `{scheme}`, `{host}` (without port), `{path}`, `{query}` (with its `?`, or nothing), `{uri}` (path and query).",
  }),
  status: documented(z.literal(redirectStatuses).prefault(308), {
    about:
      "301 and 302 let clients turn POST into GET, 303 makes them, 307 and 308 keep the method; 301 and 308 are remembered.",
  }),
});

export const respondSchema = section({
  status: documented(z.int().min(200).max(599).prefault(200), { about: "The status." }),
  body: documented(z.string().max(1_048_576).prefault(""), { about: "The body, sent as UTF-8." }),
  contentType: documented(fieldValueSchema.prefault("text/plain; charset=utf-8"), {
    about: "The `Content-Type` field, where there is a body.",
  }),
  headers: documented(
    fieldMapSchema(
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
