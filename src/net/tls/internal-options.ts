/** `listeners.*.tls.internal`: certificates of an authority on this machine. Schema and documentation. */
import * as z from "zod";
import { addProblem, documented, maybe, oneOrMore, section, switchable } from "../../base/option-schema.ts";
import { normalizeServerName } from "./server-name.ts";
import { filePathSchema } from "./file-path-options.ts";

const nameSchema = z.string().transform((text, context) => {
  const name = normalizeServerName(text);
  if (name !== null) return name;
  addProblem(context, `${JSON.stringify(text)} is not a host name`);
  return z.NEVER;
});

/** Null in the normal form = there is no such authority. */
export const internalSchema = switchable(
  section({
    folder: documented(maybe(filePathSchema), {
      kind: "path",
      defaultText: "`ca` in the folder of the service's state, else in that of the user's data",
      about:
        "Where the authority is kept. It is made there once, and shared by all processes that use the folder; nobody else may read it.",
      danger: "whoever has read it can pass for any host to those who trust it.",
    }),
    names: documented(oneOrMore(nameSchema).prefault([]), {
      kind: "name or list of names",
      about:
        "Names that have a certificate from the start. `localhost` and the machine's own name and addresses have one in any case, every other name gets one when a client asks for it.",
    }),
  }),
);

/** In normal form. */
export type InternalOptions = NonNullable<z.output<typeof internalSchema>>;
