import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { Worker } from "node:worker_threads";
import { LogFile } from "./log-file.ts";

function temporaryFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "millrace-log-"));
  context.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test("lines are batched, and all are in the file when it is closed", async (context) => {
  const path = join(temporaryFolder(context), "a.log");
  const file = new LogFile({ path });
  const lines = Array.from({ length: 5_000 }, (_, at) => `line ${at} ${"x".repeat(at % 50)}\n`);
  for (const line of lines) file.write(line);
  await file.close();
  assert.equal(readFileSync(path, "utf8"), lines.join(""));
  await file.close();
});

test("a file that exists is appended to", async (context) => {
  const path = join(temporaryFolder(context), "a.log");
  for (const line of ["one\n", "two\n"]) {
    const file = new LogFile({ path });
    file.write(line);
    await file.close();
  }
  assert.equal(readFileSync(path, "utf8"), "one\ntwo\n");
});

test("after a reopening, lines go to a new file, and none is lost or doubled", async (context) => {
  const folder = temporaryFolder(context);
  const path = join(folder, "a.log");
  const file = new LogFile({ path });
  file.write("before\n");
  renameSync(path, `${path}.1`);
  file.reopen();
  file.write("after\n");
  await file.close();
  assert.equal(readFileSync(`${path}.1`, "utf8"), "before\n");
  assert.equal(readFileSync(path, "utf8"), "after\n");
});

test("a path that cannot be opened is an error at once", (context) => {
  assert.throws(() => new LogFile({ path: join(temporaryFolder(context), "no", "such", "folder.log") }), { code: "ENOENT" });
});

test("what a destination does not take is dropped beyond the bound, and counted; nothing throws", { skip: !existsSync("/dev/full") }, async () => {
  let dropped = 0;
  const errors: (string | undefined)[] = [];
  const file = new LogFile({ path: "/dev/full", maxWaitingBytes: 20_000, onDrop: (count) => { dropped += count; }, onError: (error: NodeJS.ErrnoException) => errors.push(error.code) });
  const lineCount = 10_000;
  for (let at = 0; at < lineCount; at++) file.write(`${"x".repeat(99)}\n`);
  assert.ok(dropped >= lineCount - 500, `${dropped} dropped`);
  await file.close();
  assert.deepEqual(errors, ["ENOSPC"]);
  file.write("late\n");
});

test("a reader that goes away neither ends the process nor is written to again", async () => {
  const program = `
    const { LogFile } = await import(${JSON.stringify(new URL("./log-file.ts", import.meta.url).href)});
    let dropped = 0;
    const file = new LogFile({ path: "-", flushIntervalMs: 1, onDrop: (count) => { dropped += count; }, onError: (error) => {
      file.write("late\\n");
      process.stderr.write(error.code + " " + dropped + "\\n");
      clearInterval(timer);
    } });
    const timer = setInterval(() => file.write("x".repeat(99) + "\\n"), 1);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.once("data", () => child.stdout.destroy());
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => { said += text; });
  const [code] = await once(child, "close") as [number];
  assert.equal(said, "EPIPE 1\n");
  assert.equal(code, 0);
});

test("a reader that sleeps blocks nobody: lines beyond the bound are dropped and closing ends", async () => {
  const program = `
    const { LogFile } = await import(${JSON.stringify(new URL("./log-file.ts", import.meta.url).href)});
    let dropped = 0;
    const file = new LogFile({ path: "-", maxWaitingBytes: 10_000, onDrop: (count) => { dropped += count; } });
    for (let at = 0; at < 20_000; at++) file.write("x".repeat(99) + "\\n");
    await file.close();
    process.stderr.write(dropped > 10_000 ? "dropped" : "kept " + dropped);
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => { said += text; });
  const [code] = await once(child, "exit") as [number];
  child.stdout.destroy();
  assert.equal(said, "dropped");
  assert.equal(code, 0);
});

test("several threads that append to one file never mix their lines", async (context) => {
  const path = join(temporaryFolder(context), "a.log");
  const program = `
    const { workerData } = require("node:worker_threads");
    import(workerData.module).then(async ({ LogFile }) => {
      const file = new LogFile({ path: workerData.path });
      for (let at = 0; at < 2_000; at++) file.write(workerData.letter.repeat(10 + at % 700) + "\\n");
      await file.close();
    });
  `;
  const workers = ["a", "b", "c"].map((letter) => new Worker(program, { eval: true, workerData: { letter, path, module: new URL("./log-file.ts", import.meta.url).href } }));
  await Promise.all(workers.map((worker) => once(worker, "exit")));
  const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
  assert.equal(lines.length, 6_000);
  for (const line of lines) assert.match(line, /^(?:a+|b+|c+)$/);
});
