/** The client against the double of an agent: the rules of blocking queries, values, sessions, and what goes wrong. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { eventually } from "../../../test/support/signal.ts";
import { ManualScheduler, type Scheduler, systemScheduler } from "../../base/scheduler.ts";
import { RemoteError } from "../http-client.ts";
import type { ConsulAnswer, ConsulClient, ConsulObserver, ConsulOptions } from "./consul-client.ts";
import { createConsulClient, readValue } from "./http-consul.ts";
import { FakeConsul } from "./testing/fake-consul.ts";

const secret = "5e7c2c3a-token";

/** What a follower was told. */
class Notes implements ConsulObserver {
  readonly answers: ConsulAnswer[] = [];
  readonly failures: string[] = [];
  alive = 0;
  /** Why the next answers cannot be used. */
  unusable: string | null = null;

  onAnswer(answer: ConsulAnswer): string | null {
    if (this.unusable === null) this.answers.push(answer);
    return this.unusable;
  }

  onAlive(): void {
    this.alive++;
  }

  onFailure(reason: string): void {
    this.failures.push(reason);
  }

  get names(): string[][] {
    return this.answers.map(({ body }) => (body as { Service: { ID: string } }[]).map(({ Service }) => Service.ID));
  }
}

async function start(t: TestContext): Promise<FakeConsul> {
  const consul = await FakeConsul.start();
  t.after(() => consul.close());
  return consul;
}

function connect(
  t: TestContext,
  consul: { readonly url: string },
  { scheduler = systemScheduler, ...options }: Partial<ConsulOptions> & { scheduler?: Scheduler } = {},
): ConsulClient {
  const all = { url: consul.url, token: null, datacentre: null, tls: null, ...options };
  // No pause is longer than it has to be.
  const client = createConsulClient(all, { scheduler, random: () => 0 });
  t.after(() => client.close());
  return client;
}

const api = { service: "api", port: 80 } as const;

test("what is followed is told when it is there, and whenever it changes", async (t) => {
  const consul = await start(t);
  consul.register({ ...api, id: "a" });
  const notes = new Notes();
  connect(t, consul, { token: secret, datacentre: "dc1" }).follow("health/service/api", { tag: ["x", "y"] }, notes);
  await eventually(() => notes.answers.length === 1 && consul.waitingCount === 1, "it waits");
  assert.deepEqual(notes.names, [[]]);
  consul.register({ ...api, id: "a", tags: ["y", "x"] });
  await eventually(() => notes.answers.length === 2 && consul.waitingCount === 1, "the change was told");
  assert.deepEqual(notes.names[1], ["a"]);
  const [first, second] = consul.questions;
  assert.equal(String(first?.query), "dc=dc1&tag=x&tag=y", "the first question does not wait");
  assert.equal(second?.query.get("index"), "11");
  assert.equal(second?.query.get("wait"), "15s");
  assert.ok(consul.questions.every(({ token, query }) => token === secret && !String(query).includes(secret)));
});

test("an index that goes backwards begins the loop anew", async (t) => {
  const consul = await start(t);
  for (const id of ["a", "b", "c"]) consul.register({ ...api, id });
  const notes = new Notes();
  connect(t, consul).follow("health/service/api", {}, notes);
  await eventually(() => consul.waitingCount === 1, "it waits");
  consul.restoreSnapshot(() => consul.register({ ...api, id: "old" }));
  await eventually(() => notes.names.at(-1)?.[0] === "old" && consul.waitingCount === 1, "the old state was told");
  consul.register({ ...api, id: "new" });
  await eventually(() => notes.names.at(-1)?.length === 2, "and what followed it");
  assert.ok(consul.questions.every(({ query }) => query.get("index") !== "0"));
  assert.deepEqual(notes.failures, []);
});

