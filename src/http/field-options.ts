/** Header fields in a configuration: names and values are held to what a peer would be held to (RFC 9110 section 5). */
import type { SchemaTools } from "../base/schema-builder.ts";
import { isToken, toLowerAscii } from "./field-text.ts";
import { forwardingFieldNames } from "./forwarding-fields.ts";

/**
 * Framing and hop-by-hop fields (RFC 9112 sections 6 and 9, RFC 9110 section 7.6.1): the proxy writes them itself, for
 * each connection anew.
 */
const ownFields = new Set([
  "content-length",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "upgrade",
  "http2-settings",
]);

/** Fields of a request that the proxy writes itself: they say where the request goes and on whose behalf. */
const ownRequestFields = new Set([...ownFields, "host", "expect", ...forwardingFieldNames]);

/** Whose fields: in a request, those that say where it goes and where it comes from cannot be changed either. */
export type FieldDirection = "request" | "response";

/** What is wrong with a field name in a sentence, or null. */
export function fieldNameProblem(name: string, direction: FieldDirection): string | null {
  if (!isToken(name)) return `${JSON.stringify(name)} is not a field name: letters, digits and - only`;
  const lower = toLowerAscii(name);
  if (ownFields.has(lower))
    return `the proxy writes the field ${JSON.stringify(name)} itself, for each connection; it cannot be set or removed`;
  if (direction === "request" && ownRequestFields.has(lower))
    return `the proxy writes the request field ${JSON.stringify(name)} itself; setting or removing it is not available in this version`;
  return null;
}

/** What is wrong with a field value, or null: visible ASCII, spaces and tabs, none of them at the ends. */
function fieldValueProblem(value: string): string | null {
  if (/[\r\n\0]/.test(value)) return "a field value cannot hold line breaks or NUL";
  if (!/^[\t\x20-\x7e]*$/.test(value)) return "a field value holds visible ASCII characters, spaces and tabs only";
  if (/^[\t ]|[\t ]$/.test(value)) return "a field value cannot begin or end with white space";
  return null;
}

/** Makes the schema of a field value. */
export const createFieldValueSchema = ({ addProblem, z }: SchemaTools) =>
  z.string().superRefine((value, context) => {
    const problem = fieldValueProblem(value);
    if (problem !== null) addProblem(context, problem);
  });

/**
 * Makes the schema of fields by name, as written; the names differ in more than case.
 * @param refused names in lower case that are not taken here, with the reason
 */
export function createFieldMapSchema(
  tools: SchemaTools,
  direction: FieldDirection,
  refused: ReadonlyMap<string, string> = new Map(),
) {
  const { addProblem, sectionCheck, z } = tools;
  return z.record(z.string(), createFieldValueSchema(tools)).check(
    sectionCheck((fields: Record<string, unknown>, context) => {
      const seen = new Map<string, string>();
      for (const name of Object.keys(fields)) {
        const lower = toLowerAscii(name);
        const problem =
          fieldNameProblem(name, direction) ??
          refused.get(lower) ??
          (seen.has(lower) ? `the field is there already, as ${JSON.stringify(seen.get(lower))}` : null);
        if (problem !== null) addProblem(context, problem, { atKey: true }, [name]);
        seen.set(lower, name);
      }
    }),
  );
}
