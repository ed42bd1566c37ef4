import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const root = new URL("../../", import.meta.url);

test("the launcher and the manifest agree on the versions of Node.js", () => {
  const { engines } = JSON.parse(readFileSync(new URL("package.json", root), "utf8")) as { engines: { node: string } };
  assert.equal(
    engines.node,
    "^22.18.0 || ^24.11.0 || >=26.0.0",
    "when this changes, change bin/millrace.cjs and the documentation as well",
  );
  const launcher = readFileSync(new URL("bin/millrace.cjs", root), "utf8");
  assert.match(launcher, /major === 22 && minor >= 18\) \|\| \(major === 24 && minor >= 11\) \|\| major >= 26/);
});

test("the launcher is written so that an old Node.js can read it", () => {
  const launcher = readFileSync(new URL("bin/millrace.cjs", root), "utf8");
  for (const modern of [/=>/, /`/, /\?\./, /\?\?/, /\bconst\b/, /\blet\b/, /\bawait\b/, /catch \{/])
    assert.doesNotMatch(launcher, modern);
});

test("a user without a home folder, known to no passwd file, has no cache and no stack trace", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-launcher-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const preload = join(folder, "no-home.cjs");
  writeFileSync(preload, 'require("os").homedir = () => { throw new Error("no such user"); };');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--require", preload, join(import.meta.dirname, "../../bin/millrace.cjs"), "version"],
    { encoding: "utf8", env: { ...process.env, NODE_COMPILE_CACHE: "", NODE_DISABLE_COMPILE_CACHE: "" } },
  );
  assert.deepEqual([status, stderr], [0, ""]);
  assert.match(stdout, /^millrace /);
});
