/** Instances in the double of Consul, as a discovery tells them. */
import assert from "node:assert/strict";
import { lookup } from "node:dns";
import type { LookupFunction } from "node:net";
import { test, type TestContext } from "node:test";
import { eventually } from "../../../../test/support/signal.ts";
import { systemScheduler } from "../../../base/scheduler.ts";
import { FakeConsul } from "../../../remote/consul/testing/fake-consul.ts";
import { silentLogger } from "../../../observe/logger.ts";
import type { Discovery, DiscoveryObserver, DiscoverySnapshot } from "../discovery.ts";
import { consulKind } from "./kind.ts";
import { consulDiscoverySchema } from "./options.ts";

class Notes implements DiscoveryObserver {
  readonly snapshots: DiscoverySnapshot[] = [];
  readonly failures: string[] = [];
  alive = 0;

  onSnapshot(snapshot: DiscoverySnapshot): void {
    this.snapshots.push(snapshot);
  }

  onAlive(): void {
    this.alive++;
  }

  onFailure(reason: string): void {
    this.failures.push(reason);
  }

  /** The last list: `weight*url`. */
  get last(): string | undefined {
    return this.snapshots
      .at(-1)
      ?.endpoints.map(({ url, weight }) => `${weight}*${url.slice("http://127.0.0.1:".length)}`)
      .join(" ");
  }
}

async function follow(
  t: TestContext,
  options: object = {},
): Promise<{ consul: FakeConsul; notes: Notes; discovery: Discovery }> {
  const consul = await FakeConsul.start();
  t.after(() => consul.close());
  const notes = new Notes();
  const discovery = await consulKind.create(
    consulDiscoverySchema.parse({ url: consul.url, service: "api", ...options }),
    {
      upstream: "api",
      scheduler: systemScheduler,
      random: () => 0,
      lookup: lookup as LookupFunction,
      logger: silentLogger,
    },
  );
  t.after(() => discovery.close());
  discovery.start(notes);
  assert.equal(notes.snapshots.length + notes.failures.length, 0, "nothing is told within `start`");
  return { consul, notes, discovery };
}

const until = (notes: Notes, last: string): Promise<void> =>
  eventually(
    () => notes.last === last,
    () => `the list is ${last}, and not ${notes.last}`,
  );

test("instances come, change their weight and go", async (t) => {
  const { consul, notes } = await follow(t);
  await until(notes, "");
  assert.equal(notes.snapshots[0]?.isCertain, false);
  consul.register({ service: "api", id: "a", port: 1, weights: { Passing: 5, Warning: 2 } });
  await until(notes, "5*1");
  consul.register({ service: "api", id: "b", port: 2 });
  consul.register({ service: "other", id: "c", port: 3 });
  await until(notes, "5*1 1*2");
  assert.equal(notes.snapshots.at(-1)?.version, "12");
  consul.register({ service: "api", id: "a", port: 1, weights: { Passing: 9, Warning: 2 } });
  await until(notes, "9*1 1*2");
  consul.deregister("b");
  await until(notes, "9*1");
});

test("health alone makes a change: warnings weigh less, what is critical goes, with the reason, and comes back", async (t) => {
  const { consul, notes } = await follow(t);
  consul.register({ service: "api", id: "a", port: 1, weights: { Passing: 5, Warning: 2 } });
  consul.register({ service: "api", id: "b", port: 2, node: "node-2" });
  await until(notes, "5*1 1*2");
  consul.setStatus("a", "warning");
  await until(notes, "2*1 1*2");
  consul.setStatus("a", "critical");
  await until(notes, "1*2");
  assert.deepEqual(notes.snapshots.at(-1)?.refused, [`"a" is critical by its check "Service 'a' check"`]);
  consul.setStatus("a", "passing");
  await until(notes, "5*1 1*2");
  consul.setNodeChecks("node-2", [{ id: "_node_maintenance", name: "Node Maintenance Mode", status: "critical" }]);
  await until(notes, "5*1");
  assert.deepEqual(notes.snapshots.at(-1)?.refused, ['"b" is in maintenance']);
  assert.ok(consul.questions.every(({ query }) => !query.has("passing")));
});

test("with `passing`, warnings are out", async (t) => {
  const { consul, notes } = await follow(t, { passing: true });
  consul.register({ service: "api", id: "a", port: 1 });
  await until(notes, "1*1");
  consul.setStatus("a", "warning");
  await until(notes, "");
  assert.match(notes.snapshots.at(-1)?.refused[0] ?? "", /has a warning of its check/);
});

