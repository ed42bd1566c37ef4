/** The options of discovery by a URL. Schema and documentation; the normal form is `HttpDiscoveryOptions`. */
import * as z from "zod";
import { addProblem, documented, duration, maybe, section } from "../../../base/option-schema.ts";
import { isFieldValue, isToken } from "../../../http/field-text.ts";
import { remoteTlsSchema } from "../../../remote/remote-tls-options.ts";

const urlSchema = z.string().transform((text, context): string => {
  const url = URL.canParse(text) ? new URL(text) : null;
  // The text may hold a password: it is not repeated.
  if (url === null || !/^https?:$/.test(url.protocol))
    addProblem(context, 'this is no URL of HTTP; write for example "https://registry.internal/endpoints"');
  else if (url.username !== "" || url.password !== "")
    addProblem(context, "the URL has a user name or password; write `token` or `headers`");
  else return url.href;
  return z.NEVER;
});

const headersSchema = z
  .record(z.string(), z.string())
  .superRefine((headers, context) => {
    for (const [name, value] of Object.entries(headers)) {
      if (!isToken(name))
        addProblem(context, `${JSON.stringify(name)} is not the name of a field`, { atKey: true }, [name]);
      else if (!isFieldValue(value)) addProblem(context, "the value of a field has no line breaks", {}, [name]);
    }
  })
  .prefault({});

/** The schema of `discovery.http`. */
export const httpDiscoverySchema = section({
  url: documented(urlSchema, {
    kind: "URL",
    about:
      'What is asked for. The answer is a list in JSON, or an object with a list `endpoints`; in it are URLs, or objects with `url` and, if wanted, `weight`, `zone`, `backup` and `identity`: `["http://10.0.0.7:8080", {"url": "http://10.0.0.8:8080", "weight": 3}]`.',
  }),
  interval: duration(
    "5s",
    {
      about:
        "The time between two questions, a tenth more or less. With an `ETag` or `Last-Modified` of the service, an answer that is still the same costs next to nothing.",
    },
    { min: 100 },
  ),
  timeout: duration("5s", { about: "How long the whole answer may take." }),
  headers: documented(headersSchema, {
    kind: "map of fields",
    about: "Fields that are sent with the question.",
  }),
  token: documented(maybe(z.string().min(1).max(8_192).refine(isFieldValue, "a token has no line breaks")), {
    kind: "text",
    defaultText: "none",
    about: "Sent as `Authorization: Bearer`. Have it come from the environment: `${REGISTRY_TOKEN}`.",
    isSecret: true,
  }),
  tls: documented(maybe(remoteTlsSchema), {
    kind: "section",
    defaultText: "what Node.js trusts",
    about: "How an `https` URL is asked.",
  }),
});

/** `discovery.http` in normal form. */
export type HttpDiscoveryOptions = z.output<typeof httpDiscoverySchema>;
