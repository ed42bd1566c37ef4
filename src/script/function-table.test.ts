import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import type { FunctionRef } from "../base/function-ref.ts";
import { FunctionTable } from "./function-table.ts";
import { ScriptError } from "./script-failure.ts";
import type { ScriptModule } from "./script-module.ts";

let count = 0;

/** A program of files that are nowhere but in it; the first is the configuration. */
function programOf(files: Readonly<Record<string, string>>, ...functionPaths: FunctionRef["path"][]): ScriptModule {
  const folder = `/nowhere/${++count}`;
  const sources = Object.fromEntries(
    Object.entries(files).map(([name, text]) => [
      `file://${folder}/${name}`,
      { format: name.endsWith(".ts") ? "module-typescript" : name.endsWith(".json") ? "json" : "module", text },
    ]),
  );
  const [name = ""] = Object.keys(files);
  return { file: `${folder}/${name}`, url: `file://${folder}/${name}`, version: `v${count}`, sources, functionPaths };
}

const refTo = ({ file, version }: ScriptModule, ...path: FunctionRef["path"]): FunctionRef => ({
  module: file,
  version,
  path,
});

/** What `ref` gives for `argument`, in this thread or in another. */
type Call = (modules: readonly ScriptModule[], ref: FunctionRef, argument: unknown) => Promise<unknown>;

const ways: readonly (readonly [string, Call])[] = [
  [
    "this thread",
    async (modules, ref, argument) => {
      try {
        const found = (await FunctionTable.load(modules)).get(ref) as (argument: unknown) => unknown;
        return { result: await found(argument) };
      } catch (error) {
        if (!(error instanceof ScriptError)) throw error;
        return { ...error.failure, path: error.path };
      }
    },
  ],
  [
    "another thread",
    async (modules, ref, argument) => {
      const worker = new Worker(new URL("testing/function-thread.ts", import.meta.url), {
        workerData: { modules, ref, argument },
      });
      const [answer] = (await once(worker, "message")) as [unknown];
      await worker.terminate();
      return answer;
    },
  ],
];

for (const [place, call] of ways) {
  test(`a function is found by its path in ${place}, with what its program imports`, async () => {
    const program = programOf(
      {
        "millrace.config.ts": `import { limit } from "./lib/limit.ts";
import names from "./names.json" with { type: "json" };
import { basename } from "node:path";
const routes: { match: (path: string) => string }[] = [];
routes.push({ match: (path) => basename(path) + names.join() + limit });
  export default { routes };`,
        "lib/limit.ts": `export { limit } from "../other.ts";`,
        "other.ts": `export const limit: number = 3;`,
        "names.json": `["a", "b"]`,
      },
      ["routes", 0, "match"],
    );
    assert.deepEqual(await call([program], refTo(program, "routes", 0, "match"), "/x/y"), { result: "ya,b3" });
  });

  test(`two versions of one program live beside each other in ${place}`, async () => {
    const older = programOf(
      { "a.js": `import { b } from "./b.js"; export default { f: () => b };`, "b.js": `export const b = "old";` },
      ["f"],
    );
    const newer = { ...older, version: `${older.version}newer`, sources: { ...older.sources } };
    newer.sources[older.url.replace(/a\.js$/, "b.js")] = { format: "module", text: `export const b = "new";` };
    assert.deepEqual(await call([older, newer], refTo(older, "f"), null), { result: "old" });
    assert.deepEqual(await call([older, newer], refTo(newer, "f"), null), { result: "new" });
  });

  test(`a default export that is a function or a promise is called and awaited in ${place}`, async () => {
    const called = programOf({ "a.js": `export default async () => ({ f: () => "called" });` }, ["f"]);
    assert.deepEqual(await call([called], refTo(called, "f"), null), { result: "called" });
    const awaited = programOf({ "a.js": `export default Promise.resolve({ f: () => "awaited" });` }, ["f"]);
    assert.deepEqual(await call([awaited], refTo(awaited, "f"), null), { result: "awaited" });
  });

  test(`a program that fails in ${place} is told with line and column`, async () => {
    const broken = programOf({ "a.js": `export default {\n  f: missing,\n};` }, ["f"]);
    assert.deepEqual(await call([broken], refTo(broken, "f"), null), {
      message: "ReferenceError: missing is not defined",
      line: 2,
      column: 6,
      path: [],
    });
    const lost = programOf({ "a.js": `import "./not-there.js";\nexport default {};` }, ["f"]);
    const answer = (await call([lost], refTo(lost, "f"), null)) as { message: string };
    assert.match(answer.message, /^Cannot find module .*not-there\.js'/);
  });

  test(`a function that is not there in ${place} is told with its place in the configuration`, async () => {
    const moody = programOf({ "a.js": `export default { routes: [{ f: 1 }] };` }, ["routes", 0, "f"]);
    assert.deepEqual(await call([moody], refTo(moody, "routes", 0, "f"), null), {
      message:
        "there was a function when the configuration was read, and there is none now that a thread runs the program",
      line: 0,
      column: 0,
      path: ["routes", 0, "f"],
    });
  });
}

test("a program runs once in a thread, however often its configuration is prepared", async () => {
  const program = programOf(
    {
      "a.js": `globalThis.millraceRuns = (globalThis.millraceRuns ?? 0) + 1; export default () => ({ f: () => globalThis.millraceRuns });`,
    },
    ["f"],
  );
  for (let round = 0; round < 3; round++) {
    const found = (await FunctionTable.load([program])).get(refTo(program, "f")) as () => unknown;
    assert.equal(found(), 1);
  }
});
