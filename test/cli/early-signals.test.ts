/**
 * Signals that come before the configuration has been read: none ends the process but those that are meant to, and none
 * opens Node's debugger.
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { MillraceProcess, root } from "../support/millrace-process.ts";
import { eventually } from "../support/signal.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-early-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A configuration whose reading takes until `release` is called. */
function slowConfiguration(name: string): { file: string; isBeingRead: () => boolean; release: () => void } {
  const [file, begun, go] = [`${name}.mjs`, `${name}.begun`, `${name}.go`].map((part) => join(folder, part)) as [
    string,
    string,
    string,
  ];
  writeFileSync(
    file,
    `
import { existsSync, writeFileSync } from "node:fs";
writeFileSync(${JSON.stringify(begun)}, "");
while (!existsSync(${JSON.stringify(go)})) await new Promise((resolve) => setTimeout(resolve, 10));
export default { workers: 1, listeners: [{ address: "127.0.0.1:0" }], routes: [{ respond: { body: "ok" } }], log: { stats: "0s" } };
`,
  );
  return { file, isBeingRead: () => existsSync(begun), release: () => writeFileSync(go, "") };
}

async function startSlowly(t: TestContext, name: string): Promise<{ millrace: MillraceProcess; release: () => void }> {
  const { file, isBeingRead, release } = slowConfiguration(name);
  const millrace = new MillraceProcess(["run", "--no-watch", file]);
  t.after(() => millrace.stop());
  await eventually(isBeingRead, "the configuration is being read");
  return { millrace, release };
}

for (const signal of ["SIGHUP", "SIGUSR1", "SIGUSR2"] as const) {
  test(`${signal} while the configuration is read does not end the process`, async (t) => {
    const { millrace, release } = await startSlowly(t, signal);
    millrace.signal(signal);
    millrace.signal(signal);
    release();
    const { url } = await millrace.ready();
    assert.equal(await (await fetch(url)).text(), "ok");
    if (signal === "SIGHUP")
      assert.equal((await millrace.logged(/^reloaded/))["cause"], "SIGHUP", "the reload is made up for");
    assert.doesNotMatch(millrace.stderr, /Debugger/);
    // From here on they mean what they always mean.
    millrace.signal("SIGUSR1");
    await millrace.logged(/^reopened the logs$/);
    millrace.signal("SIGUSR2");
    await millrace.logged(/^SIGUSR2 means nothing/);
    millrace.signal("SIGTERM");
    assert.equal((await millrace.ended).code, 0);
  });
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} while the configuration is read ends the process, as asked`, async (t) => {
    const { millrace } = await startSlowly(t, signal);
    millrace.signal(signal);
    const ending = await millrace.ended;
    assert.deepEqual([ending.code, ending.signal, ending.stderr], [0, null, ""]);
  });
}

test("SIGUSR1 opens no debugger, however early it comes and whatever the command", async (t) => {
  for (const delayMs of [0, 10, 20, 35, 60]) {
    const millrace = new MillraceProcess(["schema"]);
    t.after(() => millrace.stop());
    await sleep(delayMs);
    millrace.signal("SIGUSR1");
    assert.doesNotMatch((await millrace.ended).stderr, /Debugger listening/);
  }
});

test("a debugger that was opened before our first line is closed, but not one that was asked for", async (t) => {
  const opener = join(folder, "opener.cjs");
  writeFileSync(
    opener,
    `if (require("node:worker_threads").isMainThread) require("node:inspector").open(0, "127.0.0.1");`,
  );
  for (const [args, isOpen] of [
    [["--require", opener], false],
    [["--inspect=127.0.0.1:0"], true],
  ] as const) {
    const { file, release } = slowConfiguration(`debugger-${isOpen}`);
    release();
    const millrace = new MillraceProcess([...args, join(root, "bin/millrace.cjs"), "run", "--no-watch", file], {
      executable: process.execPath,
    });
    t.after(() => millrace.stop());
    await millrace.ready();
    const port = Number(/Debugger listening on ws:\/\/127\.0\.0\.1:(\d+)\//.exec(millrace.stderr)?.[1]);
    assert.ok(port > 0, millrace.stderr);
    const socket = connect(port, "127.0.0.1");
    const found = await new Promise((resolve) =>
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false)),
    );
    socket.destroy();
    assert.equal(found, isOpen, args.join(" "));
  }
});
