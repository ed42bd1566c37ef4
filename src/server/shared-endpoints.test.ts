import assert from "node:assert/strict";
import { test } from "node:test";
import { SharedMemory } from "../base/shared-memory.ts";
import { parseConfig } from "../config/parse-config.ts";
import type { Config } from "../config/schema.ts";
import { EndpointState } from "../upstream/endpoint-state.ts";
import { UpstreamState } from "../upstream/upstream-state.ts";
import { ConnectionCount } from "./connection-count.ts";
import { SharedEndpoints } from "./shared-endpoints.ts";

const stripes = 2;
const url = "http://127.0.0.1:8081";

function configOf(name: string): Config {
  return parseConfig({ listeners: [{ name, address: "127.0.0.1:0" }], upstreams: { [name]: { endpoints: [url] } }, routes: [{ upstream: name }] });
}

/** What proxy thread 1 counts at the endpoint and the listener of the configuration `name`. */
function countIn(memory: SharedMemory, name: string): { readonly state: EndpointState; readonly connections: ConnectionCount } {
  const state = EndpointState.open(memory, { upstreamName: name, url, stripeIndex: 1, stripes, upstream: UpstreamState.open(memory, name) });
  const connections = new ConnectionCount(memory, name, 1, stripes);
  state.enter();
  connections.enter(0);
  return { state, connections };
}

test("a thread that dies between taking a configuration and everybody's taking it leaves no counts behind, in the old one or the new", () => {
  const memory = new SharedMemory();
  const endpoints = new SharedEndpoints(memory, stripes);
  endpoints.reserve(configOf("old"));
  endpoints.adopt(configOf("old"));
  endpoints.reserve(configOf("new"));
  const counted = [countIn(memory, "old"), countIn(memory, "new")];
  endpoints.clearStripe(1);
  assert.deepEqual(counted.map(({ state, connections }) => [state.inFlight, connections.total]), [[0, 0], [0, 0]]);
  endpoints.adopt(configOf("new"));
  assert.equal(endpoints.of("new")[0]!.state.inFlight, 0);
});

test("regions live as long as a configuration needs them; those of one that came to nothing are let go", () => {
  const memory = new SharedMemory();
  const endpoints = new SharedEndpoints(memory, stripes);
  const keys = (): string[] => [...memory.snapshot().keys].sort();
  const hasRegionsOf = (name: string): boolean => keys().some((key) => key.includes(name));
  endpoints.reserve(configOf("first"));
  endpoints.adopt(configOf("first"));
  const before = keys();
  endpoints.reserve(configOf("second"));
  assert.equal(hasRegionsOf("second"), true);
  endpoints.release();
  assert.deepEqual(keys(), before);
  endpoints.reserve(configOf("third"));
  endpoints.adopt(configOf("third"));
  assert.deepEqual([hasRegionsOf("first"), hasRegionsOf("third"), keys().length], [false, true, before.length]);
});
