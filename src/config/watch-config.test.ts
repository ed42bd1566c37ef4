import assert from "node:assert/strict";
import { appendFile, mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { digestOf } from "./file-digest.ts";
import { FileWatch } from "../base/file-watch.ts";
import { type ConfigWatch, watchConfig, type WatchOptions } from "./watch-config.ts";

const hourMs = 3_600_000;

let folder = "";
let watched: ConfigWatch | null = null;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-watch-"));
});
afterEach(async () => {
  watched?.close();
  watched = null;
  await rm(folder, { recursive: true, force: true });
});

/** Counts changes, and waits for a number of them. */
class Changes {
  count = 0;
  #waiting: (() => void) | null = null;

  readonly onChange = (): void => {
    this.count++;
    this.#waiting?.();
  };

  async reach(count: number): Promise<void> {
    // The watch itself does not keep the process alive.
    const alive = setInterval(() => {}, 1_000);
    while (this.count < count)
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    clearInterval(alive);
  }
}

/** Quiet times are short, and the slow look is off unless it is what is tested: the notices must do. */
async function watchFile(file: string, options: WatchOptions = {}): Promise<Changes> {
  const changes = new Changes();
  watched = watchConfig(file, changes.onChange, { settleMs: 5, pollMs: 0, ...options });
  await watched.ready;
  return changes;
}

test("a change of the contents is told, once", async () => {
  const file = join(folder, "m.yaml");
  await writeFile(file, "one");
  const changes = await watchFile(file);
  await writeFile(file, "two");
  await changes.reach(1);
  await writeFile(file, "three");
  await changes.reach(2);
  assert.equal(changes.count, 2);
});

test("the same contents written again, and other files, are no change", async () => {
  const file = join(folder, "m.yaml");
  await writeFile(file, "one");
  const changes = await watchFile(file);
  await writeFile(file, "one");
  await writeFile(join(folder, "other.yaml"), "x");
  await watchedLook();
  assert.equal(changes.count, 0);
  await writeFile(file, "two");
  await changes.reach(1);
  assert.equal(changes.count, 1);
});

/** A second watch has its first look now: by then the first one has seen what happened before. */
async function watchedLook(): Promise<void> {
  const probe = join(folder, "probe");
  await writeFile(probe, "1");
  const changes = new Changes();
  const second = watchConfig(probe, changes.onChange, { settleMs: 20, pollMs: 0 });
  await second.ready;
  await writeFile(probe, "2");
  await changes.reach(1);
  second.close();
}

test("a file that is replaced by another one is followed", async () => {
  const file = join(folder, "m.yaml");
  await writeFile(file, "one");
  const changes = await watchFile(file);
  for (const [at, contents] of ["two", "three", "four"].entries()) {
    await writeFile(`${file}.new`, contents);
    await rename(`${file}.new`, file);
    await changes.reach(at + 1);
  }
  assert.equal(changes.count, 3);
});

test("a file that is gone for a while is no change; when it is back with other contents it is one", async () => {
  const file = join(folder, "m.yaml");
  await writeFile(file, "one");
  const changes = await watchFile(file);
  await unlink(file);
  await watchedLook();
  assert.equal(changes.count, 0);
  await writeFile(file, "two");
  await changes.reach(1);
});

test("a symbolic link that is turned to another folder is followed, as for mounted configurations", async () => {
  for (const [version, contents] of [
    ["v1", "one"],
    ["v2", "two"],
    ["v3", "three"],
  ] as const) {
    await mkdir(join(folder, version));
    await writeFile(join(folder, version, "m.yaml"), contents);
  }
  await symlink("v1", join(folder, "..data"));
  await symlink(join("..data", "m.yaml"), join(folder, "m.yaml"));
  const changes = await watchFile(join(folder, "m.yaml"));
  for (const [at, version] of ["v2", "v3"].entries()) {
    await symlink(version, join(folder, "..data_tmp"));
    await rename(join(folder, "..data_tmp"), join(folder, "..data"));
    await changes.reach(at + 1);
  }
  await writeFile(join(folder, "v3", "m.yaml"), "four");
  await changes.reach(3);
});

test("a file in a folder that is made later is noticed", async () => {
  const file = join(folder, "later", "deep", "m.yaml");
  const changes = await watchFile(file);
  await mkdir(join(folder, "later", "deep"), { recursive: true });
  await writeFile(file, "one");
  await changes.reach(1);
  await rename(join(folder, "later", "deep"), join(folder, "gone"));
  await mkdir(join(folder, "later", "deep"));
  await writeFile(file, "two");
  await changes.reach(2);
});

test("a file that is never quiet is read all the same", async () => {
  const file = join(folder, "m.yaml");
  await writeFile(file, "0");
  const changes = await watchFile(file, { settleMs: hourMs, maxSettleMs: 20 });
  const writing = setInterval(() => void writeFile(file, String(Math.random())), 1);
  await changes.reach(2);
  clearInterval(writing);
});

test("a busy file beside the configuration gives no notice, whether the configuration is a file or a link", async () => {
  await writeFile(join(folder, "m.yaml"), "one");
  await mkdir(join(folder, "links"));
  await symlink(join("..", "m.yaml"), join(folder, "links", "m.yaml"));
  const notices: string[] = [];
  const watches = [".", "links"].map(
    (place) => new FileWatch(join(folder, place, "m.yaml"), () => notices.push(place), assert.ifError),
  );
  for (const watch of watches) await watch.refresh();
  for (let line = 0; line < 50; line++)
    for (const place of [".", "links"]) await appendFile(join(folder, place, "access.log"), "a line\n");
  await appendFile(join(folder, "m.yaml"), "two");
  const alive = setInterval(() => {}, 1_000);
  while (new Set(notices).size < 2) await new Promise((resolve) => setImmediate(resolve));
  clearInterval(alive);
  for (const watch of watches) watch.close();
  assert.deepEqual(
    notices.toSorted(),
    [".", "links"],
    "one notice each, of the line that was written to the configuration",
  );
});

test("files that are followed are watched from what was read of them on, until they are no longer followed", async () => {
  const [main, imported] = [join(folder, "m.ts"), join(folder, "part.ts")];
  for (const file of [main, imported]) await writeFile(file, "one");
  const changes = await watchFile(main);
  await writeFile(imported, "two"); // Between reading and following.
  watched!.follow(
    new Map([
      [main, digestOf(Buffer.from("one"))],
      [imported, digestOf(Buffer.from("one"))],
    ]),
  );
  await changes.reach(1);
  await writeFile(imported, "three");
  await changes.reach(2);
  watched!.follow(new Map());
  await writeFile(imported, "four");
  await watchedLook();
  assert.equal(changes.count, 2);
});

test("if there are no notices, the file is looked at from time to time", async () => {
  const file = join(folder, "m.yaml");
  await writeFile(file, "one");
  const changes = await watchFile(file, { pollMs: 10, settleMs: hourMs, maxSettleMs: hourMs });
  await writeFile(file, "two");
  await changes.reach(1);
});

test("what the receiver throws is handed on, and the watch goes on", async () => {
  const file = join(folder, "m.yaml");
  await writeFile(file, "one");
  const changes = new Changes();
  const errors: unknown[] = [];
  watched = watchConfig(
    file,
    () => {
      changes.onChange();
      throw new Error("boom");
    },
    { settleMs: 5, pollMs: 0, onError: (error) => errors.push(error) },
  );
  await watched.ready;
  await writeFile(file, "two");
  await changes.reach(1);
  await writeFile(file, "three");
  await changes.reach(2);
  assert.match(String(errors[0]), /boom/);
});
