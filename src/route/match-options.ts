/** The options of a route's `match`: which requests it takes. The normal form is what `matchSchema` gives. */
import { domainToASCII } from "node:url";
import { ipVersion } from "../base/ip-address.ts";
import * as z from "zod";
import { addProblem, documented, oneOrMore, section } from "../base/option-schema.ts";
import { isToken, toLowerAscii } from "../http/fields.ts";
import { readPath } from "../http/path.ts";
import { isHostName } from "../net/listen-address.ts";
import { cidrSchema } from "../net/options.ts";

const hostSchema = z.string().transform((text, context): string => {
  const host = toLowerAscii(text).replace(/\.$/, "");
  const name = host.startsWith("*.") ? host.slice(2) : host;
  if (
    host === "*" ||
    (isHostName(name) && !name.endsWith(".")) ||
    (/^\[.*\]$/.test(host) && ipVersion(host.slice(1, -1)) === 6)
  )
    return host;
  const ascii = /[^\x00-\x7f]/.test(text) ? domainToASCII(name) : "";
  if (ascii !== "")
    addProblem(
      context,
      `${JSON.stringify(text)} is not ASCII; write ${JSON.stringify(host.startsWith("*.") ? `*.${ascii}` : ascii)}`,
    );
  else if (/^[^:]+:\d+$/.test(text))
    addProblem(context, `${JSON.stringify(text)} has a port; hosts are matched without it`);
  else if (text.includes("://")) addProblem(context, `${JSON.stringify(text)} is a URL; write the host alone`);
  else if (text.includes("*"))
    addProblem(context, `${JSON.stringify(text)}: a wildcard stands for whole labels in front, as in "*.example.com"`);
  else
    addProblem(
      context,
      `${JSON.stringify(text)} is not a host; write for example "api.example.com" or "*.example.com"`,
    );
  return z.NEVER;
});

const pathSchema = z
  .string({
    error: ({ input }) =>
      Array.isArray(input) ? "a list of paths is not available in this version; write a route for each" : undefined,
  })
  .superRefine((path, context) => {
    const shown = JSON.stringify(path);
    const plain = path.endsWith("/*") ? path.slice(0, -1) : path;
    if (!path.startsWith("/")) addProblem(context, `${shown} is not a path pattern; it begins with "/"`);
    else if (/[?#]/.test(path))
      addProblem(context, `${shown} has a query or fragment; a path pattern ends before it (see "query")`);
    else if (plain.includes("*"))
      addProblem(context, `${shown}: "*" stands only at the end, after a slash, as in "/v1/*"`);
    else if (/[^\x21-\x7e]/.test(path))
      addProblem(
        context,
        `${shown} has characters that no path has on the wire; write ${JSON.stringify(encodeURI(path.toWellFormed()))}`,
      );
    else if (/\\/.test(path)) addProblem(context, `${shown} has a backslash`);
    else if (/%(?![\dA-Fa-f]{2})/.test(path)) addProblem(context, `${shown} has a "%" without two hexadecimal digits`);
    else if (/(^|\/)\.{1,2}(\/|$)/.test(plain))
      addProblem(context, `${shown} has a "." or ".." segment; paths are matched without them`);
    else {
      const reading = readPath(plain);
      if (typeof reading === "string") addProblem(context, `${shown} is a path that no request can have`);
      else if (reading.canonical !== plain)
        addProblem(
          context,
          `${shown} is not how paths are matched; write ${JSON.stringify(reading.canonical + path.slice(plain.length))}`,
        );
    }
  });

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
  ["listener", "pathRegex", "not"],
);
