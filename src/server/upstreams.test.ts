import assert from "node:assert/strict";
import { test } from "node:test";
import { TimeSlices } from "../base/time-slices.ts";
import { parseConfig } from "../config/parse-config.ts";
import { createContext } from "../middleware/testing/context.ts";
import { parseEndpointAddress } from "../upstream/endpoint-address.ts";
import type { ListedEndpoint, ListPatch } from "../upstream/endpoint-source.ts";
import type { UpstreamContext } from "./upstream-parts.ts";
import { Upstreams } from "./upstreams.ts";

const listed = (port: number): ListedEndpoint => ({
  ...parseEndpointAddress(`http://127.0.0.1:${port}`),
  weight: 1,
  backup: false,
  zone: null,
  identity: null,
});

function contextOf(upstreams: Readonly<Record<string, readonly number[]>>): UpstreamContext {
  const { context: middlewares } = createContext();
  const config = parseConfig({
    listeners: [{ address: ":0" }],
    routes: [{ respond: {} }],
    upstreams: Object.fromEntries(
      Object.entries(upstreams).map(([name, ports]) => [
        name,
        { endpoints: ports.map((port) => `http://127.0.0.1:${port}`) },
      ]),
    ),
  });
  // What only exchanges need is not touched.
  const transports = { wheel: middlewares.wheel } as unknown as UpstreamContext["transports"];
  return { config, memory: middlewares.memory, stripeIndex: 0, stripes: 1, transports, middlewares };
}

const portsOf = (upstreams: Upstreams, name: string): number[] =>
  upstreams.get(name).endpoints.map(({ spec }) => spec.port);

/** The endpoint at the port `before` goes, and that at `after` comes. */
const replaced = (before: number, after: number): ListPatch => ({
  gone: [listed(before).url],
  changed: [listed(after)],
});

test("an upstream is opened when it is first asked for, and once", () => {
  const upstreams = new Upstreams(contextOf({ a: [1], b: [2] }));
  assert.deepEqual([[...upstreams.open], upstreams.transports], [[], []]);
  assert.equal(upstreams.get("a"), upstreams.get("a"));
  assert.deepEqual(
    [[...upstreams.open].map(({ name }) => name), upstreams.transports.length, upstreams.has("b"), upstreams.has("c")],
    [["a"], 1, true, false],
  );
  assert.throws(() => upstreams.get("toString"), /no upstream/);
});

test("what was open is open after a reload, with its transports; the transports of others are left behind", async () => {
  const before = new Upstreams(contextOf({ a: [1, 2], gone: [3], idle: [4] }));
  const [kept, dropped] = before.get("a").endpoints.map(({ transport }) => transport);
  const [gone] = before.get("gone").endpoints.map(({ transport }) => transport);
  const after = new Upstreams(contextOf({ a: [1], idle: [4], b: [5] }));
  await after.follow(before, new TimeSlices());
  assert.deepEqual(
    [...after.open].map(({ name }) => name),
    ["a"],
  );
  assert.equal(after.get("a").endpoints[0]!.transport, kept);
  assert.deepEqual(await before.leftBehind(after), [dropped, gone]);
});

test("a list that comes before the first request is the one that is opened", () => {
  const upstreams = new Upstreams(contextOf({ a: [1], b: [2] }));
  portsOf(upstreams, "b");
  assert.deepEqual(upstreams.take("a", replaced(1, 7)).next(), { done: true, value: [] });
  const steps = upstreams.take("b", replaced(2, 8));
  let step = steps.next();
  while (step.done !== true) {
    assert.deepEqual(portsOf(upstreams, "b"), [2], "until the last step those before serve");
    step = steps.next();
  }
  assert.equal(step.value.length, 1);
  assert.deepEqual([portsOf(upstreams, "a"), portsOf(upstreams, "b")], [[7], [8]]);
});
