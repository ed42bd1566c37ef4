/** What is kept on a disk that is full, or can only be read: the old stays, and all goes on when there is room again. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { FolderStore } from "../../src/acme/storage/folder-store.ts";
import { systemScheduler } from "../../src/base/scheduler.ts";
import { LocalAuthority } from "../../src/local-ca/local-authority.ts";
import { mountSmallDisk } from "../support/small-disk.ts";

const host = { names: ["a.test"], addresses: [] };
const large = "x".repeat(20_000);

/** Files that were begun and not finished. */
const leftIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith(".tmp"));

for (const [how, code] of [
  ["is full", "ENOSPC"],
  ["can only be read", "EROFS"],
] as const)
  test(`certificates of ACME on a disk that ${how} stay as they were`, async (t) => {
    const disk = mountSmallDisk(t);
    if (disk === null) return t.skip("this user cannot mount a disk");
    const store = new FolderStore(join(disk.folder, "acme"), systemScheduler);
    await store.write("certificates/a.test", "old");
    if (code === "ENOSPC") disk.fill();
    else disk.setReadOnly(true);
    await assert.rejects(store.write("certificates/a.test", large), { code });
    await assert.rejects(store.write("certificates/b.test", large), { code });
    // On a full disk there may be room for a name, and nothing in it.
    const lock = await store.lock("order").catch((error: NodeJS.ErrnoException) => error.code);
    if (typeof lock === "string") assert.equal(lock, code);
    else await lock?.release();
    assert.equal(await store.read("certificates/a.test"), "old");
    assert.equal(await store.read("certificates/b.test"), null);
    assert.deepEqual(leftIn(disk.folder), []);
    if (code === "ENOSPC") disk.empty();
    else disk.setReadOnly(false);
    await store.write("certificates/a.test", large);
    assert.equal(await store.read("certificates/a.test"), large);
    const next = await store.lock("order");
    assert.ok(next !== null, "nobody is left in the lock");
    await next.release();
  });

for (const [how, code] of [
  ["is full", "ENOSPC"],
  ["can only be read", "EROFS"],
] as const)
  test(`the local authority on a disk that ${how}`, async (t) => {
    const disk = mountSmallDisk(t);
    if (disk === null) return t.skip("this user cannot mount a disk");
    const parts = { folder: join(disk.folder, "ca"), scheduler: systemScheduler };
    const stop = (): void => (code === "ENOSPC" ? disk.fill() : disk.setReadOnly(true));
    stop();
    await assert.rejects(new LocalAuthority(parts).issue(host), { code });
    if (code === "ENOSPC") disk.empty();
    else disk.setReadOnly(false);
    assert.deepEqual(leftIn(disk.folder), []);
    const authority = new LocalAuthority(parts);
    await authority.issue(host);
    const root = await authority.root();
    stop();
    // What it has is enough to issue with: also for one that begins now.
    const later = new LocalAuthority(parts);
    assert.match((await later.issue(host)).certPem, /BEGIN CERTIFICATE/);
    assert.equal(await later.root(), root);
  });
