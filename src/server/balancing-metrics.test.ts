import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../base/clock.ts";
import { SharedMemory } from "../base/shared-memory.ts";
import type { Config } from "../config/schema.ts";
import { EndpointState } from "../upstream/endpoint-state.ts";
import { UpstreamState } from "../upstream/upstream-state.ts";
import { collectBalancing } from "./balancing-metrics.ts";
import { specAt } from "../upstream/testing/endpoints.ts";

function open(options: object) {
  const memory = new SharedMemory();
  const clock = new ManualClock(50_000);
  const spec = specAt(1);
  const state = EndpointState.open(memory, {
    upstreamName: "api",
    url: spec.url,
    stripeIndex: -1,
    stripes: 1,
    upstream: UpstreamState.open(memory, "api"),
    clock,
  });
  const collect = collectBalancing(
    () => ({ upstreams: { api: { balance: "round-robin", slowStart: 0, ...options } } }) as unknown as Config,
    () => [{ spec, state }],
    clock,
  );
  const read = (): Record<string, number> => {
    const values: Record<string, number> = {};
    collect((family, labels, value) => {
      assert.deepEqual(labels, ["api", spec.url]);
      values[family.name] = value;
    });
    return values;
  };
  return { state, clock, read };
}

test("an upstream that goes by neither has neither metric", () => assert.deepEqual(open({}).read(), {}));

test("an endpoint that came back starts until its time is over", () => {
  const { state, clock, read } = open({ slowStart: 30_000 });
  assert.deepEqual(read(), { millrace_endpoint_starting: 0 });
  state.markAdded();
  clock.advance(29_999);
  assert.deepEqual(read(), { millrace_endpoint_starting: 1 });
  clock.advance(1);
  assert.deepEqual(read(), { millrace_endpoint_starting: 0 });
});

test("the expected latency is in seconds", () => {
  const { state, clock, read } = open({ balance: "peak-ewma" });
  assert.deepEqual(read(), { millrace_endpoint_expected_latency_seconds: 0 });
  state.latency.observe(250, clock.now());
  assert.deepEqual(read(), { millrace_endpoint_expected_latency_seconds: 0.25 });
});
