/** What a process does to a folder until it dies, and what may be found there afterwards. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import type { CacheStore } from "../../cache-store.ts";
import type { DiskStore } from "../disk-store.ts";
import { answerOf, bodyOf, find, type OpenDisk, openDisk, put, read, settled } from "./open-disk.ts";

/** So much that not everything fits. */
export const crashMaxBytes = 655_360;

const sizes = [0, 100, 5_000, 65_536, 65_537, 140_000];
/** Of what comes on top, until there is no room. */
const lateBytes = 100_000;
const lateKeys = [6, 7, 8, 9];

/** Stores, replaces, refreshes and removes; ends early if the files have died. */
export async function runWorkload(store: DiskStore, isDead: () => boolean): Promise<void> {
  const put1 = async (key: string, seed: number, size: number): Promise<void> => {
    if (!isDead())
      await untilDead(put(store, key, bodyOf(seed, size), { answer: answerFor(key), isOver: isDead }), isDead);
  };
  for (const [at, size] of sizes.entries()) await put1(`key ${at}`, at, size);
  for (const at of [1, 3, 5]) await put1(`key ${at}`, 100 + at, sizes[at]! + 1);
  for (const [at, fields] of [
    [2, "x: refreshed\r\n"],
    [5, `x: ${"y".repeat(4_000)}\r\n`],
  ] as const) {
    if (isDead()) return;
    const found = await untilDead(find(store, `key ${at}`), isDead);
    if (found === null) continue;
    store.refresh(`key ${at}`, found, { ...found.answer, fields });
    found.release();
    await settled(store, isDead);
  }
  if (!isDead()) store.remove("key 4");
  // More than there is room for.
  for (const at of lateKeys) await put1(`key ${at}`, at, lateBytes);
}

function answerFor(key: string): ReturnType<typeof answerOf> {
  return answerOf({ url: `http://example.test/${key}` });
}

/** Opens the folder anew and looks at every object. @returns how many were there */
export async function checkFolder(path: string): Promise<number> {
  const disk = await openDisk({ path, maxBytes: crashMaxBytes });
  try {
    const store = disk.store();
    let found = 0;
    for (let at = 0; at < sizes.length + lateKeys.length; at++) if (await checkKey(store, at)) found++;
    await settled(store);
    await checkRest(disk);
    assert.deepEqual(
      disk.troubles.filter((trouble) => !trouble.startsWith("checksum")),
      [],
    );
    // It works as if nothing had happened.
    assert.ok(await put(store, "after", bodyOf(77, 70_000)));
    assert.deepEqual(await readAll(store, "after"), bodyOf(77, 70_000));
    return found;
  } finally {
    await disk.close();
  }
}

async function readAll(store: CacheStore, key: string): Promise<Buffer | null> {
  const body = await find(store, key);
  return body === null ? null : await read(body);
}

/** What is there is one of the versions that were stored, whole, and says so. */
async function checkKey(store: CacheStore, at: number): Promise<boolean> {
  const key = `key ${at}`;
  const body = await find(store, key);
  if (body === null) return false;
  assert.equal(body.answer.url, `http://example.test/${key}`);
  const bytes = await read(body);
  assert.ok(bytes !== null, `${key} broke off`);
  const versions = [bodyOf(at, sizes[at] ?? lateBytes), bodyOf(100 + at, (sizes[at] ?? 0) + 1)];
  assert.ok(
    versions.some((version) => version.equals(bytes)),
    `${key} is none of its versions`,
  );
  assert.equal(body.answer.bodyBytes, bytes.length);
  assert.match(body.answer.fields, /^content-type: text\/plain\r\n$|^x: refreshed\r\n$|^x: y{4000}\r\n$/);
  return true;
}

/** No drafts are left, and the limit holds. */
async function checkRest({ path, keeper }: OpenDisk): Promise<void> {
  assert.deepEqual(await readdir(`${path}/drafts`), []);
  assert.ok(keeper.fill().bytes! <= crashMaxBytes);
}

/** Waits for something that never comes once the files have died. */
async function untilDead<Result>(work: Promise<Result>, isDead: () => boolean): Promise<Result | null> {
  let result: Result | null = null;
  let isOver = false;
  void work.then((value) => {
    result = value;
    isOver = true;
  });
  while (!isOver && !isDead()) await new Promise<void>((resolve) => void setImmediate(resolve));
  return result;
}
