import assert from "node:assert/strict";
import { mkdir, readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { PendingPurges } from "../purge/pending-purges.ts";
import type { Purge } from "../purge/purge.ts";
import {
  answerOf,
  bodyOf,
  find,
  get,
  openDisk,
  type OpenDisk,
  put,
  read,
  settled,
  withFolder,
} from "./testing/open-disk.ts";

/** Publishes a purge and makes it last, without sweeping. */
async function record({ purges, keeper }: OpenDisk, purge: Purge): Promise<number> {
  const sequence = purges.append(purge);
  await keeper.record(purge);
  return sequence;
}

async function sweep({ keeper }: OpenDisk, purge: Purge, sequence: number): Promise<number> {
  const pending = { ...purge, sequence, found: 0 };
  const purges = new PendingPurges([pending]);
  await keeper.sweep({ upTo: sequence, judge: (answer) => purges.judge(answer) });
  return pending.found;
}

const purge = (kind: Purge["kind"], value: string, isSoft = false): Purge => ({ kind, value, isSoft });
const url = (name: string): string => `http://example.test/${name}`;

test("a purge that was recorded holds after a restart, swept or not", () =>
  withFolder(async (path) => {
    const first = await openDisk({ path });
    const store = first.store();
    for (const name of ["a", "b", "c/1", "c/2", "d"])
      await put(store, name, bodyOf(1, 1_000), { answer: answerOf({ url: url(name), tags: [`tag ${name}`] }) });
    await record(first, purge("url", url("a")));
    await record(first, purge("tag", "tag b"));
    await record(first, purge("prefix", url("c/")));
    await record(first, purge("url", url("d"), true));
    // What is fetched after a purge is not concerned.
    await put(store, "a2", bodyOf(2, 10), {
      answer: answerOf({ url: url("a"), purgeSequence: first.purges.sequence }),
    });
    await first.close();
    const second = await openDisk({ path });
    const again = second.store();
    for (const name of ["a", "b", "c/1", "c/2"]) assert.equal(await find(again, name), null, name);
    const soft = await find(again, "d");
    assert.ok(soft !== null && soft.answer.freshUntilMs <= Date.now());
    soft.release();
    assert.deepEqual(await get(again, "a2"), bodyOf(2, 10));
    assert.equal(second.keeper.fill().objects, 2);
    await second.close();
  }));

test("a sweep removes what was purged, makes stale what was purged softly, and counts both", () =>
  withFolder(async (path) => {
    const disk = await openDisk({ path });
    const store = disk.store();
    for (let at = 0; at < 20; at++)
      await put(store, `key ${at}`, bodyOf(at, 100), { answer: answerOf({ tags: [at % 2 === 0 ? "even" : "odd"] }) });
    const hard = purge("tag", "even");
    assert.equal(await sweep(disk, hard, disk.purges.append(hard)), 10);
    assert.equal(disk.keeper.fill().objects, 10);
    const soft = purge("tag", "odd", true);
    assert.equal(await sweep(disk, soft, disk.purges.append(soft)), 10);
    for (let at = 0; at < 20; at++) {
      const found = await find(store, `key ${at}`);
      if (at % 2 === 0) assert.equal(found, null);
      else assert.ok(found !== null && found.answer.freshUntilMs <= Date.now());
      found?.release();
    }
    await settled(store);
    await disk.close();
  }));

test("an answer that is committed while it is purged is not stored, or is stale", () =>
  withFolder(async (path) => {
    const disk = await openDisk({ path });
    const store = disk.store();
    for (const isSoft of [false, true]) {
      const draft = store.create("key", answerOf({ url: url("x") }));
      assert.ok(draft);
      draft.append(bodyOf(1, 10));
      draft.commit(answerOf({ url: url("x"), bodyBytes: 10 }));
      // It is on its way to the disk.
      const all = purge("all", "", isSoft);
      const sequence = disk.purges.append(all);
      await sweep(disk, all, sequence);
      await settled(store);
      assert.equal(await find(store, "key"), null);
    }
    await disk.close();
  }));

test("a second process waits for the folder", () =>
  withFolder(async (path) => {
    const first = await openDisk({ path });
    await put(first.store(), "key", bodyOf(1, 10));
    const second = await openDisk({ path });
    const store = second.store();
    assert.equal(await find(store, "key"), null);
    assert.equal(store.create("key", answerOf()), null);
    await first.close();
    await second.close();
    const third = await openDisk({ path });
    assert.deepEqual(await get(third.store(), "key"), bodyOf(1, 10));
    await third.close();
  }));

test("the lock of a process that died is taken over, that of one that lives is not", () =>
  withFolder(async (path) => {
    await mkdir(path, { recursive: true });
    for (const lock of ["", "{", JSON.stringify({ token: "t", pid: 2 ** 30, started: "1", world: "elsewhere" })]) {
      await writeFile(join(path, "lock"), lock);
      const disk = await openDisk({ path });
      assert.equal(await find(disk.store(), "key"), null);
      await disk.close();
    }
    // Another world of process ids may be alive; one that is silent for long is not.
    await utimes(join(path, "lock"), 1, 1);
    const disk = await openDisk({ path });
    assert.ok(await put(disk.store(), "key", bodyOf(1, 10)), "nobody has touched it for long");
    const own = await readFile(join(path, "lock"), "utf8");
    await disk.close();
    await writeFile(join(path, "lock"), JSON.stringify({ ...JSON.parse(own), pid: 2 ** 30, started: "1" }));
    const after = await openDisk({ path });
    assert.ok(await put(after.store(), "key", bodyOf(1, 10)), "a dead process has no folder");
    await after.close();
  }));

test("a lower limit is kept from the start on, and what does not belong there is left alone", () =>
  withFolder(async (path) => {
    const first = await openDisk({ path });
    for (let at = 0; at < 30; at++) await put(first.store(), `key ${at}`, bodyOf(at, 50_000));
    await first.close();
    await writeFile(join(path, "answers", "a note"), "mine");
    const second = await openDisk({ path, maxBytes: 524_288 });
    const { objects, bytes } = second.keeper.fill();
    assert.ok(bytes! <= 524_288 && objects! >= 8, `${objects} objects, ${bytes} bytes`);
    const files = (await readdir(join(path, "answers"), { recursive: true, withFileTypes: true })).filter((one) =>
      one.isFile(),
    );
    assert.equal(files.length, objects! + 1);
    await second.close();
  }));

test("marks that are lost make a new folder of it", () =>
  withFolder(async (path) => {
    const first = await openDisk({ path });
    await put(first.store(), "key", bodyOf(1, 10));
    await first.close();
    await writeFile(join(path, "marks.json"), "{}");
    const second = await openDisk({ path });
    assert.equal(second.keeper.fill().objects, 0);
    assert.equal(await find(second.store(), "key"), null);
    await second.close();
  }));

test("times of an earlier life do not lie ahead", () =>
  withFolder(async (path) => {
    const first = await openDisk({ path });
    const aheadMs = Date.now() + 3_600_000;
    await put(first.store(), "key", bodyOf(1, 10), {
      answer: answerOf({ bornMs: aheadMs, freshUntilMs: aheadMs + 10_000 }),
    });
    await first.close();
    const second = await openDisk({ path });
    const found = await find(second.store(), "key");
    assert.ok(found);
    assert.ok(found.answer.bornMs <= Date.now());
    assert.ok(found.answer.freshUntilMs - found.answer.bornMs === 10_000);
    found.release();
    await second.close();
  }));

test("what a dead thread was writing breaks off for others, is deleted, and gives its room back", () =>
  withFolder(async (path) => {
    const disk = await openDisk({ path, keeper: { tickMs: 5 } });
    const dead = disk.store({ stripeIndex: 2 });
    const other = disk.store({ stripeIndex: 1 });
    const draft = dead.create("key", answerOf());
    assert.ok(draft);
    draft.append(bodyOf(1, 100));
    const found = other.findDraft(draft.id);
    assert.ok(found);
    const reading = read(found);
    await settled(other);
    for (const region of disk.reserved) region.clearStripe?.(2);
    assert.equal(await reading, null);
    assert.equal(disk.keeper.fill().bytes, 0);
    for (;;) {
      if ((await readdir(join(path, "drafts"))).length === 0) break;
      await new Promise<void>((resolve) => void setTimeout(resolve, 2));
    }
    assert.equal(other.drafts.count, 0);
    await disk.close();
  }));
