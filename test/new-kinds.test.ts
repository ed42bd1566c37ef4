/**
 * What is added to the list of middlewares or of route targets is known everywhere: its object alone says all that the
 * schema, the reference, the shared memory, the checks and the threads need.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as z from "zod";
import { createConfigurationReference } from "../scripts/configuration-reference.ts";
import * as schemaTools from "../src/base/option-schema.ts";
import type { SchemaTools } from "../src/base/schema-builder.ts";
import { SharedMemory } from "../src/base/shared-memory.ts";
import { findConfigWarnings } from "../src/config/config-warnings.ts";
import { toDocumentedSchema } from "../src/config/json-schema.ts";
import { parseConfig } from "../src/config/parse-config.ts";
import { findReferenceProblems } from "../src/config/references.ts";
import { compileList } from "../src/middleware/compile-list.ts";
import type { MiddlewareKind } from "../src/middleware/kind.ts";
import { middlewareKinds } from "../src/middleware/kinds.ts";
import { reserveForMiddlewares } from "../src/middleware/reserve.ts";
import { createContext, createExchange } from "../src/middleware/testing/context.ts";
import { createRouteSchema } from "../src/route/options.ts";
import type { RouteTarget } from "../src/route/targets/target.ts";
import { routeTargets, targetOf } from "../src/route/targets/targets.ts";

const createQuotaSchema = ({ count, documented, section, z: library }: SchemaTools) =>
  section({
    requests: count(3, { about: "How many requests pass in all." }, { min: 0, max: 1_000 }),
    store: documented(library.string().prefault("local"), { kind: "name", about: "Where they are counted." }),
  });

const keyOf = (routeName: string, ordinal: number): string => `quota:${routeName}:${ordinal}`;

/** Lets so many requests pass, all threads together. */
const quota: MiddlewareKind<"quota", typeof createQuotaSchema> = {
  key: "quota",
  about: "Lets a number of requests pass, and no more.",
  createSchema: createQuotaSchema,
  create({ requests }, { memory, routeName, ordinal }) {
    const { buffer, byteOffset } = memory.region(keyOf(routeName, ordinal), 4);
    const used = new Int32Array(buffer, byteOffset, 1);
    return (next) => (exchange) => {
      if (Atomics.add(used, 0, 1) < requests) next(exchange);
      else exchange.fail("RATE_LIMITED");
    };
  },
  reserve(_options, { routeName, ordinal }, memory) {
    memory.region(keyOf(routeName, ordinal), 4);
    return [{ key: keyOf(routeName, ordinal), clearStripe: null }];
  },
  findReferences(written) {
    const name = (written as { store?: unknown } | null)?.store;
    return typeof name === "string" ? [{ section: "stores", name, alwaysKnown: ["local"], path: ["store"] }] : [];
  },
  findUselessParts: () => [{ path: ["requests"], consequence: "nothing is spared" }],
  goesByClientAddress: ({ store }) => store !== "local",
};

const createHopSchema = ({ documented, section, z: library }: SchemaTools) =>
  section({ by: documented(library.string(), { about: "The upstream to hop to." }) });

/** Sends every request upstream, by another key. */
const hop: RouteTarget<"hop", typeof createHopSchema> = {
  key: "hop",
  doc: { about: "Hops." },
  createSchema: createHopSchema,
  sendsUpstream: true,
  create: ({ by }, context) => context.forwardTo(by),
  describe: ({ by }) => `hop by ${by}`,
  findReferences(written) {
    const name = (written as { by?: unknown } | null)?.by;
    return typeof name === "string" ? [{ section: "upstreams", name, alwaysKnown: [], path: ["by"] }] : [];
  },
};

