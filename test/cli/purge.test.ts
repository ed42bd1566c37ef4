/** `millrace purge` against a serving process. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { MillraceProcess, runMillrace } from "../support/millrace-process.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-purge-"));
after(() => rmSync(folder, { recursive: true, force: true }));

async function start(t: TestContext): Promise<string> {
  const file = join(folder, "millrace.yaml");
  writeFileSync(
    file,
    `
workers: 1
listeners: [{ address: "127.0.0.1:0" }]
routes: [{ respond: { body: hello } }]
admin: { address: "unix:${join(folder, "admin.sock")}" }
`,
  );
  const millrace = new MillraceProcess(["run", "--no-watch", file]);
  t.after(() => millrace.stop());
  await millrace.ready();
  return file;
}

test("purge says what it did, and what it cannot do", async (t) => {
  const file = await start(t);
  for (const args of [
    ["https://example.com/a", "https://example.com/b"],
    ["--prefix", "https://example.com/"],
    ["--tag", "news", "--tag", "sport"],
    ["--all"],
  ]) {
    const { code, stdout, stderr } = runMillrace(["purge", ...args, "--config", file]);
    assert.deepEqual([code, stdout, stderr], [0, "0 stored answers were purged.\n", ""]);
  }
  const soft = runMillrace(["purge", "--soft", "--all", "--config", file]);
  assert.equal(soft.stdout, "0 stored answers were made stale.\n");
  const refused = runMillrace(["purge", "example.com/a", "--config", file]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /"example.com\/a" is not the URL of something stored/);
  for (const args of [[], ["--all", "https://example.com/"], ["--soft"]]) {
    const { code, stderr } = runMillrace(["purge", ...args, "--config", file]);
    assert.equal(code, 2);
    assert.match(stderr, /Say what to purge/);
  }
});