test("a question whose connection breaks is not sent again with its index: the history may be another one", async (t) => {
  const consul = await start(t);
  for (const id of ["a", "b", "c"]) consul.register({ ...api, id });
  const notes = new Notes();
  connect(t, consul).follow("health/service/api", {}, notes);
  await eventually(() => consul.waitingCount === 1, "it waits");
  const asked = consul.questions.length;
  consul.breakConnections();
  await eventually(() => consul.waitingCount === 1 && consul.questions.length === asked + 2, "it waits again");
  assert.equal(consul.questions[asked]?.query.has("index"), false);
});

test("an index of an answer that is lower is not asked for", async (t) => {
  const consul = await start(t);
  consul.register({ ...api, id: "a" });
  const notes = new Notes();
  connect(t, consul).follow("health/service/api", {}, notes);
  await eventually(() => consul.waitingCount === 1, "it waits");
  const before = consul.questions.length;
  consul.falseIndex = "7";
  consul.register({ ...api, id: "b" });
  await eventually(() => consul.questions.length >= before + 2, "it asks again");
  assert.equal(consul.questions[before]?.query.has("index"), false);
  assert.equal(consul.questions[before + 1]?.query.get("index"), "7");
  assert.deepEqual(notes.names.at(-1), ["a", "b"], "what the answer says is taken all the same");
});

test("an index of zero is none to ask with: the question would not wait", async (t) => {
  const consul = await start(t);
  consul.falseIndex = "0";
  connect(t, consul).follow("health/service/api", {}, new Notes());
  await eventually(() => consul.questions.length === 2, "it asks again");
  assert.equal(consul.questions[1]?.query.get("index"), "1");
});

test("answers without a change are told as signs of life, and come no faster than two a second", async (t) => {
  const consul = await start(t);
  consul.isCoarse = true;
  consul.register({ ...api, id: "a" });
  const scheduler = new ManualScheduler();
  const notes = new Notes();
  connect(t, consul, { scheduler }).follow("health/service/api", {}, notes);
  scheduler.advance(0);
  await eventually(() => notes.answers.length === 1, "the first answer");
  for (let round = 0; round < 6; round++) {
    scheduler.advance(round < 3 ? 0 : 500);
    await eventually(() => consul.waitingCount === 1, "it waits");
    const alive = notes.alive;
    consul.touch();
    await eventually(() => notes.alive === alive + 1, "a sign of life");
  }
  assert.equal(notes.answers.length, 1, "nothing was told twice");
  const asked = consul.questions.length;
  scheduler.advance(400);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(consul.questions.length, asked, "the loop is no busy one");
  scheduler.advance(100);
  await eventually(() => consul.waitingCount === 1, "it goes on");
});

test("an agent has the time that it was asked to wait, a sixteenth more, and a margin", async (t) => {
  const consul = await start(t);
  const scheduler = new ManualScheduler();
  const notes = new Notes();
  connect(t, consul, { scheduler }).follow("health/service/api", {}, notes);
  scheduler.advance(0);
  await eventually(() => notes.answers.length === 1, "the first answer");
  scheduler.advance(0);
  await eventually(() => consul.waitingCount === 1, "it waits");
  consul.trouble = { kind: "stall" };
  scheduler.advance(15_000 + 15_000 / 16 + 9_000);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(notes.failures, []);
  scheduler.advance(1_001);
  await eventually(() => notes.failures.length === 1, "it is given up");
  assert.match(notes.failures[0] ?? "", /no answer in 25938 ms/);
});

const refusals: [what: string, play: (consul: FakeConsul) => void, reason: RegExp][] = [
  [
    "no leader",
    (consul) => {
      consul.hasLeader = false;
    },
    /the agent answers 500: the cluster has no leader/,
  ],
  [
    "an unknown token",
    (consul) => {
      consul.rights = {};
    },
    /403: the token is unknown, or has no right/,
  ],
  [
    "too many questions",
    (consul) => {
      consul.trouble = { kind: "status", status: 429, body: `too many for ${secret}` };
    },
    /429: too many questions/,
  ],
  [
    "a list that an ACL has emptied",
    (consul) => {
      consul.rights = { [secret]: { services: [], keyPrefix: "" } };
    },
    /the token may not see all of it/,
  ],
  [
    "no JSON",
    (consul) => {
      consul.trouble = { kind: "nonsense", body: "<html>", headers: { "x-consul-index": "99" } };
    },
    /not JSON/,
  ],
  [
    "no index",
    (consul) => {
      consul.trouble = { kind: "nonsense", body: "[]" };
    },
    /no X-Consul-Index/,
  ],
  [
    "a connection that ends at once",
    (consul) => {
      consul.trouble = { kind: "close" };
    },
    /127\.0\.0\.1/,
  ],
];

