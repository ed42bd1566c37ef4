/** The options of the admin listener. Schema and documentation; the normal form is `AdminOptions`. */
import * as z from "zod";
import { addProblem, documented, section } from "../base/option-schema.ts";
import { listenAddressSchema } from "../net/listen-address-options.ts";

/** A token as RFC 6750 section 2.1 has it, so that it can stand in a header field. */
const tokenSchema = z.string().superRefine((token, context) => {
  // Never shows the token.
  if (token.length < 8) addProblem(context, "the token is too short; at least 8 characters, better 32 random ones");
  else if (!/^[A-Za-z0-9\-._~+/]+=*$/.test(token))
    addProblem(
      context,
      "the token has characters that a bearer token cannot have; letters, digits and - . _ ~ + / only",
    );
});

/** The schema of `admin`. */
const adminSchema = section({
  address: documented(listenAddressSchema.prefault("127.0.0.1:9901"), {
    kind: "address",
    about: "Where metrics, health and the API are served: `host:port` or `unix:/path`.",
    danger: "whoever reaches it can read metrics, routes and addresses of endpoints.",
  }),
  tokens: documented(
    z
      .array(
        section({
          token: documented(tokenSchema, {
            about: 'The secret, given as `Authorization: Bearer …`. Keep it out of the file: `"${ADMIN_TOKEN}"`.',
            isSecret: true,
          }),
          role: documented(z.enum(["read", "write"]).prefault("read"), {
            about: "`read` looks, `write` also changes and reloads.",
          }),
        }),
      )
      .prefault([]),
    { kind: "list", about: "Who may do what. Without tokens, changes are accepted from this machine only." },
  ),
});

/** The section, or the address alone in its place. */
export const adminOptionSchema = z
  .union([adminSchema, listenAddressSchema])
  .transform((value): z.output<typeof adminSchema> => ("tokens" in value ? value : { address: value, tokens: [] }));

/** The admin listener in normal form. */
export type AdminOptions = z.output<typeof adminSchema>;
