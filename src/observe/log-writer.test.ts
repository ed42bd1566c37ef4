import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  constants,
  openSync,
  readSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { inheritedDescriptorOf } from "./log-path.ts";
import { type LogAccount, LogWriter } from "./log-writer.ts";

function temporaryFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "millrace-log-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Waits until `isRight`, for half a minute at most. */
async function eventually(isRight: () => boolean): Promise<void> {
  for (const endMs = performance.now() + 30_000; !isRight(); ) {
    if (performance.now() > endMs) throw new Error(`waited in vain until ${isRight}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const read = (path: string): string => (existsSync(path) ? readFileSync(path, "utf8") : "");

async function openWriter(context: TestContext, path: string, options: { maxWaiting?: number } = {}) {
  const account: LogAccount = { lost: 0 };
  const troubles: (string | undefined)[] = [];
  let mended = 0;
  const writer = await LogWriter.open(path, {
    ...options,
    listener: {
      onTrouble: ({ code }) => troubles.push(code),
      onMended: () => {
        mended++;
      },
    },
  });
  context.after(() => writer.close());
  return {
    writer,
    account,
    troubles,
    mended: () => mended,
    write: (line: string): void => writer.write(`${line}\n`, 1, account),
  };
}

/** A reader of a named pipe, and what it has read. */
function readPipe(context: TestContext, path: string) {
  const child = spawn("cat", [path], { stdio: ["ignore", "pipe", "inherit"] });
  const reader = {
    text: "",
    end: async (): Promise<void> => {
      child.kill("SIGKILL");
      await once(child, "close");
    },
  };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    reader.text += text;
  });
  context.after(() => child.kill("SIGKILL"));
  return reader;
}

function makePipe(context: TestContext): string {
  const path = join(temporaryFolder(context), "pipe");
  execFileSync("mkfifo", [path]);
  return path;
}

test("all lines are in the file when the writer is closed, behind what was there", async (context) => {
  const path = join(temporaryFolder(context), "a.log");
  writeFileSync(path, "before\n");
  const { writer, account, write } = await openWriter(context, path);
  const lines = Array.from({ length: 5_000 }, (_, at) => `line ${at} ${"ü".repeat(at % 50)}`);
  for (const line of lines) write(line);
  await writer.close();
  await writer.close();
  assert.equal(read(path), `before\n${lines.join("\n")}\n`);
  assert.equal(account.lost, 0);
  write("late");
  assert.equal(account.lost, 1);
});

test("after a reopening, lines go to a new file, and none is lost or doubled", async (context) => {
  const path = join(temporaryFolder(context), "a.log");
  const { writer, write } = await openWriter(context, path);
  write("before");
  renameSync(path, `${path}.1`);
  writer.reopen();
  write("after");
  await writer.close();
  assert.equal(read(`${path}.1`), "before\n");
  assert.equal(read(path), "after\n");
});

test("a path that cannot be opened is an error at once", async (context) => {
  const folder = temporaryFolder(context);
  await assert.rejects(LogWriter.open(join(folder, "no", "such", "folder.log")), { code: "ENOENT" });
  await assert.rejects(LogWriter.open(folder), { code: "EISDIR" });
});

test("if a file cannot be reopened, lines go on to the old one, and to the new one as soon as it can be", async (context) => {
  const folder = join(temporaryFolder(context), "logs");
  mkdirSync(folder);
  const path = join(folder, "a.log");
  const { writer, account, troubles, mended, write } = await openWriter(context, path);
  renameSync(folder, `${folder}.moved`);
  writer.reopen();
  await eventually(() => troubles.length > 1);
  write("old");
  await eventually(() => read(join(`${folder}.moved`, "a.log")) === "old\n");
  mkdirSync(folder);
  await eventually(() => {
    write("new");
    return read(path) !== "";
  });
  assert.ok(troubles.every((code) => code === "ENOENT"));
  assert.ok(mended() > 0);
  assert.equal(account.lost, 0);
});

test("a descriptor is closed once, however often the file is reopened", {
  skip: !existsSync("/proc/self/fd"),
}, async (context) => {
  const path = join(temporaryFolder(context), "a.log");
  const { writer, account, write } = await openWriter(context, path);
  const open = (): number =>
    readdirSync("/proc/self/fd").filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(path);
      } catch {
        return false;
      }
    }).length;
  for (let round = 0; round < 20; round++) {
    const rotated = `${path}.${round}`;
    write(`round ${round}`);
    renameSync(path, rotated);
    writer.reopen();
    writer.reopen();
    await eventually(() => existsSync(path) && read(rotated) !== "" && open() === 1);
  }
  assert.equal(account.lost, 0);
  await writer.close();
  await eventually(() => open() === 0);
});

test("a full disk loses lines, and they are counted", { skip: !existsSync("/dev/full") }, async (context) => {
  const { account, troubles, write } = await openWriter(context, "/dev/full");
  for (let at = 0; at < 100; at++) write("x");
  await eventually(() => account.lost === 100);
  assert.ok(troubles.every((code) => code === "ENOSPC"));
});

test("a named pipe without a reader stops nobody; lines that waited too long are lost and counted", async (context) => {
  const { writer, account, write } = await openWriter(context, makePipe(context));
  for (let at = 0; at < 100; at++) write("x");
  await eventually(() => account.lost === 100);
  await writer.close();
});

test("a named pipe gets a reader, loses it and gets another: each reads whole lines", async (context) => {
  const path = makePipe(context);
  const { account, troubles, mended, write } = await openWriter(context, path);
  await eventually(() => troubles.length > 0);
  for (const name of ["first", "second"]) {
    const reader = readPipe(context, path);
    let count = 0;
    await eventually(() => {
      write(`${name} ${count++}`);
      // What the reader before has left in the pipe comes first.
      return reader.text.includes(name);
    });
    await reader.end();
    assert.match(reader.text, /^(?:(?:first|second) \d+\n|between\n)+$/);
    assert.match(reader.text, new RegExp(`^${name} `, "m"));
    await eventually(() => {
      write("between");
      return troubles.at(-1) === "EPIPE" || troubles.at(-1) === "ENXIO";
    });
  }
  assert.ok(mended() > 0);
  assert.ok(account.lost >= 0);
});

test("a reader of a pipe that sleeps keeps a bounded number of lines waiting, and gets whole lines, long ones too", async (context) => {
  const path = makePipe(context);
  const reader = spawn("sh", ["-c", 'exec < "$0"; read line; echo "$line"; read go <&3; cat', path], {
    stdio: ["ignore", "pipe", "inherit", "pipe"],
  });
  context.after(() => reader.kill("SIGKILL"));
  let text = "";
  reader.stdout!.setEncoding("utf8").on("data", (more: string) => {
    text += more;
  });
  const { writer, account, write } = await openWriter(context, path, { maxWaiting: 200_000 });
  write("first");
  await eventually(() => text === "first\n");
  const count = 500;
  for (let at = 0; at < count; at++) write(`${at} ${"x".repeat(at % 3 === 0 ? 9_000 : 300)}.`);
  assert.ok(account.lost > 0);
  const lost = account.lost;
  (reader.stdio[3] as NodeJS.WritableStream).end("go\n");
  await writer.close();
  await once(reader, "close");
  const lines = text.split("\n").slice(1, -1);
  assert.equal(lines.length, count - lost);
  for (const line of lines) assert.match(line, /^\d+ x+\.$/);
  assert.equal(account.lost, lost);
});

test("the logs that share a writer have accounts of their own", { skip: !existsSync("/dev/full") }, async (context) => {
  const { writer, account, write } = await openWriter(context, "/dev/full");
  const other: LogAccount = { lost: 0 };
  for (let at = 0; at < 10; at++) {
    write("x");
    writer.write("a\nb\n", 2, other);
  }
  await eventually(() => account.lost === 10 && other.lost === 20);
});

for (const [path, expected] of [
  ["-", 1],
  ["/dev/stdout", 1],
  ["/dev/stderr", 2],
  ["/dev/fd/3", 3],
  ["/proc/self/fd/12", 12],
  [`/proc/${process.pid}/fd/1`, 1],
  ["/proc/thread-self/fd/1", 1],
  ["/dev/null", null],
  ["/dev/fd/x", null],
  ["/proc/1/fdinfo/1", null],
  ["no/such/file", null],
] as const) {
  test(`${path} is ${expected === null ? "a path like any other" : `the inherited descriptor ${expected}`}`, async () =>
    assert.equal(await inheritedDescriptorOf(path, 30_000), expected));
}

test("a symbolic link to an output is the output; one that leads in a circle is a path", async (context) => {
  const folder = temporaryFolder(context);
  symlinkSync("/dev/stdout", join(folder, "a"));
  symlinkSync("a", join(folder, "b"));
  symlinkSync("circle", join(folder, "circle"));
  assert.equal(await inheritedDescriptorOf(join(folder, "b"), 30_000), 1);
  assert.equal(await inheritedDescriptorOf(join(folder, "circle"), 30_000), null);
  unlinkSync(join(folder, "circle"));
});

test("closing waits half a second for a reader that stands still, and the lines that it did not take are counted", async (context) => {
  const path = makePipe(context);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  context.after(() => closeSync(reader));
  const { writer, account, write } = await openWriter(context, path);
  const line = "x".repeat(1_000);
  for (let at = 0; at < 200; at++) write(line);
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const closing = writer.close();
  context.mock.timers.tick(500);
  await closing;
  const pipe = Buffer.alloc(1024 * 1024);
  const whole = pipe
    .toString("utf8", 0, readSync(reader, pipe))
    .split("\n")
    .filter((text) => text === line);
  assert.ok(whole.length > 0);
  assert.equal(whole.length + account.lost, 200);
});
