import assert from "node:assert/strict";
import { test } from "node:test";
import { SharedMemory } from "../base/shared-memory.ts";
import type { Config } from "../config/schema.ts";
import { families } from "../observe/families.ts";
import { silentLogger } from "../observe/logger.ts";
import { EndpointFlag, EndpointState, Health } from "../upstream/endpoint-state.ts";
import { UpstreamState } from "../upstream/upstream-state.ts";
import { PanicWatch } from "./panic-watch.ts";
import { specAt } from "../upstream/testing/endpoints.ts";

function open() {
  const memory = new SharedMemory();
  const upstream = UpstreamState.open(memory, "api");
  const endpoints = [1, 2, 3, 4].map((port) => {
    const spec = specAt(port);
    return {
      spec,
      state: EndpointState.open(memory, { upstreamName: "api", url: spec.url, stripeIndex: -1, stripes: 1, upstream }),
    };
  });
  const messages: string[] = [];
  const watch = new PanicWatch((name) => (name === "api" ? endpoints : []), {
    ...silentLogger,
    warn: (text, fields) => messages.push(`${text} ${JSON.stringify(fields)}`),
    info: (text) => messages.push(text),
  });
  const adopt = (panicThreshold: number): void =>
    watch.adopt({ upstreams: { api: { panicThreshold } } } as unknown as Config);
  const metric = (): unknown[] => {
    const samples: unknown[] = [];
    watch.collect((family, labels, value) => {
      if (family === families.panic) samples.push([...labels, value]);
    });
    return samples;
  };
  adopt(0.5);
  return {
    states: endpoints.map(({ state }) => state) as [EndpointState, EndpointState, EndpointState, EndpointState],
    watch,
    adopt,
    metric,
    messages,
  };
}

test("the beginning and the end of a panic are told once each, and the metric follows", () => {
  const { states, watch, metric, messages } = open();
  states[0].health = Health.unhealthy;
  states[2].health = Health.unhealthy;
  assert.equal(watch.look("api"), false);
  states[1].health = Health.unhealthy;
  assert.equal(watch.look("api"), true);
  assert.deepEqual(metric(), [["api", 1]]);
  states[1].health = Health.healthy;
  assert.deepEqual(metric(), [["api", 0]]);
  assert.deepEqual(messages, [
    'upstream panics: too few endpoints pass their checks, all that answer are used {"upstream":"api","available":1,"endpoints":4}',
    "upstream panics no more",
  ]);
});

test("endpoints that do not answer, or that were taken out of service, are no reason to panic", () => {
  const { states, watch } = open();
  for (const state of states.slice(1)) {
    state.isAnswering = false;
    state.health = Health.unhealthy;
  }
  assert.equal(watch.look("api"), false);
  for (const state of states.slice(1)) {
    state.isAnswering = true;
    state.health = Health.healthy;
    state.setFlag(EndpointFlag.draining);
  }
  assert.equal(watch.look("api"), false);
});

test("without a threshold there is neither panic nor metric", () => {
  const { states, watch, adopt, metric } = open();
  for (const state of states) state.health = Health.unhealthy;
  assert.equal(watch.look("api"), true);
  adopt(0);
  assert.equal(watch.look("api"), false);
  assert.deepEqual(metric(), []);
});
