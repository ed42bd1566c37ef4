/** The options of a connection to Consul, as several sections have them. Schema and documentation. */
import * as z from "zod";
import { addProblem, documented, maybe } from "../../base/option-schema.ts";
import { remoteTlsSchema } from "../remote-tls-options.ts";

const urlSchema = z.string().superRefine((text, context) => {
  // It may hold a token, which is not repeated.
  if (!URL.canParse(text) || !/^https?:\/\/[^/]/.test(text))
    addProblem(context, 'this is not the URL of a Consul agent; write for example "http://127.0.0.1:8500"');
  else if (/@|[?#]/.test(text))
    addProblem(context, "the URL of a Consul agent has no user, no query and no fragment; write the token as `token`");
});

const datacentreSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, "a datacentre has letters, digits, - and _ in its name");

/** Which agent is asked, and as whom. */
export const consulConnectionShape = {
  url: documented(urlSchema.prefault("http://127.0.0.1:8500"), {
    kind: "URL",
    about: "The agent that is asked: the one of this machine, as a rule.",
  }),
  token: documented(maybe(z.string().regex(/^[\x21-\x7e]{1,1000}$/, "a token has visible ASCII characters only")), {
    defaultText: "none: as the anonymous token",
    about: "The ACL token that is shown.",
    isSecret: true,
  }),
  datacentre: documented(maybe(datacentreSchema), {
    kind: "name",
    defaultText: "the agent's own",
    about: "The datacentre that is asked.",
  }),
  tls: documented(maybe(remoteTlsSchema), {
    defaultText: "what Node.js trusts, without a certificate of ours",
    about: "How TLS is spoken if the URL is an `https://` one.",
  }),
};
