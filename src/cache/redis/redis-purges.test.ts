/** Purges of one instance, as the others see them. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { redisCommand } from "../../../test/support/redis-server.ts";
import { systemScheduler } from "../../base/scheduler.ts";
import type { Purge } from "../purge/purge.ts";
import { RedisControl } from "./redis-control.ts";
import { createAnswer, find, openStore, put, startServer, type TestStore } from "./testing/redis-store.ts";

const skip = redisCommand === null ? "redis-server is not installed: node scripts/install-packages.ts test" : false;

function testRedis(name: string, run: (context: TestContext) => Promise<void>): void {
  test(name, { skip }, run);
}

const body = Buffer.from("body");

/** The control thread of an instance. */
function controlOf({ connections: [sender] }: TestStore, onOverflow = (): void => {}): RedisControl {
  return new RedisControl({
    name: "shared",
    prefix: "test:",
    sender: sender!,
    scheduler: systemScheduler,
    connectionError: () => null,
    onOverflow,
    onSilence: () => {},
    onClose: () => {},
  });
}

const hard = (kind: Purge["kind"], value = ""): Purge => ({ kind, value, isSoft: false });
const soft = (kind: Purge["kind"], value = ""): Purge => ({ kind, value, isSoft: true });

/** Two instances, each with a way to purge. */
async function startTwo(context: TestContext) {
  const server = await startServer(context);
  const [one, two] = [await openStore(context, server), await openStore(context, server)];
  return { server, one, two, control: controlOf(one) };
}

testRedis("a purge of one instance holds in all: by URL, prefix, tag, and of everything", async (context) => {
  const { two, control } = await startTwo(context);
  const url = "https://a.test/news/1?x=y";
  const tags = ["news", "caf\xe9", "a\tb"];
  const cases: [purge: Purge, concerns: boolean][] = [
    [hard("url", url), true],
    [hard("url", "https://a.test/news/1"), false],
    [hard("prefix", "https://a.test/news/"), true],
    [hard("prefix", "https://a.test/n"), true],
    [hard("prefix", url), true],
    [hard("prefix", `${url}z`), false],
    [hard("prefix", "https://b.test/"), false],
    [hard("prefix", "https://a.test/.*"), false],
    [hard("tag", "news"), true],
    [hard("tag", "caf\xe9"), true],
    [hard("tag", "a\tb"), true],
    [hard("tag", "new"), false],
    [hard("tag", url), false],
    [hard("all"), true],
  ];
  for (const [purge, concerns] of cases) {
    await put(two.store, "key", body, createAnswer({ url, tags, bodyBytes: 4 }));
    await control.record(purge);
    assert.equal((await find(two.store, "key")) === null, concerns, `${purge.kind} ${purge.value}`);
    await put(two.store, "key", body, createAnswer({ url, tags, bodyBytes: 4, bornMs: 1 }));
    assert.ok(await find(two.store, "key"), "what is stored afterwards is found");
  }
});

testRedis("a soft purge makes stale, until the answer is validated", async (context) => {
  const { one, two, control } = await startTwo(context);
  await put(one.store, "key", body, createAnswer({ tags: ["a"], bodyBytes: 4 }));
  await control.record(soft("tag", "a"));
  for (let times = 0; times < 2; times++) {
    const found = await find(two.store, "key");
    assert.ok(found !== null && found.answer.freshUntilMs <= two.clock.nowMs());
  }
  const found = (await find(two.store, "key"))!;
  const fresh = createAnswer({ tags: ["a"], bodyBytes: 4 });
  two.store.refresh("key", found, fresh);
  await two.settle();
  assert.equal((await find(one.store, "key"))?.answer.freshUntilMs, fresh.freshUntilMs);
});

testRedis("what was being fetched when it was purged is not stored", async (context) => {
  const { one, two, control } = await startTwo(context);
  for (const purge of [hard("url", "http://a.test/"), hard("prefix", "http://a"), hard("all")]) {
    assert.equal(await find(two.store, "key"), null);
    const draft = two.store.create("key", createAnswer())!;
    draft.append(body);
    await control.record(purge);
    // A later look-up of other keys, or of this one by another instance, knows the purge already.
    await find(two.store, "other");
    await find(one.store, "key");
    draft.commit(createAnswer({ bodyBytes: 4 }));
    await two.settle();
    assert.equal(await find(one.store, "key"), null, purge.kind);
  }
});

