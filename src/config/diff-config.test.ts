import assert from "node:assert/strict";
import { test } from "node:test";
import { describeDiff, diffConfig } from "./diff-config.ts";
import { parseConfig } from "./parse-config.ts";
import type { ConfigInput } from "./config-input.ts";

const base = (): ConfigInput => ({
  listeners: [{ address: ":1" }, { address: ":2", name: "two" }],
  routes: [
    { name: "a", upstream: "x" },
    { name: "b", upstream: "y" },
  ],
  upstreams: { x: { endpoints: ["http://x"] }, y: { endpoints: ["http://y"] } },
});

const diff = (next: ConfigInput) => diffConfig(parseConfig(base()), parseConfig(next));

test("the same configuration, written in another way, is no change", async () => {
  const next = await diff({
    ...base(),
    workers: "auto",
    shutdown: { grace: "0.5m" },
    upstreams: { y: { endpoints: [{ url: "http://Y:80" }] }, x: { endpoints: ["http://x/"], balance: "round-robin" } },
  });
  assert.equal(next.isEmpty, true);
  assert.deepEqual(next.upstreams.unchanged, ["y", "x"]);
  assert.equal(describeDiff(next), "nothing changed");
});

test("added, removed, changed and unchanged things are told apart", async () => {
  const next = await diff({
    listeners: [{ address: ":1", limits: { headFields: 5 } }, { address: ":3" }],
    routes: [
      { name: "a", upstream: "x" },
      { name: "c", upstream: "z" },
    ],
    upstreams: { x: { endpoints: ["http://x"] }, z: { endpoints: ["http://z"] } },
    log: { level: "warn" },
    workers: 0,
  });
  assert.deepEqual(next, {
    listeners: { added: [":3"], removed: ["two"], changed: [":1"], unchanged: [] },
    routes: { added: ["c"], removed: ["b"], changed: [], unchanged: ["a"] },
    upstreams: { added: ["z"], removed: ["y"], changed: [], unchanged: ["x"] },
    isRouteOrderChanged: false,
    otherKeys: ["workers", "log"],
    isEmpty: false,
  });
  assert.equal(
    describeDiff(next),
    "listeners: 1 added, 1 removed, 1 changed; routes: 1 added, 1 removed, 1 unchanged; upstreams: 1 added, 1 removed, 1 unchanged; workers, log changed",
  );
});

test("another order of the routes is a change", async () => {
  const next = await diff({ ...base(), routes: [...base().routes].reverse() });
  assert.equal(next.isRouteOrderChanged, true);
  assert.equal(next.isEmpty, false);
  assert.equal(describeDiff(next), "the order of the routes changed");
});
