/** A log on a disk that hangs: calls that do not come back. The clock of the timers is a mock. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, readlinkSync, readdirSync, renameSync, rmSync, write } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { FileWrite } from "./log-background-write.ts";
import { hasLogCallUnderWay } from "./log-call.ts";
import { openForAppending } from "./log-destination.ts";
import type { FileOpen } from "./log-opener.ts";
import { type LogAccount, LogWriter } from "./log-writer.ts";

/** Waits until `isRight`, for half a minute at most; timers are mocks here. */
async function until(isRight: () => boolean): Promise<void> {
  for (const endMs = performance.now() + 30_000; !isRight(); await nextTurn())
    if (performance.now() > endMs) throw new Error(`waited in vain until ${isRight}`);
}

/** A disk on which writes, or openings, hang until it is mended. */
class Disk {
  isHanging = false;
  isHangingAtOpen = false;
  /** How many openings have come back. */
  openedCount = 0;
  readonly held: (() => void)[] = [];

  readonly write: FileWrite = (...call) => {
    if (this.isHanging) this.held.push(() => write(...call));
    else write(...call);
  };

  readonly open: FileOpen = async (path) => {
    if (this.isHangingAtOpen) await new Promise<void>((proceed) => this.held.push(proceed));
    const descriptor = await openForAppending(path);
    this.openedCount++;
    return descriptor;
  };

  mend(): void {
    this.isHanging = false;
    this.isHangingAtOpen = false;
    for (const proceed of this.held.splice(0)) proceed();
  }
}

async function setUp(context: TestContext, options: { isHangingAtOpen?: boolean } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "millrace-log-"));
  const path = join(folder, "access.log");
  const disk = new Disk();
  const account: LogAccount = { lost: 0 };
  const heard: string[] = [];
  context.mock.timers.enable({ apis: ["setTimeout"] });
  disk.isHangingAtOpen = options.isHangingAtOpen ?? false;
  const opening = LogWriter.open(path, {
    maxWaiting: 1_000,
    writeFile: disk.write,
    openFile: disk.open,
    listener: { onTrouble: ({ code = "" }) => heard.push(code), onMended: () => heard.push("mended") },
  });
  if (disk.isHangingAtOpen) context.mock.timers.tick(3_000);
  const writer = await opening;
  context.after(async () => {
    disk.mend();
    await writer.close();
    await until(() => !hasLogCallUnderWay());
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
  [...(existsSync(path) ? readFileSync(path, "utf8") : "").matchAll(/^line +(\d+)$/gm)].map(([, number]) =>
    Number(number),
  );

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
  await until(() => disk.openedCount === 2);
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
  await until(() => !hasLogCallUnderWay());
});

test("of two writes that hang one after the other, only the first is left alone", async (context) => {
  const { path, disk, writer, writeLines, pass } = await setUp(context);
  disk.isHanging = true;
  for (let round = 0; round < 4; round++) {
    renameSync(path, `${path}.${round}`);
    writer.reopen();
    await until(() => disk.openedCount === 2 + round);
    writeLines(round, round);
    pass(3_000);
    pass(3_000);
  }
  await until(() => disk.held.length === 2);
  pass(3_000);
  assert.equal(disk.held.length, 2);
});

const countTo = (last: number): number[] => [...new Array(last).keys()].map((at) => at + 1);

test("a path whose opening hangs is not waited for: lines wait within the bound, and are written when it is open", async (context) => {
  const { path, disk, account, heard, writeLines, pass } = await setUp(context, { isHangingAtOpen: true });
  assert.deepEqual(heard, ["ETIMEDOUT"]);
  assert.ok(hasLogCallUnderWay());
  writeLines(1, 150);
  assert.equal(account.lost, 50);
  pass(3_000);
  assert.deepEqual(heard, ["ETIMEDOUT", "ETIMEDOUT"]);
  disk.mend();
  await until(() => numbersIn(path).length === 100);
  await until(() => heard.at(-1) === "mended");
  assert.deepEqual(numbersIn(path), countTo(100));
  pass(10_000);
  assert.equal(heard.length, 3);
});

test("closing does not wait for an opening that hangs, and what is opened later is closed", {
  skip: process.platform !== "linux",
}, async (context) => {
  const { path, disk, account, writer, writeLines } = await setUp(context, { isHangingAtOpen: true });
  writeLines(1, 50);
  // No timer runs on: this would never end if it waited.
  await writer.close();
  assert.equal(account.lost, 50);
  disk.mend();
  await until(() => disk.openedCount === 1 && !hasLogCallUnderWay());
  assert.ok(!openPaths().includes(path));
});

test("if a reopening hangs, lines go on to the old file, it is told, and another reopening leads away from it", {
  skip: process.platform !== "linux",
}, async (context) => {
  const { path, disk, account, heard, writer, writeLines, pass } = await setUp(context);
  writeLines(1, 1);
  await until(() => !hasLogCallUnderWay());
  renameSync(path, `${path}.1`);
  disk.isHangingAtOpen = true;
  writer.reopen();
  writeLines(2, 10);
  writer.reopen();
  pass(2_999);
  assert.deepEqual(numbersIn(`${path}.1`), [1]);
  pass(1);
  assert.deepEqual(heard, ["ETIMEDOUT"]);
  await until(() => numbersIn(`${path}.1`).length === 10);
  disk.isHangingAtOpen = false;
  writer.reopen();
  writeLines(11, 20);
  await until(() => numbersIn(path).length === 10);
  assert.deepEqual(heard, ["ETIMEDOUT", "mended"]);
  disk.mend();
  await until(() => !hasLogCallUnderWay());
  assert.deepEqual(
    openPaths().filter((one) => one.startsWith(path)),
    [path],
  );
  assert.equal(account.lost, 0);
});

test("of openings that hang one after the other, only the first is left alone", async (context) => {
  const { disk, writer, pass } = await setUp(context);
  disk.isHangingAtOpen = true;
  for (let round = 0; round < 4; round++) {
    writer.reopen();
    pass(3_000);
  }
  assert.equal(disk.held.length, 2);
});

test("while three calls of logs hang, no other is begun: a thread of the pool stays free", async (context) => {
  const { path, disk, writer, pass } = await setUp(context);
  disk.isHangingAtOpen = true;
  for (let round = 0; round < 2; round++) {
    writer.reopen();
    pass(3_000);
  }
  const opening = LogWriter.open(`${path}.third`, { openFile: disk.open });
  pass(3_000);
  const third = await opening;
  const heard: string[] = [];
  const fourth = await LogWriter.open(`${path}.fourth`, {
    openFile: disk.open,
    listener: { onTrouble: ({ code = "" }) => heard.push(code), onMended: () => heard.push("mended") },
  });
  context.after(() => Promise.all([third.close(), fourth.close()]));
  assert.equal(disk.held.length, 3);
  assert.deepEqual(heard, ["ETIMEDOUT"]);
  disk.mend();
  await until(() => !hasLogCallUnderWay());
  pass(1_000);
  await until(() => heard.at(-1) === "mended");
  assert.ok(existsSync(`${path}.fourth`));
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
