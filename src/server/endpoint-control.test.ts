import assert from "node:assert/strict";
import { test } from "node:test";
import { SharedMemory } from "../base/shared-memory.ts";
import type { Logger } from "../observe/logger.ts";
import { EndpointFlag, EndpointState } from "../upstream/endpoint-state.ts";
import type { EndpointSpec } from "../upstream/endpoint.ts";
import { UpstreamState } from "../upstream/upstream-state.ts";
import { EndpointControl, findEndpoint } from "./endpoint-control.ts";

const urls = ["http://10.0.0.1:80", "http://[::1]:8081", "http://api.internal:8082", "unix:/run/api.sock"];
const items = urls.map((url) => ({ spec: { url } }));

for (const [text, at] of [
  ["http://10.0.0.1:80", 0],
  ["http://10.0.0.1", 0],
  ["10.0.0.1:80", 0],
  ["10.0.0.1", 0],
  ["0", 0],
  ["[::1]:8081", 1],
  ["HTTP://[::1]:8081/", 1],
  ["API.internal:8082", 2],
  ["2", 2],
  ["unix:/run/api.sock", 3],
  ["/run/api.sock", 3],
] as const) {
  test(`${text} names ${urls[at]}`, () => assert.equal(findEndpoint(items, text), items[at]));
}

for (const text of [
  "",
  "4",
  "80",
  "8081",
  "10.0.0.1:81",
  "10.0.0.2",
  "api.internal",
  "https://10.0.0.1:80",
  "unix:/run/other.sock",
  "//",
  "a b",
]) {
  test(`${JSON.stringify(text)} names no endpoint`, () => assert.equal(findEndpoint(items, text), null));
}

test("the scheme may be left out, whatever it is", () => {
  const redis = { spec: { url: "tcp://10.0.0.1:6379" } };
  assert.equal(findEndpoint([...items, redis], "10.0.0.1:6379"), redis);
  assert.equal(findEndpoint([redis], "tcp://10.0.0.1:6379"), redis);
  assert.equal(findEndpoint([redis], "10.0.0.1"), null);
});

function setUp() {
  const memory = new SharedMemory();
  const upstreamState = UpstreamState.open(memory, "api");
  const all = urls.map((url) => ({
    spec: { url, weight: 2, isBackup: false } as EndpointSpec,
    state: EndpointState.open(memory, {
      upstreamName: "api",
      url,
      stripeIndex: -1,
      stripes: 1,
      upstream: upstreamState,
    }),
  }));
  const said: unknown[] = [];
  const logger: Logger = { debug: () => {}, info: (...all) => void said.push(all), warn: () => {}, error: () => {} };
  return { all, said, upstreamState, control: new EndpointControl({ upstreamNames: ["api"], of: () => all }, logger) };
}

test("draining and enabling are seen in every window, move the epoch, and are logged once", () => {
  const { control, said, upstreamState, all } = setUp();
  const epoch = upstreamState.epoch;
  const drained = control.apply("api", "0", { kind: "drain" });
  assert.ok("endpoint" in drained);
  assert.deepEqual(
    [drained.endpoint.isDraining, drained.endpoint.isAvailable, drained.takingCount, drained.endpointCount],
    [true, false, 3, 4],
  );
  assert.equal(all[0]?.state.isAdmitting, false);
  assert.notEqual(upstreamState.epoch, epoch);
  control.apply("api", "0", { kind: "drain" });
  assert.deepEqual(said, [["endpoint is draining", { upstream: "api", endpoint: "http://10.0.0.1:80" }]]);
  const enabled = control.apply("api", "10.0.0.1", { kind: "enable" });
  assert.ok("endpoint" in enabled && enabled.endpoint.isAvailable && enabled.takingCount === 4);
  assert.equal(said.length, 2);
});

test("a weight holds until it is taken back, and 0 takes the endpoint out", () => {
  const { control, said } = setUp();
  for (const [weight, inForce, takingCount] of [
    [7, 7, 4],
    [0, 0, 3],
    [null, 2, 4],
  ] as const) {
    const report = control.apply("api", "unix:/run/api.sock", { kind: "weight", weight });
    assert.ok("endpoint" in report);
    assert.deepEqual(
      [report.endpoint.weight, report.endpoint.configuredWeight, report.takingCount],
      [inForce, 2, takingCount],
    );
  }
  assert.deepEqual(said.at(-1), [
    "endpoint has a new weight",
    { upstream: "api", endpoint: "unix:/run/api.sock", weight: 2 },
  ]);
});

test("what is not there is told with what is", () => {
  const { control } = setUp();
  assert.deepEqual(control.apply("web", "0", { kind: "drain" }), { missing: "upstream", known: ["api"] });
  assert.deepEqual(control.apply("api", "9", null), { missing: "endpoint", known: urls });
});

test("an ejected endpoint counts among those that take requests if nobody else is left", () => {
  const { control, all } = setUp();
  all[0]!.state.setFlag(EndpointFlag.ejected);
  const drain = (at: number): unknown => {
    const report = control.apply("api", String(at), { kind: "drain" });
    return "takingCount" in report ? report.takingCount : report;
  };
  assert.deepEqual([1, 2, 3].map(drain), [2, 1, 1]);
  assert.equal(drain(0), 0);
});
