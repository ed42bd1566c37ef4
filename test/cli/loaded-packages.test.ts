/** What a serving process loads, and into which of its threads: what is loaded stays in memory. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { MillraceProcess } from "../support/millrace-process.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-packages-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const record = join(folder, "loaded");
const preload = join(folder, "preload.mjs");
writeFileSync(
  preload,
  `import { appendFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { isMainThread } from "node:worker_threads";
registerHooks({
  load(url, context, next) {
    const name = /\\/node_modules\\/([^/]+)\\//.exec(url)?.[1];
    if (url.endsWith("/server/data-plane.ts")) appendFileSync(${JSON.stringify(record)}, (isMainThread ? "main" : "other") + " data path\\n");
    if (name !== undefined) appendFileSync(${JSON.stringify(record)}, (isMainThread ? "main " : "other ") + name + "\\n");
    return next(url, context);
  },
});
`,
);

const loaded = (): string[] => [...new Set(readFileSync(record, "utf8").trim().split("\n"))].sort();

for (const [form, write] of [
  // With an anchor, so that the library for YAML is needed.
  [
    "yaml",
    (body: string) =>
      `workers: 1\nlisteners: [{ address: "127.0.0.1:0" }]\nx-a: &a { body: ${body} }\nroutes: [{ respond: *a }]\n`,
  ],
  [
    "config.ts",
    (body: string) =>
      `export default { workers: 1, listeners: [{ address: "127.0.0.1:0" }], routes: [{ respond: { body: "${body}" } }] };\n`,
  ],
] as const) {
  test(`\`millrace run\` keeps no package in the threads that stay and no data path in the control thread, started and reloaded from a .${form} file`, async (t) => {
    const file = join(folder, `millrace.${form}`);
    writeFileSync(record, "");
    writeFileSync(file, write("one"));
    const millrace = new MillraceProcess(["run", file], {
      env: { NODE_OPTIONS: `--import ${pathToFileURL(preload).href}` },
    });
    t.after(() => millrace.stop());
    const { url } = await millrace.ready();
    writeFileSync(`${file}.new`, write("two"));
    renameSync(`${file}.new`, file);
    await millrace.logged(/^reloaded/);
    assert.equal(await (await fetch(url)).text(), "two");
    assert.deepEqual(loaded(), ["other data path", ...(form === "yaml" ? ["other yaml"] : []), "other zod"]);
  });
}
