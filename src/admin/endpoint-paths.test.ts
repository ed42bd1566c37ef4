import assert from "node:assert/strict";
import { test } from "node:test";
import type { AdminSources, EndpointChange, EndpointMissing, EndpointReport } from "./admin-sources.ts";
import { findEndpointPath } from "./endpoint-paths.ts";

const report: EndpointReport = {
  upstream: "api",
  endpoint: {
    url: "http://127.0.0.1:8081",
    weight: 1,
    configuredWeight: 1,
    isBackup: false,
    tls: "none",
    health: "unknown",
    isDraining: true,
    isEjected: false,
    isAvailable: false,
    inFlight: 2,
  },
  takingCount: 1,
  endpointCount: 2,
};

/** What a path asks of the proxy, and what it answers. */
async function call(path: string, body = "", answer: EndpointReport | EndpointMissing = report) {
  const asked: [string, string, EndpointChange | null][] = [];
  const sources = {
    endpoint: (...all: [string, string, EndpointChange | null]) => (asked.push(all), answer),
  } as unknown as AdminSources;
  const found = findEndpointPath(path);
  assert.ok(found, path);
  const { status, body: text } = await found.answer(sources, { accept: undefined, body, peer: "127.0.0.1" });
  return { asked, status, answer: JSON.parse(text) as unknown, need: found.need, method: found.method };
}

const base = "/api/v1/upstreams/api/endpoints/http%3A%2F%2F127.0.0.1%3A8081";

for (const [action, body, change] of [
  ["drain", "", { kind: "drain" }],
  ["enable", "ignored", { kind: "enable" }],
  ["weight", '{"weight": 0}', { kind: "weight", weight: 0 }],
  ["weight", '{"weight": 65535}', { kind: "weight", weight: 65_535 }],
  ["weight", '{"weight": null}', { kind: "weight", weight: null }],
] as const) {
  test(`${action} ${body} needs the right to write and reaches the endpoint`, async () => {
    const { asked, status, answer, need, method } = await call(`${base}/${action}`, body);
    assert.deepEqual(asked, [["api", "http://127.0.0.1:8081", change]]);
    assert.deepEqual([status, answer, need, method], [200, report, "write", "POST"]);
  });
}

test("an endpoint can be looked at by whoever may read, and nothing changes", async () => {
  const { asked, status, need, method } = await call("/api/v1/upstreams/a%2Fb/endpoints/0");
  assert.deepEqual(asked, [["a/b", "0", null]]);
  assert.deepEqual([status, need, method], [200, "read", "GET"]);
});

for (const body of [
  "",
  "5",
  "null",
  "{}",
  "{weight: 5}",
  '{"weight": -1}',
  '{"weight": 65536}',
  '{"weight": 1.5}',
  '{"weight": "5"}',
  '{"weight": true}',
  '[{"weight": 1}]',
]) {
  test(`the weight ${body === "" ? "(nothing)" : body} is refused and changes nothing`, async () => {
    const { asked, status } = await call(`${base}/weight`, body);
    assert.deepEqual([asked, status], [[], 400]);
  });
}

test("what does not exist is answered with what does", async () => {
  const { status, answer } = await call(`${base}/drain`, "", { missing: "endpoint", known: ["http://10.0.0.1:80"] });
  assert.deepEqual(
    [status, answer],
    [404, { error: "There is no such endpoint.", missing: "endpoint", known: ["http://10.0.0.1:80"] }],
  );
});

for (const path of [
  "/api/v1/upstreams/api",
  "/api/v1/upstreams/api/endpoints/",
  "/api/v1/upstreams//endpoints/0",
  "/api/v1/upstreams/api/endpoints/0/",
  "/api/v1/upstreams/api/endpoints/0/stop",
  "/api/v1/upstreams/%/endpoints/0",
  `${base}/drain/x`,
  `/x${base}`,
]) {
  test(`${path} is nothing`, () => assert.equal(findEndpointPath(path), undefined));
}
