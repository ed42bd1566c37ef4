/** Stores that are named where something is kept, and what each kind can keep. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConfigInput } from "./config-input.ts";
import { findConfigWarnings } from "./config-warnings.ts";
import { parseConfig } from "./parse-config.ts";
import { withAbsolutePaths } from "./relative-paths.ts";
import { minimal, problemsOf } from "./testing/minimal-config.ts";

const stores = {
  redis: { redis: "redis://127.0.0.1:6379" },
  cluster: { etcd: { urls: ["https://10.0.0.1:2379"], tls: { ca: "ca.pem" } } },
  agent: { consul: { tls: { ca: "/etc/ca.pem", cert: "client.pem", key: "client.key" } } },
  own: { memory: {} },
  folder: { disk: { path: "answers" } },
};

const limiting = (store: string): object => ({
  ...minimal(),
  stores,
  routes: [{ upstream: "api", middlewares: [{ rateLimit: { rate: "5/s", store } }] }],
});

const issuing = (store: string): ConfigInput => ({
  ...minimal(),
  stores,
  listeners: [{ address: ":443", tls: { acme: { domains: ["a.example.com"], storage: { store } } } }],
});

test("rate limits can be shared through any store that instances have in common", () => {
  for (const name of ["local", "redis", "cluster", "agent"]) assert.deepEqual(problemsOf(limiting(name)), []);
  for (const name of ["own", "folder"])
    assert.match(
      problemsOf(limiting(name)).join("\n"),
      /rateLimit\.store.*cannot be counted in a store that is for caches/,
    );
});

test("what ACME keeps can be in any store that others see, too, if there is one of that name", () => {
  for (const name of ["redis", "cluster", "agent"]) assert.deepEqual(problemsOf(issuing(name)), []);
  assert.match(problemsOf(issuing("own")).join("\n"), /storage\.store.*cannot be kept in the memory of the process/);
  assert.match(problemsOf(issuing("folder")).join("\n"), /storage\.store.*a store on a disk is for caches/);
  assert.match(problemsOf(issuing("agemt")).join("\n"), /listeners\[0\]\.tls\.acme\.storage\.store.*"agemt".*"agent"/s);
});

test("a store whose name nobody has to prove is warned of", () => {
  const config = parseConfig({ ...minimal(), stores: { agent: { consul: { tls: { verify: false } } } } });
  assert.match(findConfigWarnings(config).join("\n"), /anybody may take the place of store agent/);
});

test("paths of stores are relative to the configuration", () => {
  const { stores: absolute } = withAbsolutePaths(parseConfig(issuing("agent")), "/etc/millrace");
  assert.equal(absolute["cluster"]?.etcd?.tls?.ca, "/etc/millrace/ca.pem");
  assert.equal(absolute["folder"]?.disk?.path, "/etc/millrace/answers");
  const { ca, cert, key } = absolute["agent"]?.consul?.tls ?? {};
  assert.deepEqual([ca, cert, key], ["/etc/ca.pem", "/etc/millrace/client.pem", "/etc/millrace/client.key"]);
});
