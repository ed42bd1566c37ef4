import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ManualScheduler, type Scheduler } from "../../../base/scheduler.ts";
import { discoveryContext, Told } from "../testing/told.ts";
import { FileDiscovery, type WatchOnFile } from "./file-discovery.ts";

function folderOf(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "millrace-file-discovery-"));
  context.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Puts a whole file in place of another. */
function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

const noWatch = (): WatchOnFile => ({ refresh: () => Promise.resolve(), close: () => undefined });

interface FollowOptions {
  readonly watch?: (path: string, onNotice: () => void) => WatchOnFile;
  readonly scheduler?: Scheduler;
}

function follow(context: TestContext, path: string, { watch, scheduler }: FollowOptions = {}): Told {
  const discovery = new FileDiscovery(path, discoveryContext(scheduler && { scheduler }), watch);
  const told = new Told();
  // What the discovery waits for does not keep the process alive.
  const keeper = setInterval(() => undefined, 1_000);
  context.after(() => {
    clearInterval(keeper);
    discovery.close();
  });
  discovery.start(told);
  return told;
}

test("a file is read at the start, and again when it is replaced or written in place", async (context) => {
  const path = join(folderOf(context), "endpoints.yaml");
  writeFileSync(path, "- http://a:1\n- { url: http://b:2, weight: 3, zone: z }\n");
  const told = follow(context, path);
  assert.equal(await told.next(/a/), "a,b");
  const [first] = told.snapshots;
  assert.deepEqual([first?.endpoints[1]?.weight, first?.endpoints[1]?.zone, first?.refused], [3, "z", []]);
  assert.match(String(first?.version), /^\d{4}-.*Z$/);
  replace(path, '{"endpoints": ["http://c:1"]}');
  assert.equal(await told.next(/c/), "c");
  writeFileSync(path, "- unix:/run/d.sock\n");
  assert.equal(await told.next(/d/), "/run/d.sock");
  assert.equal(await told.next(/./), ".", "a look finds the same");
});

test("a file that cannot be used changes nothing, is said, and is used again when it can be", async (context) => {
  const path = join(folderOf(context), "endpoints.yaml");
  const told = follow(context, path);
  assert.match(await told.next(/!/), /endpoints\.yaml: there is no such file/);
  replace(path, "- http://a:1\n");
  await told.next(/^a$/);
  for (const [text, sentence] of [
    ["endpoints: [", /cannot be read: line \d/],
    ["nonsense", /neither a list/],
    ["- nonsense\n- http://u:secret@a", /none of the records/],
    [Buffer.from([0x2d, 0x20, 0xff]).toString("latin1"), /neither|none of|cannot/],
    ["x".repeat(9_000_000), /larger than/],
  ] as const) {
    replace(path, text);
    const word = await told.next(/!/);
    assert.match(word, sentence);
    assert.doesNotMatch(word, /secret/);
  }
  unlinkSync(path);
  await told.next(/no such file/);
  mkdirSync(path);
  await told.next(/this is no file/);
  rmSync(path, { recursive: true });
  replace(path, "- http://b:1\n");
  await told.next(/^b$/);
  assert.equal(told.snapshots.length, 2);
});

test("a bad record is left out, and an empty list is certain only if somebody has written it", async (context) => {
  const path = join(folderOf(context), "endpoints.yaml");
  writeFileSync(path, "- http://a:1\n- nonsense\n");
  const told = follow(context, path);
  assert.equal(await told.next(/a/), "?a");
  assert.equal(told.snapshots[0]?.refused.length, 1);
  replace(path, "");
  assert.equal(await told.next(/^\??$/), "?");
  replace(path, "# nothing is here yet\n\n");
  assert.equal(await told.next(/^\??$/), "?");
  replace(path, "endpoints: []\n");
  assert.equal(await told.next(/^\??$/), "");
});

test("a mounted ConfigMap is followed: the link is there before the file, and its folder is swapped", async (context) => {
  const folder = folderOf(context);
  const path = join(folder, "endpoints.yaml");
  symlinkSync("..data/endpoints.yaml", path);
  const told = follow(context, path);
  await told.next(/no such file/);
  const swapTo = (version: string, text: string): void => {
    mkdirSync(join(folder, version));
    writeFileSync(join(folder, version, "endpoints.yaml"), text);
    symlinkSync(version, join(folder, "..data_tmp"));
    renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
  };
  swapTo("..1", "- http://a:1\n");
  await told.next(/^a$/);
  swapTo("..2", "- http://b:1\n");
  rmSync(join(folder, "..1"), { recursive: true });
  await told.next(/^b$/);
});

test("a mounted file that gives no notices is followed by looking at it", async (context) => {
  const path = join(folderOf(context), "endpoints.yaml");
  writeFileSync(path, "- http://a:1\n");
  const told = follow(context, path, { watch: noWatch });
  await told.next(/^a$/);
  writeFileSync(path, "- http://b:1\n");
  await told.next(/^b$/);
});

test("a file that is being written is not taken before it is quiet, unless it never is", async (context) => {
  const path = join(folderOf(context), "endpoints.yaml");
  const scheduler = new ManualScheduler();
  const told = follow(context, path, { scheduler, watch: noWatch });
  const isArranged = async (): Promise<void> => {
    while (scheduler.pendingCount === 0) await new Promise(setImmediate);
  };
  /** The next look, which is over when another one is arranged. */
  const look = async (): Promise<void> => {
    await isArranged();
    scheduler.advance(1_000);
    await isArranged();
  };
  await isArranged();
  // Each part alone would be a list that lacks endpoints.
  for (const text of ["- http://a:1\n", "- http://a:1\n- http://b:1\n"]) {
    writeFileSync(path, text);
    await look();
  }
  assert.deepEqual(
    told.words.filter((word) => !word.startsWith("!")),
    [],
  );
  await look();
  assert.deepEqual(
    told.snapshots.map(({ endpoints }) => endpoints.length),
    [2],
  );
  for (let at = 0; told.words.length < 3; at++) {
    writeFileSync(path, `- http://c:${at + 1}\n`);
    await look();
    assert.ok(at < 20);
  }
});

test("a notice during a look causes another look soon", async (context) => {
  const path = join(folderOf(context), "endpoints.yaml");
  const scheduler = new ManualScheduler();
  let looks = 0;
  const watch = (_path: string, onNotice: () => void): WatchOnFile => ({
    refresh: () => {
      if (++looks === 1) onNotice();
      return Promise.resolve();
    },
    close: () => undefined,
  });
  const told = follow(context, path, { scheduler, watch });
  await told.next(/no such file/);
  while (scheduler.pendingCount === 0) await new Promise(setImmediate);
  const word = told.next(/no such file/);
  scheduler.advance(100);
  await word;
  assert.equal(looks, 2);
});

test("after the end nothing is told", async (context) => {
  const path = join(folderOf(context), "endpoints.yaml");
  writeFileSync(path, "- http://a:1\n");
  const discovery = new FileDiscovery(path, discoveryContext());
  const told = new Told();
  discovery.start(told);
  discovery.close();
  discovery.close();
  replace(path, "- http://b:1\n");
  const other = follow(context, path);
  await other.next(/^b$/);
  assert.deepEqual(told.words, []);
});
