/**
 * Programs that hold the functions of a configuration, in every thread that serves. No option takes a function yet: the
 * programs are put into the normal form here, as the loader of files would.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfig } from "../../src/config/parse-config.ts";
import { ConfigError } from "../../src/config/problem.ts";
import type { Config } from "../../src/config/schema.ts";
import { ControlledProxy } from "../../src/server/controlled-proxy.ts";

let count = 0;

/** A configuration whose only program is `text`, which has a function at `routes[0].match`. */
function configOf(workers: number, text: string): Config {
  const version = `functions${++count}`;
  const file = `/nowhere/${version}.config.js`;
  const url = `file://${file}`;
  const config = parseConfig({
    workers,
    listeners: [{ address: "127.0.0.1:0" }],
    routes: [{ respond: { body: version } }],
  });
  const module = {
    file,
    url,
    version,
    sources: { [url]: { format: "module", text } },
    functionPaths: [["routes", 0, "match"]],
  };
  return { ...config, modules: [module] };
}

const good = `export default { routes: [{ match: () => true }] };`;
const broken = `export default {\n  routes: missing,\n};`;
const changed = `import { isMainThread } from "node:worker_threads";
export default { routes: [{ match: null }] };`;

for (const workers of [0, 1, 2]) {
  test(`with ${workers} threads, a proxy serves once every thread has found the functions`, async (t) => {
    const proxy = new ControlledProxy(configOf(workers, good), {});
    t.after(() => proxy.close({ graceMs: 0 }));
    await proxy.listen();
    const ask = async (): Promise<string> => (await fetch(`http://127.0.0.1:${proxy.addresses()[0]?.port}/`)).text();
    const first = await ask();
    assert.match(first, /^functions/);

    await assert.rejects(proxy.reload(configOf(workers, broken)), (error) => {
      assert.ok(error instanceof ConfigError, String(error));
      const [problem] = error.problems;
      assert.equal(problem?.message, "ReferenceError: missing is not defined");
      assert.deepEqual([problem.line, problem.column], [2, 11]);
      assert.deepEqual(problem.excerpt, { firstLine: 1, lines: ["export default {", "  routes: missing,", "};"] });
      return true;
    });
    await assert.rejects(proxy.reload(configOf(workers, changed)), (error) => {
      assert.ok(error instanceof ConfigError, String(error));
      assert.deepEqual(error.problems[0]?.path, ["routes", 0, "match"]);
      assert.match(error.message, /there is none now that a thread runs the program\n {2}at routes\[0\]\.match$/);
      return true;
    });
    assert.equal(await ask(), first);

    await proxy.reload(configOf(workers, good));
    assert.notEqual(await ask(), first);
  });
}

test("a thread that replaces a dead one finds the functions, too", async (t) => {
  const proxy = new ControlledProxy(configOf(1, good), {});
  t.after(() => proxy.close({ graceMs: 0 }));
  await proxy.listen();
  await proxy.killThread(0);
  let answer: string | null = null;
  while (answer === null)
    answer = await fetch(`http://127.0.0.1:${proxy.addresses()[0]?.port}/`).then(
      (response) => response.text(),
      () => null,
    );
  assert.match(answer, /^functions/);
});