test("tags, a filter, a datacentre, a namespace and a token are part of the question", async (t) => {
  const options = {
    tags: ["v2", "blue"],
    filter: 'Service.Meta.shard == "7"',
    datacentre: "dc1",
    namespace: "shop",
    stale: true,
    token: "secret-token",
  };
  const { consul, notes } = await follow(t, options);
  const instance = { service: "api", port: 1, tags: ["blue", "v2"], meta: { shard: "7" } };
  consul.register({ ...instance, id: "a" });
  consul.register({ ...instance, id: "b", port: 2, tags: ["blue"] });
  consul.register({ ...instance, id: "c", port: 3, meta: {} });
  await until(notes, "1*1");
  const question = consul.questions[0];
  assert.equal(question?.token, "secret-token");
  assert.equal(question?.query.get("dc"), "dc1");
  assert.equal(question?.query.get("ns"), "shop");
  assert.equal(question?.query.has("stale"), true);
});

test("one record that is no endpoint takes no other with it", async (t) => {
  const { consul, notes } = await follow(t);
  consul.register({ service: "api", id: "a", port: 1 });
  consul.register({ service: "api", id: "bad", port: 0 });
  await eventually(() => notes.snapshots.at(-1)?.refused.length === 1, "it is refused");
  assert.equal(notes.last, "1*1");
});

test("of thousands of instances that get no requests, the first are named and the others are counted", async (t) => {
  const { consul, notes } = await follow(t);
  await until(notes, "");
  for (let at = 0; at < 3_000; at++) consul.register({ service: "api", id: `bad-${at}`, port: 0 });
  consul.register({ service: "api", id: "a", port: 1 });
  await until(notes, "1*1");
  await eventually(
    () => notes.snapshots.at(-1)?.refused.at(-1) === "2900 further instances get no requests",
    "counted",
  );
  assert.equal(notes.snapshots.at(-1)?.refused.length, 101);
});

test("an answer that is no list changes nothing, nor does one without a leader or without rights", async (t) => {
  const { consul, notes } = await follow(t, { token: "secret-token" });
  consul.register({ service: "api", id: "a", port: 1 });
  await until(notes, "1*1");
  for (const play of [
    () => (consul.trouble = { kind: "nonsense", body: '{"a":1}', headers: { "X-Consul-Index": "3" } }),
    () => (consul.trouble = { kind: "nonsense", body: "[", headers: { "X-Consul-Index": "3" } }),
    () => (consul.hasLeader = false),
    () => (consul.rights = { "secret-token": { services: [], keyPrefix: "" } }),
    () => (consul.rights = {}),
  ]) {
    const failures = notes.failures.length;
    play();
    consul.setStatus("a", "passing", `looked at ${failures} times`);
    await eventually(() => notes.failures.length > failures, "a failure was told");
    consul.trouble = null;
    consul.hasLeader = true;
    consul.rights = null;
    const [alive, snapshots] = [notes.alive, notes.snapshots.length];
    await eventually(() => notes.alive > alive || notes.snapshots.length > snapshots, "it has recovered");
  }
  const lists = notes.snapshots.map(({ endpoints }) => endpoints.map(({ port }) => port).join());
  assert.deepEqual([...new Set(lists.slice(lists.indexOf("1")))], ["1"]);
  assert.doesNotMatch(notes.failures.join(), /secret/);
});

test("it names what it follows without a secret, and nothing is left after it", async (t) => {
  const { consul, notes, discovery } = await follow(t, { token: "secret-token", datacentre: "dc1" });
  await until(notes, "");
  const options = consulDiscoverySchema.parse({ service: "api", token: "secret-token", datacentre: "dc1" });
  assert.equal(consulKind.describe(options), "Consul http://127.0.0.1:8500 service api in dc1");
  discovery.close();
  discovery.close();
  await eventually(() => consul.connectionCount === 0, "its connection is gone");
});

test("the options refuse what is none of Consul, without showing a token", () => {
  const cases: [object, RegExp][] = [
    [{ service: "api", url: "127.0.0.1:8500" }, /not the URL of a Consul agent/],
    [{ service: "api", url: "http://token@127.0.0.1:8500" }, /write the token as `token`/],
    [{ service: "api", url: "http://127.0.0.1:8500?token=secret" }, /no query/],
    [{ service: "api", token: "a secret\n" }, /visible ASCII/],
    [{ service: "api", datacentre: "dc 1" }, /datacentre/],
    [{ service: "" }, /service/],
    [{}, /service/],
  ];
  for (const [options, reason] of cases) {
    const { error } = consulDiscoverySchema.safeParse(options);
    assert.match(String(error?.message), reason);
    assert.doesNotMatch(String(error?.message), /secret/);
  }
});
