import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { findCommand } from "../../../scripts/install-packages.ts";
import { ManualScheduler } from "../../base/scheduler.ts";
import { LocalAuthority } from "../local-authority.ts";
import type { TrustedRoot, TrustMachine } from "./trust-store.ts";
import { changeTrust, exportRoot } from "./trust-root.ts";

interface Scene {
  readonly machine: TrustMachine;
  readonly root: TrustedRoot;
  readonly folder: string;
  /** Commands that were run, but `certutil`. */
  readonly commands: string[];
}

async function build(t: TestContext, changes: Partial<TrustMachine> = {}): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-trust-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const commands: string[] = [];
  const machine: TrustMachine = {
    platform: "linux",
    root: join(folder, "root"),
    home: join(folder, "home"),
    isPrivileged: true,
    hasCommand: (name) => findCommand(name) !== null,
    run(command, args) {
      if (command === "certutil") {
        const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
        return { isFine: status === 0, output: stdout + stderr };
      }
      commands.push([command, ...args].join(" "));
      return { isFine: true, output: "" };
    },
    ...changes,
  };
  mkdirSync(join(machine.root, "usr/local/share/ca-certificates"), { recursive: true });
  mkdirSync(machine.home, { recursive: true });
  const authority = new LocalAuthority({ folder: join(folder, "ca"), scheduler: new ManualScheduler() });
  const root = exportRoot(join(folder, "ca"), await authority.root());
  return { machine, root, folder, commands };
}

const kinds = (scene: Scene, to: "trust" | "distrust"): string[] =>
  changeTrust(scene.root, to, scene.machine).map(({ kind }) => kind);

test("the system's store on Debian has the root, then no longer", async (t) => {
  const scene = await build(t, { hasCommand: () => false });
  const path = join(scene.machine.root, `usr/local/share/ca-certificates/millrace-${scene.root.id}.crt`);
  assert.equal(kinds(scene, "trust")[0], "done");
  assert.equal(readFileSync(path, "utf8"), readFileSync(scene.root.file, "utf8"));
  assert.equal(statSync(path).mode & 0o777, 0o644);
  assert.equal(kinds(scene, "trust")[0], "unchanged");
  assert.equal(kinds(scene, "distrust")[0], "done");
  assert.equal(existsSync(path), false);
  assert.equal(kinds(scene, "distrust")[0], "unchanged");
  assert.deepEqual(scene.commands, ["update-ca-certificates", "update-ca-certificates"]);
});

test("who is not root is told what to run, and nothing is changed", async (t) => {
  const scene = await build(t, { isPrivileged: false, hasCommand: () => false });
  const [system, chromium] = changeTrust(scene.root, "trust", scene.machine);
  assert.deepEqual([system?.kind, chromium?.kind], ["failed", "failed"]);
  assert.match(system!.text, /run: sudo sh -c 'install -m 644 .* && update-ca-certificates'/);
  assert.match(chromium!.text, /`certutil` is not installed/);
  assert.deepEqual(scene.commands, []);
});

test("Chromium and every profile of Firefox have the root, then no longer", {
  skip: findCommand("certutil") === null,
}, async (t) => {
  const scene = await build(t);
  const profile = join(scene.machine.home, ".mozilla/firefox/abc.default");
  mkdirSync(profile, { recursive: true });
  scene.machine.run("certutil", ["-d", `sql:${profile}`, "-N", "--empty-password"]);
  const listed = (folder: string): boolean =>
    scene.machine.run("certutil", ["-d", `sql:${folder}`, "-L"]).output.includes(scene.root.name);
  const folders = [join(scene.machine.home, ".pki/nssdb"), profile];
  assert.deepEqual(kinds(scene, "trust"), ["done", "done", "done"]);
  assert.deepEqual(folders.map(listed), [true, true]);
  assert.deepEqual(kinds(scene, "trust"), ["unchanged", "unchanged", "unchanged"]);
  assert.deepEqual(kinds(scene, "distrust"), ["done", "done", "done"]);
  assert.deepEqual(folders.map(listed), [false, false]);
});

test("macOS and Windows are asked by their own commands, and their refusal is told", async (t) => {
  for (const [platform, command] of [
    ["darwin", /^security add-trusted-cert -r trustRoot -k .*login\.keychain-db .*root\.pem$/],
    ["win32", /^certutil\.exe -user -addstore Root .*root\.pem$/],
  ] as const) {
    const scene = await build(t, { platform });
    assert.deepEqual(kinds(scene, "trust"), ["done"]);
    assert.match(scene.commands[0]!, command);
    const refusing = { ...scene.machine, run: () => ({ isFine: false, output: "user canceled\n" }) };
    const [refused] = changeTrust(scene.root, "trust", refusing);
    assert.match(refused!.text, /failed: user canceled$/);
  }
});

test("a folder that cannot be written to is told", { skip: process.getuid?.() === 0 }, async (t) => {
  const scene = await build(t);
  chmodSync(join(scene.machine.root, "usr/local/share/ca-certificates"), 0o500);
  assert.match(changeTrust(scene.root, "trust", scene.machine)[0]!.text, /EACCES/);
});
