import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { ManualScheduler } from "../base/scheduler.ts";
import type { CertificateMaterial } from "../net/tls/tls-material.ts";
import { LocalSource } from "./local-source.ts";

interface Scene {
  readonly source: LocalSource;
  readonly scheduler: ManualScheduler;
  /** Everything that was given, the last list last. */
  readonly given: (readonly CertificateMaterial[])[];
}

function build(t: TestContext, names: readonly string[] = []): Scene & { start(): Promise<void> } {
  const folder = mkdtempSync(join(tmpdir(), "millrace-ca-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const scheduler = new ManualScheduler();
  const given: (readonly CertificateMaterial[])[] = [];
  const source = new LocalSource({
    folder,
    names,
    scheduler,
    onError: (error) => assert.fail(error),
    toError: (message) => new Error(message),
  });
  t.after(() => source.close());
  const host = {
    give: async (list: readonly CertificateMaterial[]) => void given.push(list),
    setHttpChallenge: async () => {},
    setAlpnChallenge: async () => {},
  };
  return {
    source,
    scheduler,
    given,
    async start() {
      given.push(await source.load());
      source.start(host);
    },
  };
}

const namesOf = (list: readonly CertificateMaterial[] | undefined): string[] =>
  (list ?? []).map(({ names }) => names[0]!);

test("this machine and the configured names have certificates at once", async (t) => {
  const scene = build(t, ["app.internal"]);
  await scene.start();
  assert.deepEqual(namesOf(scene.given[0]), ["localhost", "app.internal"]);
  assert.ok(scene.given[0]![0]!.names.includes("127.0.0.1"));
});

test("a name gets one when it is asked for, once however many ask", async (t) => {
  const scene = build(t);
  await scene.start();
  await Promise.all([1, 2, 3].map(() => scene.source.want("a.test")));
  await scene.source.want("a.test");
  assert.deepEqual(scene.given.map(namesOf), [["localhost"], ["localhost", "a.test"]]);
});

test("how many names strangers may ask for is bounded, at a time and in a second", async (t) => {
  const scene = build(t);
  await scene.start();
  for (let at = 0; at < 30; at++) await scene.source.want(`n${at}.test`);
  assert.equal(scene.given.at(-1)?.length, 21);
  for (let at = 0; at < 520; at++) {
    if (at % 20 === 0) scene.scheduler.advance(1_000);
    await scene.source.want(`m${at}.test`);
  }
  const last = namesOf(scene.given.at(-1));
  assert.equal(last.length, 501);
  assert.equal(last[0], "localhost");
  assert.equal(last.at(-1), "m519.test");
});

test("certificates are replaced days before their end", async (t) => {
  const scene = build(t);
  await scene.start();
  await scene.source.want("a.test");
  const before = scene.given.at(-1)!;
  const renewed = Promise.withResolvers<void>();
  Object.defineProperty(scene.given, "push", {
    value: (list: readonly CertificateMaterial[]) => {
      renewed.resolve();
      return Array.prototype.push.call(scene.given, list);
    },
  });
  for (let hour = 0; hour < 5 * 24 && scene.given.length === 2; hour++) {
    scene.scheduler.advance(3_600_000);
    await new Promise(setImmediate);
  }
  await renewed.promise;
  const after = scene.given.at(-1)!;
  assert.deepEqual(namesOf(after), namesOf(before));
  for (const [at, { notAfterMs }] of after.entries()) assert.ok(notAfterMs > before[at]!.notAfterMs + 3 * 86_400_000);
});

test("a folder that cannot be used refuses the configuration, with its reason", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-ca-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "file"), "");
  const source = new LocalSource({
    folder: join(folder, "file"),
    names: [],
    scheduler: new ManualScheduler(),
    onError: (error) => assert.fail(error),
    toError: (message) => new Error(message),
  });
  await assert.rejects(source.load(), /the local authority cannot be used: ENOTDIR/);
});