for (const [what, play, reason] of refusals)
  test(`${what} is a failure, never an answer; it is asked anew with pauses, and without an index`, async (t) => {
    const consul = await start(t);
    consul.register({ ...api, id: "a" });
    const scheduler = new ManualScheduler();
    const notes = new Notes();
    connect(t, consul, { scheduler, token: secret }).follow("health/service/api", {}, notes);
    scheduler.advance(0);
    await eventually(() => notes.answers.length === 1, "the first answer");
    scheduler.advance(0);
    await eventually(() => consul.waitingCount === 1, "it waits");
    play(consul);
    // The list that comes now is another one.
    consul.setStatus("a", "warning");
    consul.wake();
    await eventually(() => notes.failures.length === 1, "the failure was told");
    assert.match(notes.failures[0] ?? "", reason);
    assert.doesNotMatch(notes.failures.join(), new RegExp(secret));
    const asked = consul.questions.length;
    for (let round = 2; round < 6; round++) {
      scheduler.advance(49);
      await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(notes.failures.length, round - 1, "it waits before it asks again");
      scheduler.advance(1);
      await eventually(() => notes.failures.length === round, "it has failed again");
    }
    assert.equal(notes.answers.length, 1);
    assert.ok(consul.questions.slice(asked).every(({ query }) => !query.has("index")));
    consul.trouble = null;
    consul.rights = null;
    consul.hasLeader = true;
    scheduler.advance(50);
    await eventually(() => notes.answers.length === 2, "it has recovered by itself");
  });

test("who has shown no token is told nothing of what is left out: an empty list is all there is", async (t) => {
  const consul = await start(t);
  consul.register({ ...api, id: "a" });
  consul.rights = { "": { services: [], keyPrefix: "" } };
  const notes = new Notes();
  connect(t, consul).follow("health/service/api", {}, notes);
  await eventually(() => notes.answers.length === 1, "an answer");
  assert.deepEqual(notes.names, [[]]);
});

test("a server that reads for itself and knows of no leader is not believed", async (t) => {
  const consul = await start(t);
  consul.hasLeader = false;
  const notes = new Notes();
  connect(t, consul).follow("health/service/api", { stale: "" }, notes);
  await eventually(() => notes.failures.length > 0, "a failure");
  assert.match(notes.failures[0] ?? "", /knows of no leader/);
  assert.equal(notes.answers.length, 0);
});

test("an answer that its follower cannot use is a failure, and asked for again", async (t) => {
  const consul = await start(t);
  const notes = new Notes();
  notes.unusable = "this is no list of services";
  connect(t, consul).follow("health/service/api", {}, notes);
  await eventually(() => notes.failures.length > 1, "it was asked for again");
  assert.equal(notes.failures[0], "this is no list of services");
  notes.unusable = null;
  await eventually(() => notes.answers.length === 1, "the same answer is told once it can be used");
});

test("an agent that comes back is asked anew", async (t) => {
  const consul = await start(t);
  consul.register({ ...api, id: "a" });
  const notes = new Notes();
  connect(t, consul).follow("health/service/api", {}, notes);
  await eventually(() => consul.waitingCount === 1, "it waits");
  const { port } = consul;
  await consul.stop();
  await eventually(() => notes.failures.length >= 2, "it is away");
  consul.restoreSnapshot(() => consul.register({ ...api, id: "b" }));
  await consul.listen(port);
  await eventually(() => notes.names.at(-1)?.[0] === "b", "it follows again");
});