testRedis("what was being validated when it was purged does not come back", async (context) => {
  const { one, two, control } = await startTwo(context);
  await put(one.store, "key", body);
  const found = (await find(two.store, "key"))!;
  await control.record(hard("url", "http://a.test/"));
  two.store.refresh("key", found, createAnswer({ bodyBytes: 4 }));
  await two.settle();
  assert.equal(await find(one.store, "key"), null);
});

testRedis("a soft purge while it is fetched: it is stored stale", async (context) => {
  const { one, two, control } = await startTwo(context);
  await find(two.store, "key");
  const draft = two.store.create("key", createAnswer())!;
  await control.record(soft("all"));
  draft.commit(createAnswer({ bodyBytes: 0 }));
  await two.settle();
  const found = await find(one.store, "key");
  assert.ok(found !== null && found.answer.freshUntilMs <= one.clock.nowMs());
});

testRedis("many purges are a bounded log: what is older than the log is gone, and no more", async (context) => {
  const { one, control } = await startTwo(context);
  await put(one.store, "old", body, createAnswer({ url: "http://a.test/old", bodyBytes: 4 }));
  for (let count = 0; count < 950; count++) await control.record(hard("prefix", `http://b.test/${count}/`));
  assert.ok(await find(one.store, "old"));
  await put(one.store, "middle", body, createAnswer({ url: "http://a.test/middle", bodyBytes: 4 }));
  for (let count = 950; count < 1_050; count++) await control.record(hard("prefix", `http://b.test/${count}/`));
  await put(one.store, "late", body, createAnswer({ url: "http://b.test/949/", bodyBytes: 4 }));
  assert.ok(await find(one.store, "middle"));
  assert.ok(await find(one.store, "late"), "it is younger than the purge of its prefix");
  const [connection] = one.connections;
  assert.ok(Number(await connection!.sendBytes(["ZCARD", "test:cache:purged-prefixes"])) <= 1_001);
});

testRedis("a log that is lost is the purge of everything", async (context) => {
  for (const key of ["test:cache:purges", "test:cache:purged-prefixes"]) {
    const { one, two, control } = await startTwo(context);
    await put(one.store, "key", body);
    await control.record(hard("prefix", "http://b.test/"));
    assert.equal(await one.connections[0]!.sendBytes(["DEL", key]), 1);
    assert.equal(await find(two.store, "key"), null, key);
    await put(one.store, "key", body);
    assert.ok(await find(two.store, "key"));
  }
});

testRedis("a server without room for a purge purges everything", async (context) => {
  const { one, two } = await startTwo(context);
  let overflows = 0;
  const control = controlOf(one, () => overflows++);
  const [connection] = one.connections;
  await put(one.store, "key", body);
  await connection!.sendBytes(["CONFIG", "SET", "maxmemory", "1"]);
  await control.record(hard("tag", "unknown"));
  assert.equal(overflows, 1);
  await connection!.sendBytes(["CONFIG", "SET", "maxmemory", "0"]);
  assert.equal(await find(two.store, "key"), null);
});

testRedis("a purge that does not reach the server is told, and brought there later", async (context) => {
  const { one, two } = await startTwo(context);
  await put(one.store, "key", body);
  let isAway = true;
  const [connection] = one.connections;
  const control = new RedisControl({
    name: "shared",
    prefix: "test:",
    sender: { sendBytes: (command) => (isAway ? Promise.reject(new Error("away")) : connection!.sendBytes(command)) },
    scheduler: systemScheduler,
    connectionError: () => "connect ECONNREFUSED",
    onOverflow: () => {},
    onSilence: () => {},
    onClose: () => {},
  });
  await assert.rejects(control.record(hard("all")), /ECONNREFUSED/);
  await assert.rejects(control.sweep(), /other instances do not know of it/);
  assert.ok(await find(two.store, "key"));
  isAway = false;
  await control.sweep();
  assert.equal(await find(two.store, "key"), null);
});