const kinds = [...middlewareKinds, quota] as const;
const targets = [...routeTargets, hop] as const;
const routeSchema = createRouteSchema(kinds, targets);
const problemsOf = (route: object): string[] =>
  routeSchema.safeParse(route).error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`) ?? [];

test("the schema of a route reads it, with its defaults", () => {
  const route = routeSchema.parse({ hop: { by: "u" }, middlewares: [{ quota: {} }, { quota: { requests: 1 } }] });
  assert.deepEqual(route.middlewares, [
    { quota: { requests: 3, store: "local" } },
    { quota: { requests: 1, store: "local" } },
  ]);
  assert.deepEqual([route.hop, route.upstream, route.respond], [{ by: "u" }, null, null]);
});

test("what is wrong with it is told as of all others", () => {
  assert.match(problemsOf({ hop: { by: "u" }, middlewares: [{ quota: { requests: -1 } }] }).join(), /quota\.requests/);
  assert.match(problemsOf({}).join(), /it needs "upstream", "redirect", "respond" or "hop"/);
  assert.match(problemsOf({ hop: { by: "u" }, respond: {} }).join(), /^hop: a route has one of .*; this has 2$/);
  assert.match(problemsOf({ respond: {}, middlewares: [{}] }).join(), /the middleware is empty/);
});

test("what is of no use on a route that sends nothing upstream is a mistake there, and there alone", () => {
  const middlewares = [{ quota: {} }];
  assert.deepEqual(problemsOf({ respond: {}, middlewares }), [
    'middlewares.0.quota.requests: a route with "respond" sends nothing upstream, so nothing is spared',
  ]);
  assert.deepEqual(problemsOf({ upstream: "u", middlewares }), []);
  assert.deepEqual(problemsOf({ hop: { by: "u" }, middlewares }), []);
});

test("the reference describes it", () => {
  const page = createConfigurationReference(toDocumentedSchema(schemaTools.section({ routes: z.array(routeSchema) })));
  assert.match(page, /\| `quota` \| section \| none \| Lets a number of requests pass, and no more\. See /);
  assert.match(page, /^## routes\[\]\.middlewares\[\]\.quota\n\nLets a number/m);
  assert.match(page, /\| `requests` \| number, 0 to 1000 \| `3` \| How many requests pass in all\. \|/);
  assert.match(page, /\| `hop` \| section \| none \| Hops\. See /);
  assert.match(page, /A route has exactly one of `upstream`, `redirect`, `respond` and `hop`\./);
});

test("names that it mentions must be known", () => {
  const findings = findReferenceProblems(
    {
      stores: { shared: {} },
      upstreams: { app: {} },
      routes: [{ hop: { by: "ap" }, middlewares: [{ quota: { store: "share" } }, { quota: { store: "local" } }] }],
    },
    { kinds, targets },
  );
  assert.deepEqual(
    findings.map(({ path, message, hint }) => [path.join("."), message, hint]),
    [
      ["routes.0.hop.by", 'there is no upstream "ap"', 'did you mean "app"?'],
      ["routes.0.middlewares.0.quota.store", 'there is no store "share"', 'did you mean "shared"?'],
    ],
  );
});

test("its memory is reserved under the keys that its middleware looks for, and its place in the list tells it apart", () => {
  const items = [{ quota: { requests: 1 } }, { rewrite: { addPrefix: "/x" } }, { quota: { requests: 2 } }];
  const memory = new SharedMemory();
  const regions = reserveForMiddlewares([{ name: "r", middlewares: items }], { memory, stripes: 1 }, kinds);
  assert.deepEqual(
    regions.map(({ key }) => key),
    ["quota:r:0", "quota:r:1"],
  );
  const { context } = createContext();
  const list = compileList({ routeName: "r", items, shed: "never", maxLagMs: 0 }, { ...context, memory }, kinds);
  let passed = 0;
  const answer = list.before(() => passed++);
  const refused = [1, 2, 3].map(() => {
    const { exchange, client } = createExchange();
    answer(exchange);
    return exchange.record.reason ?? client.told.join();
  });
  assert.deepEqual(refused, ["", "RATE_LIMITED", "RATE_LIMITED"]);
  assert.equal(passed, 1);
  const { buffer, byteOffset } = memory.region("quota:r:1", 4);
  assert.equal(new Int32Array(buffer, byteOffset, 1)[0], 1, "the inner one has seen what the outer one let pass");
});

test("a warning names it if it goes by addresses that clients do not have", () => {
  const config = parseConfig({
    listeners: [{ address: "unix:/run/a.sock" }],
    routes: [{ name: "r", respond: {} }],
  });
  const warningsOf = (store: string): string[] => {
    const routes = config.routes.map((route) => ({ ...route, middlewares: [{ quota: { requests: 1, store } }] }));
    return findConfigWarnings({ ...config, routes: routes as never }, kinds);
  };
  assert.match(warningsOf("shared").join(), /they are all one to `quota` of route r/);
  assert.deepEqual(warningsOf("local"), []);
});

test("a target of its own makes the route's last handler, and says what it is", () => {
  const { target, options } = targetOf({ upstream: null, respond: null, hop: { by: "app" } }, targets);
  const forwarded: string[] = [];
  target.create(options, {
    forwardTo: (name) => () => forwarded.push(name),
  })(createExchange().exchange);
  assert.deepEqual(forwarded, ["app"]);
  assert.equal(target.describe(options), "hop by app");
  assert.throws(() => targetOf({ upstream: null, hop: null }, targets), /nobody answers/);
});
