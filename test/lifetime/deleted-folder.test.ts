/**
 * The folder in which the process works is deleted while it runs. In a process of its own: there is one working folder
 * a process.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { root } from "../support/millrace-process.ts";

const program = `
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
const place = mkdtempSync(join(tmpdir(), "millrace-gone-"));
process.chdir(place);
const { createProxy } = await import("${root}/src/index.ts");
const { loadConfig } = await import("${root}/src/config/config-loader.ts");
const file = join(tmpdir(), \`millrace-gone-\${process.pid}.config.mjs\`);
writeFileSync(file, 'export default { workers: 1, listeners: [{ address: "127.0.0.1:0" }], routes: [{ respond: { body: "here" } }] };');
const messages = [];
const logger = { debug() {}, info() {}, warn: (message) => messages.push(message), error: (message) => messages.push(message) };
const proxy = await createProxy({ workers: 1, listeners: [{ address: "127.0.0.1:0" }], routes: [{ respond: { body: "here" } }] }, { logger });
await proxy.listen();
rmSync(place, { recursive: true });
await proxy.killThread(0);
const url = "http://127.0.0.1:" + proxy.addresses()[0].port;
let answer = null;
while (answer === null) answer = await fetch(url).then((response) => response.text()).catch(() => null);
await proxy.reload(await loadConfig(file));
rmSync(file);
await proxy.close();
console.log(JSON.stringify({ answer, messages }));
`;

test("a dead thread is replaced, and a program loaded, although the working folder is gone; that is said once", () => {
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", program], {
    encoding: "utf8",
    timeout: 120_000,
  });
  assert.notEqual(stdout, "", stderr);
  const { answer, messages } = JSON.parse(stdout) as { answer: string; messages: string[] };
  assert.equal(answer, "here");
  assert.deepEqual(messages, [
    "a proxy thread died and is replaced",
    "the working folder has been deleted; relative paths now begin at the root of the file system",
  ]);
});
