import assert from "node:assert/strict";
import { test } from "node:test";
import { SharedMemory } from "../base/shared-memory.ts";
import { parseConfig } from "../config/parse-config.ts";
import type { Config } from "../config/schema.ts";
import { EndpointFlag, EndpointState, Health } from "../upstream/endpoint-state.ts";
import { UpstreamState } from "../upstream/upstream-state.ts";
import { ConnectionCount } from "./connection-count.ts";
import { SharedEndpoints } from "./shared-endpoints.ts";

const stripes = 2;
const url = "http://127.0.0.1:8081";

function configOf(name: string): Config {
  return parseConfig({
    listeners: [{ name, address: "127.0.0.1:0" }],
    upstreams: { [name]: { endpoints: [url] } },
    routes: [{ upstream: name }],
  });
}

/** What proxy thread 1 counts at the endpoint and the listener of the configuration `name`. */
function countIn(
  memory: SharedMemory,
  name: string,
): { readonly state: EndpointState; readonly connections: ConnectionCount } {
  const state = EndpointState.open(memory, {
    upstreamName: name,
    url,
    stripeIndex: 1,
    stripes,
    upstream: UpstreamState.open(memory, name),
  });
  const connections = new ConnectionCount(memory, name, 1, stripes);
  state.enter();
  connections.enter(0);
  return { state, connections };
}

test("a thread that dies between taking a configuration and everybody's taking it leaves no counts behind, in the old one or the new", async () => {
  const memory = new SharedMemory();
  const endpoints = new SharedEndpoints(memory, stripes);
  await endpoints.reserve(configOf("old"));
  await endpoints.adopt();
  await endpoints.reserve(configOf("new"));
  const counted = [countIn(memory, "old"), countIn(memory, "new")];
  endpoints.clearStripe(1);
  assert.deepEqual(
    counted.map(({ state, connections }) => [state.inFlight, connections.total]),
    [
      [0, 0],
      [0, 0],
    ],
  );
  await endpoints.adopt();
  assert.equal(endpoints.of("new")[0]!.state.inFlight, 0);
});

test("regions live as long as a configuration needs them; those of one that came to nothing are let go", async () => {
  const memory = new SharedMemory();
  const endpoints = new SharedEndpoints(memory, stripes);
  const keys = (): string[] => [...memory.keys].sort();
  const hasRegionsOf = (name: string): boolean => keys().some((key) => key.includes(name));
  await endpoints.reserve(configOf("first"));
  await endpoints.adopt();
  const before = keys();
  await endpoints.reserve(configOf("second"));
  assert.equal(hasRegionsOf("second"), true);
  await endpoints.release();
  assert.deepEqual(keys(), before);
  await endpoints.reserve(configOf("third"));
  await endpoints.adopt();
  assert.deepEqual([hasRegionsOf("first"), hasRegionsOf("third"), keys().length], [false, true, before.length]);
});

test("with `initial: unhealthy` an endpoint that comes gets nothing before a check, whichever way it comes; one that stays is as it was", async () => {
  const memory = new SharedMemory();
  const endpoints = new SharedEndpoints(memory, stripes);
  const read = (urls: readonly string[]): Config =>
    parseConfig({
      listeners: [{ address: ":0" }],
      routes: [{ upstream: "api" }],
      upstreams: { api: { endpoints: [...urls], health: { initial: "unhealthy" } } },
    });
  const health = (): string[] =>
    endpoints.of("api").map(({ spec, state }) => `${spec.url} ${state.healthName} ${state.isAnswering}`);
  await endpoints.reserve(read(["http://a:80"]));
  await endpoints.adopt();
  assert.deepEqual(health(), ["http://a:80 unhealthy false"]);
  const { state } = endpoints.of("api")[0]!;
  state.health = Health.healthy;
  state.isAnswering = true;
  const options = read(["http://a:80", "http://b:80"]).upstreams["api"]!;
  endpoints.adoptList(endpoints.reserveList({ upstream: "api", options, cause: null }));
  assert.deepEqual(health(), ["http://a:80 healthy true", "http://b:80 unhealthy false"]);
  const replaced = {
    ...options,
    endpoints: options.endpoints.map((endpoint) => ({ ...endpoint, identity: `${endpoint.url} again` })),
  };
  endpoints.adoptList(endpoints.reserveList({ upstream: "api", options: replaced, cause: null }));
  assert.deepEqual(health(), ["http://a:80 unhealthy false", "http://b:80 unhealthy false"]);
});

