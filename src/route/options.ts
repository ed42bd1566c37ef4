/** The options of a route. Schema and documentation; the normal form is `RouteOptions`. */
import * as z from "zod";
import {
  addProblem,
  documented,
  duration,
  type Maybe,
  maybe,
  nameSchema,
  oneOrMore,
  optionalDuration,
  section,
  sectionCheck,
} from "../base/option-schema.ts";
import * as schemaTools from "../base/option-schema.ts";
import { toLowerAscii } from "../http/field-text.ts";
import { isNeverTunnelled, isProtocol } from "../http/upgrade.ts";
import type { MiddlewareKind } from "../middleware/kind.ts";
import { middlewareKinds } from "../middleware/kinds.ts";
import { createItemSchema } from "../middleware/options.ts";
import { shedSchema } from "../middleware/shed/options.ts";
import { matchSchema } from "./match-options.ts";
import type { RouteTarget } from "./targets/target.ts";
import { routeTargets } from "./targets/targets.ts";

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

/** Targets of the user interface that this version does not have yet. */
const targetsToCome = ["split", "files"];

/** What is said of a route for which nobody answers. */
export const noTargetMessage = tellNoTarget(routeTargets);

function tellNoTarget(targets: readonly RouteTarget[]): string {
  return `the route does not say who answers; it needs ${inWords(targets, '"', "or")}`;
}

/** The keys of all targets, each in quotes: `"a", "b" or "c"`. */
function inWords(targets: readonly RouteTarget[], quote: string, conjunction: string): string {
  const keys = targets.map(({ key }) => quote + key + quote);
  return keys.length === 1 ? keys[0]! : `${keys.slice(0, -1).join(", ")} ${conjunction} ${keys.at(-1)}`;
}

type TargetShape<Targets extends readonly RouteTarget[]> = {
  [Target in Targets[number] as Target["key"]]: Maybe<ReturnType<Target["createSchema"]>>;
};

/** The options of all targets; the first one's documentation says that there is one of them. */
function createTargetShape<Targets extends readonly RouteTarget[]>(targets: Targets): TargetShape<Targets> {
  const rule = ` A route has exactly one of ${inWords(targets, "`", "and")}.`;
  return Object.fromEntries(
    targets.map(({ key, doc, createSchema }, at) => [
      key,
      documented(maybe(createSchema(schemaTools)), { ...doc, about: doc.about + (at === 0 ? rule : "") }),
    ]),
  ) as TargetShape<Targets>;
}

/** Reports middlewares that act on requests that go upstream, on a route that sends none: they are a mistake there. */
function findUselessMiddlewares(
  middlewares: unknown,
  reason: string,
  context: z.core.$RefinementCtx,
  kinds: readonly MiddlewareKind[],
): void {
  if (!Array.isArray(middlewares)) return;
  middlewares.forEach((item: Record<string, unknown> | null | undefined, at) => {
    for (const { key, findUselessParts } of kinds) {
      const written = item?.[key];
      if (written === undefined) continue;
      for (const { path, consequence } of findUselessParts?.(written) ?? [])
        addProblem(context, `${reason}, so ${consequence}`, { atKey: true }, ["middlewares", at, key, ...path]);
    }
  });
}

/** Makes the schema of a route of the given middlewares and targets. */
export function createRouteSchema<
  const Kinds extends readonly MiddlewareKind[],
  const Targets extends readonly RouteTarget[],
>(kinds: Kinds, targets: Targets) {
  return section(
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
      middlewares: documented(z.array(createItemSchema(kinds)).prefault([]), {
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
          "The protocols that clients may switch to (`Upgrade`), each with its version if it has one: `websocket`, `tcp` (docker), `spdy/3.1` (kubectl). Of other requests the field is removed. WebSocket is" +
          " asked for by a GET, others by any method, also with a body. An endpoint that switches to something else is a bad gateway (502).",
        danger:
          "in a tunnel nothing is looked at: the endpoint must take it for what was asked for. `h2c` is never let through.",
      }),
      shed: shedSchema,
      ...createTargetShape(targets),
    },
    [...targetsToCome, "mirror", "fallback", "errors"],
  ).check(
    sectionCheck((route: Record<string, unknown>, context) => {
      const given = targets.filter(({ key }) => route[key] !== undefined && route[key] !== null);
      const [first, second] = given;
      if (first === undefined) {
        if (!targetsToCome.some((key) => key in route)) addProblem(context, tellNoTarget(targets));
      } else if (second !== undefined)
        addProblem(
          context,
          `a route has one of ${inWords(targets, '"', "and")}; this has ${given.length}`,
          { atKey: true },
          [second.key],
        );
      else if (!first.sendsUpstream)
        findUselessMiddlewares(
          route["middlewares"],
          `a route with "${first.key}" sends nothing upstream`,
          context,
          kinds,
        );
    }),
  );
}

/** The schema of a route. */
export const routeSchema = createRouteSchema(middlewareKinds, routeTargets);

/**
 * A route in normal form; `name` is null until the whole configuration is read. Exactly one of the targets' keys is not
 * null.
 */
export type RouteSectionOptions = z.output<typeof routeSchema>;

/** A route of a complete configuration. */
export type RouteOptions = Omit<RouteSectionOptions, "name"> & { name: string };
