/** The options of a route. Schema and documentation; the normal form is `RouteOptions`. */
import * as z from "zod";
import {
  addProblem,
  documented,
  duration,
  maybe,
  nameSchema,
  oneOrMore,
  optionalDuration,
  section,
  sectionCheck,
} from "../base/option-schema.ts";
import { toLowerAscii } from "../http/fields.ts";
import { isNeverTunnelled, isProtocol } from "../http/upgrade.ts";
import { type HeadersOptions, headersSchema } from "../middleware/headers/options.ts";
import { type PolicyOptions, policyShape } from "../middleware/options.ts";
import { type RewriteOptions, rewriteSchema } from "../middleware/rewrite/options.ts";
import { shedSchema } from "../middleware/shed/options.ts";
import { redirectSchema, respondSchema } from "./answer-options.ts";
import { matchSchema } from "./match-options.ts";

/** One middleware in normal form: an object with one key. */
export type MiddlewareOptions =
  | { readonly headers: HeadersOptions }
  | { readonly rewrite: RewriteOptions }
  | PolicyOptions;

const middlewareSchema = section(
  {
    headers: documented(headersSchema.optional(), { about: "Sets, adds and removes header fields." }),
    rewrite: documented(rewriteSchema.optional(), { about: "Changes the path that goes upstream." }),
    ...policyShape,
  },
  [
    "cache",
    "compress",
    "basicAuth",
    "jwt",
    "forwardAuth",
    "oidc",
    "ip",
    "cors",
    "csrf",
    "securityHeaders",
    "script",
    "use",
  ],
)
  .check(
    sectionCheck((item: Record<string, unknown>, context) => {
      const given = Object.keys(item).filter((key) => item[key] !== undefined);
      if (given.length === 0)
        addProblem(context, "the middleware is empty; it has one key, which says what it does", {
          knownValues: ["headers", "rewrite", ...Object.keys(policyShape)],
        });
      else if (given.length > 1)
        addProblem(
          context,
          `a middleware has one key, this has ${given.length}; write one list item for each: the order matters`,
          { atKey: true },
          [given[1] ?? ""],
        );
    }),
  )
  .transform((item) => item as MiddlewareOptions);

const protocolSchema = z
  .string()
  .superRefine((protocol, context) => {
    const shown = JSON.stringify(protocol);
    if (!isProtocol(protocol))
      addProblem(context, `${shown} is not the name of a protocol, such as "websocket" or "spdy/3.1"`);
    else if (isNeverTunnelled(protocol))
      addProblem(context, `${shown} is never let through: it would carry requests past the proxy`);
  })
  .transform(toLowerAscii);

/** Who may answer for a route; exactly one does. */
export const routeTargets = ["upstream", "redirect", "respond"] as const;

/** What is said of a route for which nobody answers. */
export const noTargetMessage = 'the route does not say who answers; it needs "upstream", "redirect" or "respond"';

/** What changes the request is of no use where no request goes on: written there, it is a mistake. */
function findUselessMiddlewares(route: Record<string, unknown>, reason: string, context: z.core.$RefinementCtx): void {
  if (!Array.isArray(route["middlewares"])) return;
  route["middlewares"].forEach(
    (
      item:
        | { rewrite?: unknown; buffer?: unknown; bodyLimit?: unknown; headers?: { request?: Record<string, object> } }
        | undefined,
      at,
    ) => {
      for (const name of ["buffer", "bodyLimit"] as const)
        if (item?.[name] !== undefined)
          addProblem(context, `${reason}, so its body goes nowhere`, { atKey: true }, ["middlewares", at, name]);
      if (item?.rewrite !== undefined)
        addProblem(context, `${reason}, so there is nothing to rewrite`, { atKey: true }, [
          "middlewares",
          at,
          "rewrite",
        ]);
      const edits = Object.values(item?.headers?.request ?? {});
      if (edits.some((edit) => typeof edit === "object" && Object.keys(edit).length > 0))
        addProblem(context, `${reason}, so there are no request fields to change`, { atKey: true }, [
          "middlewares",
          at,
          "headers",
          "request",
        ]);
    },
  );
}

export const routeSchema = section(
  {
    name: documented(maybe(nameSchema), {
      about: "How logs and metrics call this route.",
      defaultText: "route-1, route-2, … by position",
    }),
    priority: documented(z.int().min(-1_000_000).max(1_000_000).prefault(0), {
      about:
        "Routes of higher priority are looked at first; among equals the more specific route wins, then the earlier one.",
    }),
    match: documented(matchSchema.prefault({}), {
      about: "Which requests this route takes: all that is written here must be true. Everything by default.",
    }),
    middlewares: documented(z.array(middlewareSchema).prefault([]), {
      kind: "list",
      about: "What happens to requests and answers on the way, in this order. Each item has one key.",
    }),
    timeouts: documented(
      section({
        total: duration("0s", {
          about:
            "How long an exchange may take as a whole, waiting and retries included; 504 after it. Tunnels are free of it.",
          zero: "no limit",
        }),
        firstByte: optionalDuration({
          about: "How long an endpoint may take for the first byte of its answer.",
          zero: "no limit",
          defaultText: "the upstream's",
        }),
        idle: optionalDuration({
          about:
            "The longest pause in an answer. Event streams (`text/event-stream`), gRPC and tunnels are given an hour in any case.",
          zero: "no limit",
          defaultText: "the upstream's",
        }),
      }).prefault({}),
      { about: "How long exchanges may take." },
    ),
    upgrade: documented(oneOrMore(protocolSchema).prefault(["websocket"]), {
      kind: "list of protocols",
      about:
        "The protocols that clients may switch to (`Upgrade`), each with its version where it has one: `websocket`, `tcp` (docker), `spdy/3.1` (kubectl). Of other requests the field is removed. WebSocket is" +
        " asked for by a GET, others by any method, also with a body. An endpoint that switches to something else is a bad gateway (502).",
      danger:
        "in a tunnel nothing is looked at: the endpoint must take it for what was asked for. `h2c` is never let through.",
    }),
    shed: shedSchema,
    upstream: documented(maybe(z.string()), {
      kind: "name",
      about: "The upstream that answers. A route has exactly one of `upstream`, `redirect` and `respond`.",
    }),
    redirect: documented(maybe(redirectSchema), { about: "Answers with a redirection." }),
    respond: documented(maybe(respondSchema), { about: "Answers with a fixed text." }),
  },
  ["split", "files", "mirror", "fallback", "errors"],
).check(
  sectionCheck((route: Record<string, unknown>, context) => {
    const given = routeTargets.filter((key) => route[key] !== undefined && route[key] !== null);
    if (given.length === 0 && !("split" in route) && !("files" in route)) addProblem(context, noTargetMessage);
    else if (given.length > 1)
      addProblem(
        context,
        `a route has one of "upstream", "redirect" and "respond"; this has ${given.length}`,
        { atKey: true },
        [given[1] ?? ""],
      );
    if (given.length === 1 && given[0] !== "upstream")
      findUselessMiddlewares(route, `a route with "${given[0]}" sends nothing upstream`, context);
  }),
);

/**
 * A route in normal form; `name` is null until the whole configuration is read. Exactly one of `upstream`, `redirect`
 * and `respond` is not null.
 */
export type RouteSectionOptions = z.output<typeof routeSchema>;

/** A route of a complete configuration. */
export type RouteOptions = Omit<RouteSectionOptions, "name"> & { name: string };
