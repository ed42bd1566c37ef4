/**
 * The access log on a disk that hangs when a file is opened: the calls really hold threads of Node.js's pool and do not
 * come back. The proxy starts, requests go on, the operator is told, a rotation brings the log, and the process ends.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startOnHangingDisk } from "../support/hanging-disk.ts";
import { eventually } from "../support/signal.ts";

/** Loaded before Millrace: while `hangs` exists, whoever touches the path of the log waits for a reader of `pipe`. */
const preload = `
const fs = require("node:fs");
const { dirname, join } = require("node:path");
const folder = dirname(__filename);
const real = { open: fs.open, readlink: fs.readlink };
const hangs = (path) => path === join(folder, "access.log") && fs.existsSync(join(folder, "hangs"));
for (const name of ["open", "readlink"])
  fs[name] = (path, ...rest) => {
    if (hangs(path)) real.open(join(folder, "pipe"), "w", () => {});
    else real[name](path, ...rest);
  };
for (const name of ["openSync", "readlinkSync"]) {
  const real = fs[name];
  fs[name] = (path, ...rest) => {
    if (hangs(path)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    return real(path, ...rest);
  };
}
require("node:module").syncBuiltinESMExports();
`;

for (const workers of [0, 1]) {
  test(`a disk that hangs when the access log is opened stops nothing, with ${workers} threads`, {
    skip: process.platform !== "linux",
  }, async (context) => {
    const { folder, path, millrace, ask } = await startOnHangingDisk(context, { workers, preload, hangsAtStart: true });
    const warning = await millrace.logged(/^cannot write the access log$/);
    assert.equal(warning.errno, "ETIMEDOUT");
    for (let round = 0; round < 50; round++) await ask("/meanwhile");

    rmSync(join(folder, "hangs"));
    millrace.child.kill("SIGUSR1");
    await millrace.logged(/^the access log is written again$/);
    await ask("/after");
    await eventually(() => existsSync(path) && readFileSync(path, "utf8").includes("/after"), "the file is written");
    assert.equal(readFileSync(path, "utf8").split("/meanwhile").length, 51);

    millrace.child.kill("SIGTERM");
    const { code, signal } = await millrace.ended;
    // The calls that hang would hold up an ordinary exit.
    assert.deepEqual([code, signal], [null, "SIGTERM"]);
    await millrace.logged(/^stopped$/);
  });
}
