/** A process that dies, at any moment, leaves a folder in which every answer is whole or not there. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { BrokenFiles, type FileCall, type Verdict } from "./testing/broken-files.ts";
import { checkFolder, crashMaxBytes, runWorkload } from "./testing/crash-workload.ts";
import { bodyOf, find, openDisk, put, read, settled, withFolder } from "./testing/open-disk.ts";

/** Runs until a call, and then no call is made any more. @returns whether there was such a call */
async function dieAt(
  path: string,
  isIt: (call: FileCall, writes: number) => boolean,
  verdict: Verdict,
): Promise<boolean> {
  const disk = await openDisk({ path, maxBytes: crashMaxBytes });
  let writes = 0;
  const files = new BrokenFiles((call) => {
    if (call.kind === "write") writes++;
    return isIt(call, writes) ? verdict : null;
  });
  await runWorkload(disk.store({ files }), () => files.isDead);
  // What had begun when it died may still be under way.
  await files.settled();
  // This only takes the lock away.
  await disk.keeper.close();
  return files.isDead;
}

/** Dies at the first, the second, ... until there is none any more. */
async function dieAtEach(
  isIt: (call: FileCall, writes: number, point: number) => boolean,
  verdict: Verdict,
): Promise<{ points: number; found: number }> {
  for (let point = 1, found = 0; ; point++) {
    let hasDied = false;
    await withFolder(async (path) => {
      hasDied = await dieAt(path, (call, writes) => isIt(call, writes, point), verdict);
      found += await checkFolder(path);
    });
    if (!hasDied) return { points: point - 1, found };
  }
}

test("dead after each call", async () => {
  const { points, found } = await dieAtEach((call, _writes, point) => call.number === point, { dies: "after" });
  assert.ok(points > 60, `${points} calls`);
  assert.ok(found > 2 * points, `${found} answers were there`);
});

for (const writtenShare of [0.3, 0.999])
  test(`dead in each write, when ${writtenShare} of it is done`, async () => {
    const { points } = await dieAtEach(({ kind }, writes, point) => kind === "write" && writes === point, {
      dies: { writtenShare },
    });
    // What waits is written in one call: how many there are depends on the disk.
    assert.ok(points >= 10, `${points} writes`);
  });

test("killed at calls throughout", { timeout: 110_000 }, async () => {
  let kills = 0;
  for (let number = 1; number < 73; number += 9)
    for (const when of ["before", "after"])
      await withFolder(async (path) => {
        const child = spawn(
          process.execPath,
          [join(import.meta.dirname, "testing/crash-child.ts"), path, String(number), when],
          { stdio: ["ignore", "ignore", "inherit"] },
        );
        const [, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
        if (signal === "SIGKILL") kills++;
        await checkFolder(path);
      });
  assert.ok(kills >= 12, `${kills} kills`);
});

/** The only file of an answer below a folder. */
async function fileIn(path: string): Promise<string> {
  const names = await readdir(join(path, "answers"), { recursive: true, withFileTypes: true });
  const file = names.find((entry) => entry.isFile());
  assert.ok(file);
  return join(file.parentPath, file.name);
}

test("a file that is cut anywhere, or changed, is a miss or breaks off, and is gone afterwards", () =>
  withFolder(async (path) => {
    const body = bodyOf(3, 140_000);
    const disk = await openDisk({ path });
    const store = disk.store();
    const checkDamaged = async (change: (file: string) => Promise<void>, what: string): Promise<void> => {
      assert.ok(await put(store, "key", body));
      await change(await fileIn(path));
      const found = await find(store, "key");
      const bytes = found === null ? null : await read(found);
      assert.ok(bytes === null, `${what} was given`);
      await settled(store);
      assert.equal(await find(store, "key"), null, what);
      assert.equal(disk.keeper.fill().objects, 0, what);
    };
    assert.ok(await put(store, "key", body));
    const { size } = await stat(await fileIn(path));
    for (const length of [0, 1, 39, 40, 511, 1_024, 2_048, 70_000, 66_560 + 1_024, 132_000, size - 5, size - 1])
      await checkDamaged((file) => truncate(file, length), `cut to ${length}`);
    for (const at of [2_048, 60_000, 66_000, 67_585, 100_000, 140_000, size - 2])
      await checkDamaged(async (file) => {
        const bytes = await readFile(file);
        bytes[at]! ^= 1;
        await writeFile(file, bytes);
      }, `changed at ${at}`);
    // A power cut may leave the length and not the bytes.
    for (const from of [0, 4_096, 65_536, 131_072])
      await checkDamaged(async (file) => {
        const bytes = await readFile(file);
        bytes.fill(0, from, from + 4_096);
        await writeFile(file, bytes);
      }, `zeros from ${from}`);
    await disk.close();
  }));

test("what stands in the place of a file is not taken for it", () =>
  withFolder(async (path) => {
    const disk = await openDisk({ path });
    const store = disk.store();
    await put(store, "one", bodyOf(1, 100_000));
    const one = await fileIn(path);
    const bytes = await readFile(one);
    store.remove("one");
    await settled(store);
    await put(store, "two", bodyOf(2, 100_000));
    await writeFile(await fileIn(path), bytes);
    assert.equal(await find(store, "two"), null);
    await disk.close();
  }));
