import assert from "node:assert/strict";
import { test } from "node:test";
import { sharedClock } from "../base/shared-clock.ts";
import { SharedMemory } from "../base/shared-memory.ts";
import { parseConfig } from "../config/parse-config.ts";
import { createContext } from "../middleware/testing/context.ts";
import { plainPolicy } from "./balancer/form-groups.ts";
import { EndpointFlag, Health } from "./endpoint-state.ts";
import type { Endpoint, EndpointSpec } from "./endpoint.ts";
import { createPolicies } from "./policies.ts";
import { idleTransport, specAt } from "./testing/endpoints.ts";
import type { Transport } from "./transport.ts";
import { transportsLeftBehind, Upstream, type UpstreamParts } from "./upstream.ts";

function open(endpoints: readonly EndpointSpec[], more: Partial<UpstreamParts> = {}): Upstream {
  return new Upstream({
    name: "api",
    endpoints,
    balance: "round-robin",
    memory: new SharedMemory(),
    stripeIndex: 0,
    stripes: 2,
    openTransport: (_spec, previous) => previous ?? idleTransport(),
    ...more,
  });
}

const ports = (upstream: Upstream, picks: number, tried: readonly Endpoint[] = []): (number | undefined)[] =>
  Array.from({ length: picks }, () => upstream.pick({ key: null, tried })?.spec.port);

