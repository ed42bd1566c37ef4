import assert from "node:assert/strict";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { WatchedFile } from "./watched-file.ts";

function open(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "watched-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "file");
  const file = new WatchedFile(path, (text) => text ?? "none");
  /** What a look finds: whether it is another, and what it says. */
  const look = async (): Promise<[boolean, string]> => [await file.look(), file.value];
  return { folder, path, file, look };
}

test("a file is read anew however it changes", async (context) => {
  const { folder, path, look } = open(context);
  assert.deepEqual(await look(), [false, "none"]);
  assert.deepEqual(await look(), [false, "none"]);
  writeFileSync(path, "a");
  assert.deepEqual(await look(), [true, "a"]);
  assert.deepEqual(await look(), [false, "a"]);
  appendFileSync(path, "b");
  assert.deepEqual(await look(), [true, "ab"]);
  writeFileSync(join(folder, "next"), "cd");
  renameSync(join(folder, "next"), path);
  assert.deepEqual(await look(), [true, "cd"]);
  unlinkSync(path);
  assert.deepEqual(await look(), [true, "none"]);
  mkdirSync(path);
  assert.deepEqual(await look(), [false, "none"]);
});

test("what was read holds while the file cannot be read; if it never was, nothing is taken for its contents", async (context) => {
  const { folder, path, file, look } = open(context);
  const other = join(folder, "other");
  symlinkSync(path, other);
  symlinkSync(other, path);
  await assert.rejects(file.look(), { code: "ELOOP" });
  unlinkSync(path);
  writeFileSync(path, "a");
  assert.deepEqual(await look(), [false, "a"]);
  unlinkSync(path);
  symlinkSync(other, path);
  assert.deepEqual(await look(), [false, "a"]);
});

test("looks at the same time are one", async (context) => {
  const { path, file } = open(context);
  await file.look();
  writeFileSync(path, "a");
  assert.deepEqual(await Promise.all([file.look(), file.look()]), [true, true]);
  assert.equal(await file.look(), false);
});
