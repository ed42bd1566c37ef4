/**
 * A reload of a large configuration is built in slices: whoever is served meanwhile does not wait for the whole of it.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { TimeSlices } from "../../src/base/time-slices.ts";
import { parseConfig } from "../../src/config/parse-config.ts";
import { createContext } from "../../src/middleware/testing/context.ts";
import { Runtime, type RuntimeParts } from "../../src/server/runtime.ts";

const count = 50;

test("other events are handled between any two routes and any two upstreams", async () => {
  const names = Array.from({ length: count }, (_, at) => `u${at}`);
  const config = parseConfig({
    listeners: [{ address: ":0" }],
    routes: names.map((upstream) => ({ match: { host: `${upstream}.example.com` }, upstream })),
    upstreams: Object.fromEntries(names.map((name) => [name, { endpoints: ["http://127.0.0.1:9"] }])),
  });
  const { context: middlewares } = createContext();
  // What only exchanges need is not touched while a runtime is built.
  const parts = {
    config,
    memory: middlewares.memory,
    stripeIndex: 0,
    stripes: 1,
    middlewares,
    transports: { wheel: middlewares.wheel },
    forwarding: {},
  } as unknown as RuntimeParts;
  const before = await Runtime.build(parts, null);
  for (const name of names) before.upstreams.get(name);
  let turns = 0;
  const turning = (): void => {
    turns++;
    next = setImmediate(turning);
  };
  let next = setImmediate(turning);
  const runtime = await Runtime.build(parts, before, new TimeSlices(0)).finally(() => clearImmediate(next));
  assert.equal([...runtime.upstreams.open].length, count);
  assert.ok(turns >= 2 * count, `${turns} turns`);
});
