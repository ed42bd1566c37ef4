/** A disk that is full, broken, slow or gone: misses, nothing stored, and nothing that piles up. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { ManualScheduler } from "../../base/scheduler.ts";
import { BrokenFiles, type FileCall, type Verdict } from "./testing/broken-files.ts";
import { answerOf, bodyOf, find, get, openDisk, put, read, settled, withFolder } from "./testing/open-disk.ts";

const kinds: readonly (readonly [kind: FileCall["kind"], code: string])[] = [
  ["open", "EMFILE"],
  ["open", "EACCES"],
  ["write", "ENOSPC"],
  ["write", "EIO"],
  ["rename", "EROFS"],
  ["mkdir", "ENOSPC"],
];

for (const [kind, code] of kinds)
  test(`${code} of ${kind}: not stored, readers get all of it, and nothing is left`, () =>
    withFolder(async (path) => {
      const disk = await openDisk({ path });
      let isBroken = true;
      const files = new BrokenFiles((call) => (isBroken && call.kind === kind ? { code } : null));
      const store = disk.store({ files });
      const body = bodyOf(1, 150_000);
      const draft = store.create("key", answerOf());
      assert.ok(draft);
      let failures = 0;
      draft.onFailure = () => void failures++;
      const reader = read(draft.read());
      for (let at = 0; at < body.length; at += 10_000) {
        draft.append(body.subarray(at, at + 10_000));
        await new Promise<void>((resolve) => void setImmediate(resolve));
      }
      draft.commit(answerOf({ bodyBytes: body.length }));
      assert.deepEqual(await reader, body);
      await settled(store);
      assert.equal(await find(store, "key"), null);
      assert.ok(failures <= 1);
      assert.ok(disk.troubles.some((trouble) => trouble.endsWith(code)));
      assert.deepEqual(disk.keeper.fill(), { objects: 0, bytes: 0, maxBytes: 16 * 1_048_576, evictions: 0 });
      assert.deepEqual(await readdir(join(path, "drafts")), []);
      assert.equal(store.drafts.count, 0);
      isBroken = false;
      assert.ok(await put(store, "key", body));
      assert.deepEqual(await get(store, "key"), body);
      await disk.close();
    }));

for (const [kind, code] of [
  ["open", "EIO"],
  ["open", "EMFILE"],
  ["read", "EIO"],
] as const)
  test(`${code} of ${kind}: a miss`, () =>
    withFolder(async (path) => {
      const disk = await openDisk({ path });
      let isBroken = false;
      const store = disk.store({
        files: new BrokenFiles((call) => (isBroken && call.kind === kind ? { code } : null)),
      });
      await put(store, "small", bodyOf(1, 100));
      await put(store, "large", bodyOf(2, 200_000));
      isBroken = true;
      for (const key of ["small", "large"]) assert.equal(await find(store, key), null);
      isBroken = false;
      await settled(store);
      const inspection = store.inspect();
      assert.ok(Object.values(inspection).every((count) => count === 0));
      await disk.close();
    }));

test("a read that fails in the middle breaks the answer off, and drops it", () =>
  withFolder(async (path) => {
    const disk = await openDisk({ path });
    let isBroken = false;
    const store = disk.store({
      files: new BrokenFiles((call) => (isBroken && call.kind === "read" ? { code: "EIO" } : null)),
    });
    await put(store, "key", bodyOf(1, 300_000));
    const found = await find(store, "key");
    assert.ok(found);
    isBroken = true;
    assert.equal(await read(found), null);
    isBroken = false;
    await settled(store);
    assert.equal(await find(store, "key"), null);
    await disk.close();
  }));

test("a disk that hangs gives misses in time, takes three calls, and lets nothing pile up", () =>
  withFolder(async (path) => {
    const scheduler = new ManualScheduler();
    const disk = await openDisk({ path });
    let verdict: Verdict = null;
    const files = new BrokenFiles(() => verdict);
    const store = disk.store({ files, scheduler, timeoutMs: 200 });
    for (let at = 0; at < 20; at++) await put(store, `key ${at}`, bodyOf(at, 1_000));
    verdict = "hangs";
    const before = files.calls;
    let misses = 0;
    const ask = (at: number): void =>
      store.find(`key ${at % 20}`, (found) => {
        assert.equal(found, null);
        misses++;
      });
    for (let at = 0; at < 1_000; at++) ask(at);
    assert.equal(files.calls, before + 3, "calls under way");
    assert.ok(store.inspect().waiting <= 256);
    assert.ok(misses >= 700, "what is too much is a miss at once");
    scheduler.advance(201);
    await new Promise<void>((resolve) => void setImmediate(resolve));
    assert.equal(misses, 1_000);
    // It is known to hang: nothing is asked, nothing is written.
    for (let at = 0; at < 100; at++) ask(at);
    assert.equal(misses, 1_100);
    assert.equal(store.create("other", answerOf()), null);
    assert.equal(files.calls, before + 3);
    verdict = null;
    files.release();
    await settled(store);
    assert.deepEqual(await get(store, "key 3"), bodyOf(3, 1_000));
    assert.ok(disk.troubles.length > 0);
    await disk.close();
  }));

test("a draft for a slow disk is paused, and its reader of the same thread is not", () =>
  withFolder(async (path) => {
    const disk = await openDisk({ path });
    let verdict: Verdict = "hangs";
    const files = new BrokenFiles(() => verdict);
    const store = disk.store({ files });
    const draft = store.create("key", answerOf());
    assert.ok(draft);
    const received: number[] = [];
    draft.read().open(0, Number.POSITIVE_INFINITY, {
      data: (chunk) => void received.push(chunk.length),
      flush: () => true,
      end: () => true,
      abort: () => {},
    });
    let appended = 0;
    while (draft.append(bodyOf(1, 65_536))) {
      appended += 65_536;
      assert.ok(appended < 2 * 1_048_576, "it takes more and more");
    }
    assert.equal(
      received.reduce((sum, length) => sum + length, 0),
      appended + 65_536,
    );
    const writable = new Promise<void>((resolve) => {
      draft.onWritable = resolve;
    });
    verdict = null;
    files.release();
    await writable;
    draft.abort();
    await settled(store);
    await disk.close();
  }));

test("a draft that was paused goes on for its readers when the disk fails", () =>
  withFolder(async (path) => {
    const disk = await openDisk({ path });
    let verdict: Verdict = "hangs";
    const files = new BrokenFiles(() => verdict);
    const store = disk.store({ files });
    const draft = store.create("key", answerOf());
    assert.ok(draft);
    const reader = read(draft.read());
    const body = bodyOf(9, 65_536);
    let pieces = 1;
    while (draft.append(body)) pieces++;
    const failed = new Promise<void>((resolve) => {
      draft.onFailure = resolve;
    });
    const writable = new Promise<void>((resolve) => {
      draft.onWritable = resolve;
    });
    verdict = { code: "ENOSPC" };
    files.release();
    await Promise.all([failed, writable]);
    for (let more = 0; more < 20; more++) assert.ok(draft.append(body));
    draft.commit(answerOf({ bodyBytes: (pieces + 20) * 65_536 }));
    assert.equal((await reader)?.length, (pieces + 20) * 65_536);
    await settled(store);
    assert.equal(await find(store, "key"), null);
    await disk.close();
  }));

test("a small file system that is full costs no answer", async (context) => {
  await withFolder(async (folder) => {
    const path = join(folder, "small");
    await mkdir(path);
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", path], { stdio: "ignore" });
    } catch {
      context.skip("a file system cannot be mounted here");
      return;
    }
    try {
      const disk = await openDisk({ path });
      const store = disk.store();
      let stored = 0;
      for (let at = 0; at < 40; at++) {
        const draft = store.create(`key ${at}`, answerOf());
        assert.ok(draft);
        const reader = read(draft.read());
        const body = bodyOf(at, 100_000);
        draft.append(body);
        draft.commit(answerOf({ bodyBytes: body.length }));
        assert.deepEqual(await reader, body);
        await settled(store);
        const found = await get(store, `key ${at}`);
        if (found !== null) {
          assert.deepEqual(found, body);
          stored++;
        }
      }
      assert.ok(stored >= 5 && stored < 12, `${stored} are stored`);
      assert.ok(disk.troubles.some((trouble) => trouble === "write ENOSPC"));
      for (let at = 0; at < 5; at++) store.remove(`key ${at}`);
      await settled(store);
      assert.ok(await put(store, "again", bodyOf(5, 100_000)));
      assert.deepEqual(await get(store, "again"), bodyOf(5, 100_000));
      await disk.close();
    } finally {
      execFileSync("umount", [path]);
    }
  });
});

test("a folder that is taken away is a miss, and is made again at the next start", () =>
  withFolder(async (folder) => {
    const path = join(folder, "answers");
    const disk = await openDisk({ path });
    const store = disk.store();
    await put(store, "key", bodyOf(1, 1_000));
    await rm(path, { recursive: true });
    assert.equal(await find(store, "key"), null);
    assert.ok(await put(store, "other", bodyOf(1, 1_000)));
    assert.equal(await find(store, "other"), null);
    assert.equal(disk.keeper.fill().objects, 0);
    await disk.close();
    const again = await openDisk({ path });
    assert.ok(await put(again.store(), "key", bodyOf(2, 1_000)));
    await again.close();
  }));
