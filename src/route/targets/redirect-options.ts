/** The options of `redirect`. Schema and documentation; the normal form is `RedirectOptions`. */
import type { OptionsOf, SchemaTools } from "../../base/schema-builder.ts";

/** What `redirect.to` may name in braces. */
const redirectPlaceholders = ["path", "query", "uri", "host", "scheme"] as const;

const redirectStatuses = [301, 302, 303, 307, 308] as const;

const createToSchema = ({ addProblem, z }: SchemaTools) =>
  z.string().superRefine((to, context) => {
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
