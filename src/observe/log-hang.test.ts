/** A log on a disk that hangs: writes that do not come back. The clock of the timers is a mock. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readlinkSync, readdirSync, renameSync, rmSync, write } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { type FileWrite, hasLogCallUnderWay, type LogAccount, LogWriter } from "./log-writer.ts";

/** Waits until `isRight`, for half a minute at most; timers are mocks here. */
async function until(isRight: () => boolean): Promise<void> {
  for (const endMs = performance.now() + 30_000; !isRight(); await nextTurn())
    if (performance.now() > endMs) throw new Error(`waited in vain until ${isRight}`);
}

/** A disk on which writes hang until it is mended. */
class Disk {
  isHanging = false;
  readonly held: (() => void)[] = [];

  readonly write: FileWrite = (...call) => {
    if (this.isHanging) this.held.push(() => write(...call));
    else write(...call);
  };

  mend(): void {
    this.isHanging = false;
    for (const proceed of this.held.splice(0)) proceed();
  }
}

async function setUp(context: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "millrace-log-"));
  const path = join(folder, "access.log");
  const disk = new Disk();
  const account: LogAccount = { lost: 0 };
  const heard: string[] = [];
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const writer = await LogWriter.open(path, {
    maxWaiting: 1_000,
    writeFile: disk.write,
    listener: { onTrouble: ({ code = "" }) => heard.push(code), onMended: () => heard.push("mended") },
  });
  context.after(async () => {
    disk.mend();
    await writer.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    path,
    disk,
    account,
    heard,
    writer,
    /** Writes lines of ten characters, which tell from which to which they are. */
    writeLines: (first: number, last: number): void => {
      for (let at = first; at <= last; at++) writer.write(`line ${String(at).padStart(4)}\n`, 1, account);
    },
    pass: (ms: number): void => context.mock.timers.tick(ms),
  };
}

const numbersIn = (path: string): number[] =>
  [...readFileSync(path, "utf8").matchAll(/^line +(\d+)$/gm)].map(([, number]) => Number(number));

test("while a disk hangs, a bounded number of lines waits; the others are lost, and all of it is told", async (context) => {
  const { path, disk, account, heard, writeLines, pass } = await setUp(context);
  disk.isHanging = true;
  writeLines(1, 1_000);
  assert.equal(account.lost, 900);
  assert.ok(hasLogCallUnderWay());
  pass(2_999);
  assert.deepEqual(heard, []);
  pass(1);
  assert.deepEqual(heard, ["ETIMEDOUT"]);
  writeLines(1_001, 1_010);
  assert.equal(account.lost, 910);
  pass(3_000);
  assert.deepEqual(heard, ["ETIMEDOUT", "ETIMEDOUT"]);
  disk.mend();
  await until(() => heard.length === 3 && numbersIn(path).length === 100);
  assert.deepEqual(heard.at(-1), "mended");
  assert.deepEqual(
    numbersIn(path),
    [...new Array(100).keys()].map((at) => at + 1),
  );
  writeLines(1_011, 1_011);
  await until(() => numbersIn(path).includes(1_011));
  pass(10_000);
  assert.equal(heard.length, 3);
});

test("lines that come and are taken for a long time are no sign of a disk that hangs", async (context) => {
  const { path, heard, writeLines, pass } = await setUp(context);
  for (let at = 1; at <= 20; at++) {
    writeLines(at, at);
    await until(() => numbersIn(path).length === at);
    pass(1_500);
  }
  assert.deepEqual(heard, []);
});

test("closing waits two seconds at most for a disk that hangs, and not at all if that is known", async (context) => {
  const { disk, account, writer, writeLines, pass } = await setUp(context);
  disk.isHanging = true;
  writeLines(1, 50);
  pass(3_000);
  // No timer runs on: this would never end if it waited.
  await writer.close();
  assert.equal(account.lost, 50);
});

test("closing behind a disk that has just begun to hang", async (context) => {
  const { disk, account, writer, writeLines, pass } = await setUp(context);
  disk.isHanging = true;
  writeLines(1, 50);
  const closing = writer.close();
  pass(2_000);
  await closing;
  assert.equal(account.lost, 50);
});

test("after a rotation away from a disk that hangs, lines go to the new file", {
  skip: process.platform !== "linux",
}, async (context) => {
  const { path, disk, account, heard, writer, writeLines, pass } = await setUp(context);
  disk.isHanging = true;
  writeLines(1, 10);
  writeLines(11, 20);
  renameSync(path, `${path}.1`);
  disk.isHanging = false;
  writer.reopen();
  await until(() => openPaths().includes(path));
  writeLines(21, 30);
  pass(3_000);
  await until(() => numbersIn(path).length >= 29);
  // The first line was with the write that hangs.
  assert.equal(account.lost, 1);
  assert.deepEqual(
    numbersIn(path),
    [...new Array(29).keys()].map((at) => at + 2),
  );
  assert.deepEqual(heard, ["ETIMEDOUT", "mended"]);
  assert.ok(openPaths().includes(`${path}.1`));
  disk.mend();
  await until(() => !openPaths().includes(`${path}.1`));
  assert.deepEqual(numbersIn(`${path}.1`), [1]);
  assert.ok(!hasLogCallUnderWay());
});

test("of two writes that hang one after the other, only the first is left alone", async (context) => {
  const { path, disk, writer, writeLines, pass } = await setUp(context);
  disk.isHanging = true;
  for (let round = 0; round < 4; round++) {
    renameSync(path, `${path}.${round}`);
    writer.reopen();
    await until(() => openPaths().includes(path));
    writeLines(round, round);
    pass(3_000);
    pass(3_000);
  }
  await until(() => disk.held.length === 2);
  pass(3_000);
  assert.equal(disk.held.length, 2);
});

function openPaths(): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      return [];
    }
  });
}
