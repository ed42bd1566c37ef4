import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Mutex } from "../../base/mutex.ts";
import { ManualScheduler } from "../../base/scheduler.ts";
import { LastGoodFile, lastGoodFileName } from "./last-good-file.ts";
import { endpoint, endpoints } from "./testing/told-discovery.ts";

function setUp(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "last-good-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const scheduler = new ManualScheduler();
  const troubles: string[] = [];
  const turn = new Mutex();
  const open = (source = "etcd /a/", upstream = "api"): LastGoodFile =>
    new LastGoodFile({
      folder: join(folder, "discovery"),
      upstream,
      source,
      scheduler,
      turn,
      onTrouble: (doing, reason) => troubles.push(`${doing}: ${reason}`),
      onRecovery: () => troubles.push("recovered"),
    });
  return {
    folder: join(folder, "discovery"),
    path: join(folder, "discovery", lastGoodFileName("api")),
    scheduler,
    open,
    turn,
    troubles,
  };
}

test("the list that was noted last is there after a restart, with its age; nobody else can read it", async (t) => {
  const { open, path, scheduler, folder } = setUp(t);
  const first = open();
  assert.equal(await first.read(), null);
  const list = [endpoint(1, { weight: 0, zone: "a", backup: true, identity: "pod" }), endpoint(2)];
  first.note(endpoints(7));
  first.note(list);
  await first.close();
  const kept = await open().read();
  assert.deepEqual(kept, { endpoints: list, savedWallMs: scheduler.clock.wall() });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(folder), [lastGoodFileName("api")], "nothing is left beside it");
});

test("changes in a row are written once, and the same list again only now and then", async (t) => {
  const { open, path, scheduler } = setUp(t);
  const file = open();
  const list = endpoints(1);
  file.note(endpoints(3));
  file.note(list);
  assert.equal(scheduler.pendingCount, 1);
  await file.close();
  const written = readFileSync(path, "utf8");
  const again = open();
  again.note(list);
  await again.close();
  assert.equal(readFileSync(path, "utf8"), written, "its time stands still in this test");
  const third = open();
  third.note(list);
  scheduler.advance(1_000);
  third.note(list);
  assert.equal(scheduler.pendingCount, 0, "the same list");
  scheduler.advance(3_600_001);
  await third.close();
});

test("a list of another source, of long ago or of another upstream is not used", async (t) => {
  const { open, scheduler } = setUp(t);
  const file = open();
  file.note(endpoints(1));
  await file.close();
  assert.equal(await open("etcd /b/").read(), null);
  assert.equal(await open("etcd /a/", "app").read(), null);
  scheduler.advance(7 * 86_400_000);
  assert.notEqual(await open().read(), null);
  scheduler.advance(1);
  assert.equal(await open().read(), null);
});

test("a file that is torn or foreign is as good as none, and said without what is in it", async (t) => {
  const { open, path, troubles } = setUp(t);
  const file = open();
  file.note(endpoints(1));
  await file.close();
  troubles.length = 0;
  const good = readFileSync(path, "utf8");
  const bad = [
    "",
    "secret",
    "null",
    "[]",
    "{}",
    good.slice(0, good.length / 2),
    good.replace("http://10.0.0.1:80", "nonsense"),
    good.replace('"version":1', '"version":2'),
    good.replace(/"saved":"[^"]*"/, '"saved":"soon"'),
  ];
  for (const [at, text] of bad.entries()) {
    writeFileSync(path, text);
    assert.equal(await open().read(), null, text);
    assert.equal(troubles.length, at + 1);
    assert.doesNotMatch(troubles[at]!, /secret/);
  }
});

test("a folder that cannot be made is said, and nothing else happens", async (t) => {
  const { open, folder, troubles } = setUp(t);
  writeFileSync(folder, "in the way");
  const file = open();
  file.note(endpoints(1));
  await file.close();
  assert.match(troubles.join(), /^written: ENOTDIR|^written: EEXIST/);
});

test("a list that could not be written is tried again when the disk has room again", async (t) => {
  const { open, folder, path, scheduler, turn } = setUp(t);
  writeFileSync(folder, "in the way");
  const file = open();
  const list = endpoints(1);
  const noteAndWrite = async (): Promise<void> => {
    file.note(list);
    scheduler.advance(1_000);
    await turn.run(async () => {});
    await turn.run(async () => {});
  };
  await noteAndWrite();
  rmSync(folder);
  await noteAndWrite();
  assert.equal(existsSync(path), false, "not at once");
  scheduler.advance(60_000);
  await noteAndWrite();
  assert.equal(existsSync(path), true);
  await file.close();
});

test("a clock that is set back does not keep a list from being written again", async (t) => {
  const { open, path, scheduler } = setUp(t);
  const file = open();
  const list = endpoints(1);
  file.note(list);
  scheduler.advance(1_000);
  scheduler.clock.wall = () => 86_400_000;
  scheduler.advance(3_600_000);
  file.note(list);
  await file.close();
  assert.match(readFileSync(path, "utf8"), /"saved":"1970-01-02T/);
});

test("a disk that hangs does not hold up the end", async (t) => {
  const { open, scheduler, turn } = setUp(t);
  void turn.run(() => new Promise<never>(() => {}));
  const file = open();
  file.note(endpoints(1));
  const closed = file.close().then(() => "closed");
  await Promise.resolve();
  scheduler.advance(3_000);
  assert.equal(await closed, "closed");
  assert.equal(scheduler.pendingCount, 0);
});

test("names of upstreams are names of files, each its own", () => {
  const names = ["api", "a/b", "a:b", "a_b", "x".repeat(128)].map(lastGoodFileName);
  assert.equal(new Set(names).size, names.length);
  for (const name of names) assert.match(name, /^[\w.-]{1,120}\.json$/);
});
