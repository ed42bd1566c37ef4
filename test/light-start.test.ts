/** What a start does not load: each library of Node.js costs every thread time and memory. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";

const source = join(import.meta.dirname, "..", "src");

const start = `
for (const path of ["cli/serve.ts", "config/parse-config-text.ts", "config/watch-config.ts"])
  await import(${JSON.stringify(source)} + "/" + path);
const { digestOf } = await import(${JSON.stringify(source)} + "/config/file-digest.ts");
digestOf(Buffer.alloc(4096));
const { createProxy } = await import(${JSON.stringify(source)} + "/index.ts");
const proxy = await createProxy({
  workers: 0,
  listeners: [{ address: "127.0.0.1:0" }],
  routes: [{ upstream: "u" }],
  upstreams: { u: { endpoints: ["http://127.0.0.1:9"] } },
});
await proxy.listen();
console.log(JSON.stringify(process.moduleLoadList.map((line) => line.replace(/^.* /, ""))));
await proxy.close();
`;

test("a proxy without TLS starts without node:crypto and node:tls", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", start]);
  const loaded = new Set(JSON.parse(stdout) as string[]);
  assert.ok(loaded.has("net"), "the names are as they are meant");
  assert.deepEqual(
    ["crypto", "tls", "https", "zlib"].filter((name) => loaded.has(name)),
    [],
  );
});
