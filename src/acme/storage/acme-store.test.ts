/** One suite for every place: a folder, a real Redis, a real etcd. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { EtcdServer, etcdCommand } from "../../../test/support/etcd-server.ts";
import { RedisServer, redisCommand } from "../../../test/support/redis-server.ts";
import { eventually } from "../../../test/support/signal.ts";
import { ManualScheduler, type Scheduler, systemScheduler } from "../../base/scheduler.ts";
import { createConsulClient } from "../../remote/consul/http-consul.ts";
import { FakeConsul } from "../../remote/consul/testing/fake-consul.ts";
import { createEtcdClient } from "../../remote/etcd/etcd-client.ts";
import { type AcmeStore, lockBeatMs, lockLifeMs } from "./acme-store.ts";
import { ConsulStore } from "./consul-store.ts";
import { EtcdStore } from "./etcd-store.ts";
import { FolderStore } from "./folder-store.ts";
import { LockBeat } from "./lock-beat.ts";
import { RedisStore } from "./redis-store.ts";

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "millrace-acme-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function consulStore(consul: FakeConsul, scheduler: Scheduler = systemScheduler): ConsulStore {
  const options = { url: consul.url, token: null, datacentre: null, tls: null };
  const client = createConsulClient(options, { scheduler: systemScheduler, random: Math.random });
  return new ConsulStore({ client, prefix: "millrace/acme/", scheduler });
}

const places: Record<string, { skip: string | false; open(t: TestContext): Promise<() => AcmeStore> }> = {
  folder: {
    skip: false,
    open: async (t) => {
      const folder = makeFolder(t);
      return () => new FolderStore(folder, systemScheduler);
    },
  },
  redis: {
    skip: redisCommand === null ? "redis-server is not installed" : false,
    open: async (t) => {
      const server = await RedisServer.start();
      t.after(() => server.close());
      return () => new RedisStore({ url: server.url, prefix: "millrace:" }, systemScheduler);
    },
  },
  etcd: {
    skip: etcdCommand === null ? "etcd is not installed" : false,
    open: async (t) => {
      const server = await EtcdServer.start();
      t.after(() => server.close());
      return () =>
        new EtcdStore({
          client: createEtcdClient({ urls: ["http://127.0.0.1:1", server.url], login: null, tls: null }),
          prefix: "/millrace/",
          scheduler: systemScheduler,
        });
    },
  },
  consul: {
    skip: false,
    open: async (t) => {
      const consul = await FakeConsul.start();
      t.after(() => consul.close());
      return () => consulStore(consul);
    },
  },
};

for (const [name, { skip, open }] of Object.entries(places)) {
  test(`${name}: values are written, read by another instance, replaced and removed`, { skip }, async (t) => {
    const openOne = await open(t);
    const [first, second] = [openOne(), openOne()];
    t.after(() => [first, second].forEach((store) => store.close()));
    assert.equal(await first.read("certificates/a.example.com"), null);
    await first.write("certificates/a.example.com", '{"text":"ä"}');
    assert.equal(await second.read("certificates/a.example.com"), '{"text":"ä"}');
    await second.write("certificates/a.example.com", "other");
    assert.equal(await first.read("certificates/a.example.com"), "other");
    await first.remove("certificates/a.example.com");
    await first.remove("certificates/a.example.com");
    assert.equal(await second.read("certificates/a.example.com"), null);
    await assert.rejects(first.read("../elsewhere"), /not a key/);
  });

  test(`${name}: one of many instances gets a lock, and another when it is given back`, { skip }, async (t) => {
    const openOne = await open(t);
    const stores = [openOne(), openOne(), openOne(), openOne()];
    t.after(() => stores.forEach((store) => store.close()));
    const locks = await Promise.all(stores.map((store) => store.lock("a.example.com")));
    const held = locks.filter((lock) => lock !== null);
    assert.equal(held.length, 1);
    assert.equal(held[0]?.isLost, false);
    const other = await stores[0]?.lock("b.example.com");
    assert.ok(other, "another name is another lock");
    await other.release();
    await held[0]?.release();
    const next = await stores[3]?.lock("a.example.com");
    assert.ok(next);
    await next.release();
  });
}

test("consul: a lock whose session is over is lost, and so is one whose key somebody has removed", async (t) => {
  const consul = await FakeConsul.start();
  t.after(() => consul.close());
  for (const end of [
    (key: string) => consul.values.endSession(consul.values.sessionIds.at(-1) ?? key),
    (key: string) => consul.values.remove(key, new URLSearchParams()),
  ]) {
    const scheduler = new ManualScheduler();
    const store = consulStore(consul, scheduler);
    t.after(() => store.close());
    const name = `lock-${consul.questions.length}`;
    const lock = await store.lock(name);
    assert.ok(lock);
    const asked = consul.questions.length;
    scheduler.advance(lockBeatMs);
    await eventually(() => consul.questions.length >= asked + 2 && scheduler.pendingCount === 1, "a sign of life");
    assert.equal(lock.isLost, false);
    end(`millrace/acme/locks/${name}`);
    scheduler.advance(lockBeatMs);
    await eventually(() => lock.isLost, "it has noticed");
    await lock.release();
  }
});

test("consul: what cannot be asked is an error that names the place and no secret", async (t) => {
  const consul = await FakeConsul.start();
  const store = consulStore(consul);
  t.after(() => store.close());
  await consul.close();
  await assert.rejects(store.read("a"), /the store in Consul: 127\.0\.0\.1:\d+: .*ECONNREFUSED/);
});

test("folder: files are readable by nobody else, and nothing half written is left", async (t) => {
  const folder = join(makeFolder(t), "acme");
  const store = new FolderStore(folder, systemScheduler);
  await store.write("accounts/one", "secret");
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  assert.equal(statSync(join(folder, "accounts/one.json")).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(join(folder, "accounts")), ["one.json"]);
});

test("folder: a lock without a sign of life is taken over, whatever its file holds", async (t) => {
  const folder = makeFolder(t);
  const store = new FolderStore(folder, systemScheduler);
  const path = join(folder, "locks/a.json");
  await (await store.lock("a"))?.release();
  for (const text of ["", '{"id":"x","mach', '{"id":"x","machine":"elsewhere","pid":1}']) {
    writeFileSync(path, text);
    assert.equal(await store.lock("a"), null, "its holder may be alive");
    for (const seconds of [-60, 3_600]) {
      const time = new Date(Date.now() + seconds * 1_000);
      writeFileSync(path, text);
      utimesSync(path, time, time);
      const lock = await store.lock("a");
      assert.ok(lock);
      await lock.release();
    }
  }
});

test("folder: the lock of a process that is gone is free at once", async (t) => {
  const folder = makeFolder(t);
  const store = new FolderStore(folder, systemScheduler);
  const lock = await store.lock("a");
  const path = join(folder, "locks/a.json");
  const text = readFileSync(path, "utf8");
  await lock?.release();
  writeFileSync(path, text.replace(/"id":"[^"]+"/, '"id":"of-an-earlier-life"'));
  const again = await store.lock("a");
  assert.ok(again, "this process knows what it holds");
  await again.release();
  writeFileSync(path, text.replace(/"pid":\d+/, '"pid":4194303'));
  assert.ok(await store.lock("a"));
});

test("folder: of many that take over a dead lock, one gets it", async (t) => {
  const folder = makeFolder(t);
  const store = new FolderStore(folder, systemScheduler);
  await (await store.lock("a"))?.release();
  const path = join(folder, "locks/a.json");
  for (let round = 0; round < 60; round++) {
    writeFileSync(path, "torn");
    utimesSync(path, new Date(0), new Date(0));
    const locks = await Promise.all(Array.from({ length: 8 }, () => store.lock("a")));
    const held = locks.filter((lock) => lock !== null);
    assert.ok(held.length <= 1);
    await held[0]?.release();
    await (await store.lock("a"))?.release();
  }
});

test("a lock is kept alive, and is lost if that does not succeed in time or somebody else has it", async () => {
  const scheduler = new ManualScheduler();
  let beats = 0;
  let answer: () => Promise<boolean> = async () => true;
  const take = (): LockBeat =>
    new LockBeat({
      scheduler,
      beat: () => {
        beats++;
        return answer();
      },
      release: async () => {},
    });
  const beat = async (): Promise<void> => {
    const before = beats;
    scheduler.advance(lockBeatMs);
    await eventually(() => beats > before && scheduler.pendingCount > 0, "it has beaten");
  };
  const lock = take();
  for (let round = 0; round < 10; round++) await beat();
  assert.equal(lock.isLost, false);
  answer = async () => Promise.reject(new Error("away"));
  await beat();
  assert.equal(lock.isLost, false);
  scheduler.advance(lockLifeMs);
  assert.equal(lock.isLost, true);
  await lock.release();
  assert.equal(scheduler.pendingCount, 0);
  answer = async () => false;
  const second = take();
  scheduler.advance(lockBeatMs);
  await eventually(() => second.isLost, "it has noticed");
  assert.equal(scheduler.pendingCount, 0);
});

test("folder: what cannot be made is an error, also below /proc", { skip: process.platform !== "linux" }, async () => {
  const store = new FolderStore("/proc/millrace/deep", systemScheduler);
  await assert.rejects(store.write("root", "x"), { code: "ENOENT" });
  await assert.rejects(store.lock("root"), { code: "ENOENT" });
  assert.equal(await store.read("root"), null);
});