test("what is still under way at an endpoint or a listener counts when that is removed and added again; all else that was known of the endpoint is forgotten", async () => {
  const memory = new SharedMemory();
  const endpoints = new SharedEndpoints(memory, stripes);
  const reload = async (name: string): Promise<void> => {
    await endpoints.reserve(configOf(name));
    await endpoints.adopt();
  };
  await reload("first");
  const { state, connections } = countIn(memory, "first");
  state.health = Health.unhealthy;
  state.setFlag(EndpointFlag.draining);
  state.weightOverride = 7;
  state.latency.observe(100, 1);
  await reload("second");
  await reload("first");
  const back = endpoints.of("first")[0]!.state;
  assert.deepEqual(
    [back.inFlight, back.health, back.isAdmitting, back.weightOverride, back.latency.at(1)],
    [1, Health.unknown, true, null, 0],
  );
  assert.equal(new ConnectionCount(memory, "first", 0, stripes).total, 1);
  state.leave();
  connections.leave();
  assert.equal(back.inFlight, 0);
  await reload("second");
  assert.equal(
    [...memory.keys].some((key) => key.includes("first")),
    false,
    "nothing counts there any more",
  );
});

test("a thread that dies is taken out of the counts of what was removed, too", async () => {
  const memory = new SharedMemory();
  const endpoints = new SharedEndpoints(memory, stripes);
  for (const name of ["first", "second"]) {
    await endpoints.reserve(configOf(name));
    await endpoints.adopt();
    if (name === "first") countIn(memory, name);
  }
  endpoints.clearStripe(1);
  await endpoints.reserve(configOf("first"));
  await endpoints.adopt();
  assert.equal(endpoints.of("first")[0]!.state.inFlight, 0);
  assert.equal(new ConnectionCount(memory, "first", 0, stripes).total, 0);
});

test("after hundreds of lists no more is kept than after the first, in the directory of the control thread and of a proxy thread", async () => {
  const memory = new SharedMemory();
  const endpoints = new SharedEndpoints(memory, stripes);
  const config = configOf("api");
  const options = config.upstreams["api"]!;
  await endpoints.reserve(config);
  await endpoints.adopt();
  const thread = new SharedMemory(memory.snapshot());
  const keys = memory.keys.length;
  const kept = new Set<number>();
  for (let round = 0; round < 500; round++) {
    const port = 1_000 + round;
    const endpoint = { ...options.endpoints[0]!, port, url: `http://127.0.0.1:${port}`, identity: `pod-${round}` };
    const list = endpoints.reserveList({
      upstream: "api",
      options: { ...options, endpoints: [endpoint] },
      cause: null,
    });
    thread.extend(list.memory.part, list.memory.dropped);
    endpoints.adoptList(list);
    assert.equal(memory.keys.length, keys);
    if (round > 0) kept.add(thread.keys.length);
  }
  assert.equal(kept.size, 1);
});

test("another identity at the same address: what is known of the endpoint is forgotten, what is under way still counts", async () => {
  const memory = new SharedMemory();
  const endpoints = new SharedEndpoints(memory, stripes);
  const config = configOf("api");
  const options = config.upstreams["api"]!;
  const take = (identity: string): void => {
    const [endpoint] = options.endpoints;
    const next = { ...options, endpoints: [{ ...endpoint!, identity }] };
    endpoints.adoptList(endpoints.reserveList({ upstream: "api", options: next, cause: null }));
  };
  await endpoints.reserve(config);
  await endpoints.adopt();
  take("pod-1");
  const { state } = countIn(memory, "api");
  state.health = Health.unhealthy;
  state.setFlag(EndpointFlag.draining);
  take("pod-1");
  assert.equal(endpoints.of("api")[0]!.state.isAdmitting, false, "the same as before");
  take("pod-2");
  assert.equal(endpoints.of("api")[0]!.state.isAdmitting, true);
  assert.equal(endpoints.of("api")[0]!.state.inFlight, 1);
});
