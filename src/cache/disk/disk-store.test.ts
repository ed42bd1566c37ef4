import assert from "node:assert/strict";
import { test } from "node:test";
import { answerOf, bodyOf, find, get, openDisk, put, read, settled, withFolder } from "./testing/open-disk.ts";

test("what is stored is found again, by other threads and after a restart", () =>
  withFolder(async (path) => {
    const first = await openDisk({ path });
    const store = first.store();
    const other = first.store({ stripeIndex: 1 });
    const sizes = [0, 1, 1_000, 65_535, 65_536, 65_537, 131_072, 300_000, 1_048_576];
    for (const size of sizes) assert.ok(await put(store, `key ${size}`, bodyOf(size, size)));
    for (const size of sizes) {
      assert.deepEqual(await get(store, `key ${size}`), bodyOf(size, size));
      assert.deepEqual(await get(other, `key ${size}`), bodyOf(size, size));
    }
    assert.equal(await find(store, "another key"), null);
    assert.equal(first.keeper.fill().objects, sizes.length);
    await first.close();
    const second = await openDisk({ path });
    assert.equal(second.keeper.fill().objects, sizes.length);
    const again = second.store();
    for (const size of sizes) assert.deepEqual(await get(again, `key ${size}`), bodyOf(size, size));
    assert.deepEqual(second.troubles, []);
    await second.close();
  }));

test("any part of a body can be read", () =>
  withFolder(async (path) => {
    const disk = await openDisk({ path });
    const store = disk.store();
    const body = bodyOf(1, 200_000);
    await put(store, "key", body);
    for (const [start, end] of [
      [0, 1],
      [65_535, 65_537],
      [65_536, 131_072],
      [100_000, 200_000],
      [199_999, Number.POSITIVE_INFINITY],
      [5, 5],
    ] as const) {
      const found = await find(store, "key");
      assert.ok(found);
      assert.deepEqual(await read(found, start, end), body.subarray(start, Math.min(end, body.length)));
    }
    await settled(store);
    await disk.close();
  }));

test("a draft is read by this thread and by others while it grows", () =>
  withFolder(async (path) => {
    const disk = await openDisk({ path });
    const store = disk.store();
    const other = disk.store({ stripeIndex: 1 });
    const body = bodyOf(7, 150_000);
    const draft = store.create("key", answerOf());
    assert.ok(draft);
    const own = read(draft.read());
    draft.append(body.subarray(0, 100));
    const joined = other.findDraft(draft.id);
    assert.ok(joined);
    assert.equal(joined.isGrowing, true);
    assert.equal(joined.answer.status, 200);
    const theirs = read(joined);
    for (let at = 100; at < body.length; at += 10_000) {
      draft.append(body.subarray(at, at + 10_000));
      await new Promise((resolve) => setImmediate(resolve));
    }
    draft.commit(answerOf({ bodyBytes: body.length }));
    assert.deepEqual(await own, body);
    assert.deepEqual(await theirs, body);
    await settled(store);
    assert.deepEqual(await get(other, "key"), body);
    assert.equal(store.drafts.count, 0);
    await disk.close();
  }));
