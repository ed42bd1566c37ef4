/** The options of a route's `match`: which requests it takes. The normal form is what `matchSchema` gives. */
import * as z from "zod";
import { addProblem, documented, oneOrMore, parsedBy, section } from "../base/option-schema.ts";
import { isToken, toLowerAscii } from "../http/field-text.ts";
import { cidrSchema } from "../net/network-options.ts";
import { formatHostPattern, parseHostPattern } from "./host-pattern.ts";
import { parsePathPattern } from "./path-pattern.ts";

const hostSchema = z.string().transform(parsedBy((text) => formatHostPattern(parseHostPattern(text))));

const sniSchema = z.string().superRefine((name, context) => {
  if (/^\[|^[\d.]+$/.test(name))
    addProblem(context, `${JSON.stringify(name)} is an address; clients name no server by its address`);
});

const pathSchema = z
  .string({
    error: ({ input }) =>
      Array.isArray(input) ? "a list of paths is not available in this version; write a route for each" : undefined,
  })
  .transform(
    parsedBy((text) => {
      parsePathPattern(text);
      return text;
    }),
  );

const methodSchema = z.string().superRefine((method, context) => {
  if (!isToken(method)) addProblem(context, `${JSON.stringify(method)} is not a method`);
  else if (method === "CONNECT" || method === "TRACE")
    addProblem(context, `the proxy answers ${method} itself (405); it cannot be routed`);
  else if (/^[a-z]+$/.test(method))
    addProblem(context, `methods are case-sensitive; write ${JSON.stringify(method.toUpperCase())}`);
});

function matcherMapSchema(kind: "field" | "parameter" | "cookie") {
  return z.record(z.string(), z.string()).transform((values, context): Record<string, string> => {
    const result: Record<string, string> = {};
    for (const [name, value] of Object.entries(values)) {
      const key = kind === "field" ? toLowerAscii(name) : name;
      if (name === "" || (kind !== "parameter" && !isToken(name)))
        addProblem(
          context as z.core.$RefinementCtx,
          `${JSON.stringify(name)} is not the name of a ${kind}`,
          { atKey: true },
          [name],
        );
      else if (Object.hasOwn(result, key))
        addProblem(
          context as z.core.$RefinementCtx,
          `the ${kind} ${JSON.stringify(name)} is there already`,
          { atKey: true },
          [name],
        );
      else if (/[\r\n\0]/.test(value))
        addProblem(context as z.core.$RefinementCtx, "the value cannot hold line breaks or NUL", {}, [name]);
      result[key] = value;
    }
    return result;
  });
}

/**
 * A route's matchers. In normal form, a matcher that is not given is an empty list or a map without keys; `path` is
 * then `/*`.
 */
export const matchSchema = section(
  {
    listener: documented(oneOrMore(z.string()).prefault([]), {
      kind: "listener or list",
      about:
        "The listeners, by name, or by address if they have none. A listener with `mode: tcp` takes only routes that have this or `sni`.",
      defaultText: "any",
    }),
    sni: documented(oneOrMore(sniSchema.pipe(hostSchema)).prefault([]), {
      kind: "host or list",
      about:
        "For listeners with `mode: tcp`: the server names that the client's TLS asks for, as in `host`; `*` is any name. Without `tls` at the listener, TLS is not terminated: the ClientHello is read and passed on with all that follows. Whoever does not begin with one is refused, by all routes of the listener.",
      defaultText: "any, and none",
    }),
    host: documented(oneOrMore(hostSchema).prefault([]), {
      kind: "host or list",
      about:
        "The hosts: exact, or `*.example.com` for one or more labels in front. Without port; case does not matter.",
      defaultText: "any",
    }),
    path: documented(pathSchema.prefault("/*"), {
      about: "The path: `/x` exactly, or `/v1/*` for `/v1` and everything below it.",
    }),
    method: documented(oneOrMore(methodSchema).prefault([]), {
      kind: "method or list",
      about: "The methods.",
      defaultText: "any",
    }),
    header: documented(matcherMapSchema("field").prefault({}), {
      kind: "map of field to value",
      about:
        'Header fields that must have exactly this value; `"*"` only asks that the field is there. Fields are seen as the endpoint will see them: trust fields such as `x-real-ip` only from `trustedProxies`, none that `Connection` takes away.',
    }),
    query: documented(matcherMapSchema("parameter").prefault({}), {
      kind: "map of parameter to value",
      about: 'Query parameters that must have exactly this value; `"*"` only asks that the parameter is there.',
    }),
    cookie: documented(matcherMapSchema("cookie").prefault({}), {
      kind: "map of cookie to value",
      about: 'Cookies that must have exactly this value; `"*"` only asks that the cookie is there.',
    }),
    clientIp: documented(oneOrMore(cidrSchema).prefault([]), {
      kind: "network or list",
      about: "The networks the client is in. Behind other proxies this needs the listener's `trustedProxies`.",
      defaultText: "any",
    }),
  },
  ["pathRegex", "not"],
);