/** Makes `specs` the endpoints of `upstream`. @returns the transports of those that are gone */
function takeAll(upstream: Upstream, specs: readonly EndpointSpec[]): Transport[] {
  const urls = new Set(specs.map(({ url }) => url));
  const gone = upstream.endpoints.map(({ name }) => name).filter((url) => !urls.has(url));
  const steps = upstream.take({ gone, changed: specs });
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

test("endpoints are found by their URL and picked in turn", () => {
  const upstream = open([specAt(1), specAt(2), specAt(3)]);
  assert.deepEqual(ports(upstream, 4), [1, 2, 3, 1]);
  assert.equal(upstream.find("http://127.0.0.1:2"), upstream.endpoints[1]);
  assert.equal(upstream.find("http://127.0.0.1:4"), null);
});

test("an endpoint that falls leaves the rotation in every thread at once, and returns", () => {
  const memory = new SharedMemory();
  const threads = [0, 1].map((stripeIndex) => open([specAt(1), specAt(2)], { memory, stripeIndex }));
  const [one, other] = threads as [Upstream, Upstream];
  one.endpoints[0]!.state.health = Health.unhealthy;
  assert.deepEqual(ports(other, 3), [2, 2, 2]);
  assert.equal(other.availableCount, 1);
  one.endpoints[1]!.state.health = Health.unhealthy;
  assert.deepEqual(ports(other, 1), [undefined]);
  other.endpoints[0]!.state.health = Health.healthy;
  assert.deepEqual(ports(one, 2), [1, 1]);
});

test("another endpoint is there to retry at if one could be picked, also one that is only ejected or doubted", () => {
  const upstream = open([specAt(1), specAt(2), specAt(3, { weight: 0 }), specAt(4, { isBackup: true })], {
    groupPolicy: { ...plainPolicy, panicThreshold: 0.5 },
  });
  const [one, two, , backup] = upstream.endpoints as [Endpoint, Endpoint, Endpoint, Endpoint];
  assert.deepEqual(
    [upstream.hasOther([], one), upstream.hasOther([two], one), upstream.hasOther([two, backup], one)],
    [true, true, false],
  );
  backup.state.setFlag(EndpointFlag.draining);
  for (const endpoint of [one, two]) endpoint.state.setFlag(EndpointFlag.ejected);
  assert.deepEqual(ports(upstream, 2).sort(), [1, 2]);
  assert.deepEqual([upstream.hasOther([], one), upstream.hasOther([two], one)], [true, false]);
  const doubted = open(
    [1, 2, 3, 4].map((port) => specAt(port)),
    { groupPolicy: { ...plainPolicy, panicThreshold: 0.5 } },
  );
  for (const { state } of doubted.endpoints) state.health = Health.unhealthy;
  assert.deepEqual(
    [doubted.hasOther([], doubted.endpoints[0]!), doubted.hasOther(doubted.endpoints.slice(1), doubted.endpoints[0]!)],
    [true, false],
  );
});

test("weights, and weights set at run time, decide the shares; backups wait", () => {
  const upstream = open([specAt(1, { weight: 2 }), specAt(2), specAt(3, { isBackup: true })]);
  assert.deepEqual(ports(upstream, 6), [1, 2, 1, 1, 2, 1]);
  upstream.endpoints[0]!.state.weightOverride = 0;
  assert.deepEqual(ports(upstream, 2), [2, 2]);
  upstream.endpoints[0]!.state.weightOverride = null;
  upstream.endpoints[1]!.state.health = Health.unhealthy;
  assert.deepEqual(ports(upstream, 2), [1, 1]);
  upstream.endpoints[0]!.state.health = Health.unhealthy;
  assert.deepEqual(ports(upstream, 2), [3, 3]);
});

test("a reload keeps counts, health, turn and the transports of what stays; the rest is left behind", () => {
  const memory = new SharedMemory();
  const before = open([specAt(1), specAt(2)], { memory });
  before.endpoints[0]!.state.enter();
  before.endpoints[1]!.state.health = Health.unhealthy;
  const after = open([specAt(3), specAt(1, { weight: 9 }), specAt(2)], { memory, previous: before });
  assert.equal(after.find("http://127.0.0.1:1")!.inFlight, 1);
  assert.equal(after.find("http://127.0.0.1:2")!.isAvailable, false);
  assert.equal(after.find("http://127.0.0.1:1")!.transport, before.endpoints[0]!.transport);
  before.endpoints[0]!.state.leave();
  assert.equal(after.find("http://127.0.0.1:1")!.inFlight, 0, "an attempt may end on the endpoint that was replaced");
  assert.deepEqual(transportsLeftBehind(before, after), []);
  const last = open([specAt(2)], { memory, previous: after });
  assert.deepEqual(transportsLeftBehind(after, last), [after.endpoints[0]!.transport, after.endpoints[1]!.transport]);
  assert.deepEqual(transportsLeftBehind(last, null), [last.endpoints[0]!.transport]);
});

test("another list keeps the endpoints that stay, opens those that are new and gives back the transports of the others", () => {
  const upstream = open([specAt(1), specAt(2)]);
  const [one, two] = upstream.endpoints as [Endpoint, Endpoint];
  two.state.enter();
  assert.deepEqual(takeAll(upstream, [specAt(3), specAt(2, { weight: 5 })]), [one.transport]);
  assert.deepEqual([one.isGone, two.isGone], [true, false]);
  assert.equal(upstream.find("http://127.0.0.1:2"), two);
  assert.deepEqual([two.weight, two.inFlight, upstream.find(one.name)], [5, 1, null]);
  assert.deepEqual(new Set(ports(upstream, 6)), new Set([2, 3]));
  assert.equal(takeAll(upstream, []).length, 2);
  assert.equal(upstream.pick({ key: null, tried: [] }), null);
});

test("what is done about failure bears attempts at endpoints that are gone, and counts at those that are new", () => {
  const memory = new SharedMemory();
  const { limits, outlier, breaker, retry, hedge } = parseConfig({
    listeners: [{ address: ":0" }],
    routes: [{ upstream: "api" }],
    upstreams: { api: { endpoints: ["http://127.0.0.1:1"], limits: { maxRequestsPerEndpoint: 1 }, breaker: {} } },
  }).upstreams["api"]!;
  const { context } = createContext();
  const upstream = open([specAt(1), specAt(2)], {
    memory,
    createPolicies: (endpoints, previous) =>
      createPolicies({
        ...context,
        memory,
        upstreamName: "api",
        options: { limits, outlier, breaker, retry, hedge },
        endpoints,
        clock: sharedClock,
        previous,
      }),
  });
  const [one] = upstream.endpoints as [Endpoint];
  const before = upstream.policies;
  assert.equal(before.saturation!.enterEndpoint(one), true);
  for (const observer of before.observers) observer.onAttemptStart(one);
  takeAll(upstream, [specAt(2), specAt(3)]);
  const after = upstream.policies;
  assert.deepEqual(
    [after.saturation, after.breaker, after.retryBudget],
    [before.saturation, before.breaker, before.retryBudget],
  );
  const three = upstream.find("http://127.0.0.1:3")!;
  assert.deepEqual([after.saturation!.enterEndpoint(three), after.saturation!.enterEndpoint(three)], [true, false]);
  for (const observer of after.observers) observer.onAttemptEnd(one, "reset", 0, -1);
  after.saturation!.leaveEndpoint(one);
  assert.equal(after.saturation!.enterEndpoint(one), true, "its place is free again");
  takeAll(upstream, [specAt(3)]);
  assert.equal(upstream.policies.observers.length, 1, "of one endpoint nobody is ejected");
  takeAll(upstream, [specAt(3), specAt(1)]);
  assert.equal(upstream.policies.observers.length, 2);
});
