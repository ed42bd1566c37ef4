/**
 * The access log on a disk that hangs: a call to write really holds a thread of Node.js's pool and does not come back.
 * Requests go on, the operator is told, a rotation brings the log back, and the process ends.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startOnHangingDisk } from "../support/hanging-disk.ts";
import { eventually } from "../support/signal.ts";

/** Loaded before Millrace: while `hangs` exists, writes to the log wait for a reader of `pipe`, which never comes. */
const preload = `
const fs = require("node:fs");
const { dirname, join } = require("node:path");
const realWrite = fs.write;
const folder = dirname(__filename);
const pipe = fs.openSync(join(folder, "pipe"), fs.constants.O_RDWR);
fs.write = (fd, ...rest) => {
  let target = "";
  try { target = fs.readlinkSync("/proc/self/fd/" + fd); } catch {}
  if (target.startsWith(join(folder, "access.log")) && fs.existsSync(join(folder, "hangs")))
    realWrite(pipe, Buffer.alloc(1024 * 1024), 0, 1024 * 1024, null, rest.at(-1));
  else realWrite(fd, ...rest);
};
require("node:module").syncBuiltinESMExports();
`;

for (const workers of [0, 1]) {
  test(`a disk that hangs under the access log stops nothing, with ${workers} threads`, {
    skip: process.platform !== "linux",
  }, async (context) => {
    const { folder, path, millrace, ask } = await startOnHangingDisk(context, { workers, preload });
    await ask("/before");
    await eventually(() => existsSync(path) && readFileSync(path, "utf8").includes("/before"), "a line is written");

    writeFileSync(join(folder, "hangs"), "");
    for (let round = 0; round < 200; round++) await ask("/meanwhile");
    const warning = await millrace.logged(/^cannot write the access log$/);
    assert.equal(warning.errno, "ETIMEDOUT");
    await ask("/still");

    renameSync(path, `${path}.1`);
    rmSync(join(folder, "hangs"));
    millrace.child.kill("SIGUSR1");
    await eventually(
      () => existsSync(path) && readFileSync(path, "utf8").includes("/still"),
      "the new file is written",
    );
    await millrace.logged(/^the access log is written again$/);

    millrace.child.kill("SIGTERM");
    const { code, signal } = await millrace.ended;
    // The call that hangs would hold up an ordinary exit.
    assert.deepEqual([code, signal], [null, "SIGTERM"]);
    await millrace.logged(/^stopped$/);
  });
}