test("closing leaves nothing: no connection, no timer, no call", async (t) => {
  const consul = await start(t);
  const scheduler = new ManualScheduler();
  const notes = new Notes();
  const client = connect(t, consul, { scheduler });
  const one = client.follow("health/service/api", {}, notes);
  client.follow("kv/a", {}, notes);
  scheduler.advance(0);
  await eventually(() => notes.answers.length === 2, "both have answers");
  scheduler.advance(0);
  await eventually(() => consul.waitingCount === 2, "both wait");
  one.close();
  await eventually(() => consul.connectionCount === 1, "its connection is gone, the other's is not");
  client.close();
  await eventually(() => consul.connectionCount === 0, "the other's, too");
  assert.equal(scheduler.pendingCount, 0);
  assert.deepEqual(notes.failures, []);
});

test("a key is read, written if nobody else has written it, followed, and removed", async (t) => {
  const consul = await start(t);
  const client = connect(t, consul);
  const notes = new Notes();
  assert.equal(await client.getKey("config/é?#"), null);
  client.follow("kv/config/%C3%A9%3F%23", {}, notes);
  await eventually(() => notes.answers.length === 1, "told that there is none");
  assert.equal(notes.answers[0]?.body, null);
  assert.equal(await client.putKey("config/é?#", "ä", { modifyIndex: "0" }), true);
  assert.equal(await client.putKey("config/é?#", "late", { modifyIndex: "0" }), false);
  const read = await client.getKey("config/é?#");
  assert.equal(read?.value, "ä");
  assert.equal(await client.putKey("config/é?#", "two", { modifyIndex: read?.modifyIndex ?? "" }), true);
  assert.equal(await client.putKey("config/é?#", "three", { modifyIndex: read?.modifyIndex ?? "" }), false);
  await eventually(
    () => notes.answers.at(-1)?.body !== null && readValue(notes.answers.at(-1)?.body).value === "two",
    "",
  );
  assert.equal(await client.putKey("config/é?#", ""), true);
  await eventually(() => readValue(notes.answers.at(-1)?.body).value === "", "an empty value is a value");
  await client.removeKey("config/é?#");
  await eventually(() => notes.answers.at(-1)?.body === null, "told that it is gone");
  await client.removeKey("config/é?#");
});

test("a value that is too large is refused with a reason, and a key without rights, too", async (t) => {
  const consul = await start(t);
  const client = connect(t, consul, { token: secret });
  await assert.rejects(
    client.putKey("a", "x".repeat(600_000)),
    (error) => error instanceof RemoteError && error.status === 413 && /larger than it takes/.test(error.message),
  );
  consul.rights = { [secret]: { services: [], keyPrefix: "mine/" } };
  await assert.rejects(client.getKey("other"), /403: the token/);
  assert.equal(await client.getKey("mine/a"), null);
});

test("a session holds a lock until it is released, ends, or is forgotten", async (t) => {
  const consul = await start(t);
  const client = connect(t, consul);
  const [one, two] = [await client.createSession(30_000), await client.createSession(30_000)];
  assert.equal(await client.putKey("locks/a", "", { acquiredBy: one }), true);
  assert.equal(await client.putKey("locks/a", "", { acquiredBy: two }), false);
  assert.equal((await client.getKey("locks/a"))?.session, one);
  assert.equal(await client.putKey("locks/a", "", { releasedBy: one }), true);
  assert.equal(await client.putKey("locks/a", "", { acquiredBy: two }), true, "at once, after a release");
  assert.equal(await client.renewSession(two), true);
  await client.destroySession(two);
  assert.equal(await client.renewSession(two), false);
  assert.equal(await client.getKey("locks/a"), null, "the key goes with a session that was not given back");
  assert.equal(await client.putKey("locks/a", "", { acquiredBy: one }), false, "its holder may not know yet");
  await assert.rejects(client.createSession(1_000), /500/);
});
