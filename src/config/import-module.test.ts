import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Worker } from "node:worker_threads";
import type { FunctionRef } from "../base/function-ref.ts";
import { FunctionTable } from "../script/function-table.ts";
import type { ScriptModule } from "../script/script-module.ts";
import { loadConfig } from "./config-loader.ts";
import type { Finding } from "./explain-issue.ts";
import { schemaWithFunctions } from "./testing/import-thread.ts";
import { ConfigError } from "./problem.ts";

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-import-"));
});
after(async () => {
  await rm(folder, { recursive: true, force: true });
});

interface Answer {
  readonly module: ScriptModule | null;
  readonly failure: unknown;
  readonly imports: readonly string[];
  readonly normal: { readonly routes: readonly { readonly when: FunctionRef; readonly key?: FunctionRef | string }[] };
  readonly findings: readonly Finding[];
}

/** Reads a program with the schema of the fixture. @param files the first is the configuration */
async function read(files: Readonly<Record<string, string>>): Promise<Answer> {
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const [name = ""] = Object.keys(files);
  const worker = new Worker(new URL("testing/import-thread.ts", import.meta.url), { workerData: join(folder, name) });
  const [answer] = (await once(worker, "message")) as [Answer];
  await worker.terminate();
  return answer;
}

const program = (word: string): Record<string, string> => ({
  "functions.config.ts": `import { isShort } from "./functions-lib.ts";
const key = (): string => "${word}";
  export default { routes: [{ when: isShort, key }, { when: (path: string) => path === "/", key: "text" }] };`,
  "functions-lib.ts": `export const isShort = (path: string): boolean => path.length < 3;`,
});

test("functions become references, which find the functions again in any thread", async () => {
  const { module, normal, imports, findings } = await read(program("first"));
  assert.deepEqual(findings, []);
  assert.ok(module !== null);
  assert.deepEqual(imports, [join(folder, "functions-lib.ts")]);
  assert.deepEqual(module.functionPaths, [
    ["routes", 0, "when"],
    ["routes", 0, "key"],
    ["routes", 1, "when"],
  ]);
  const [first, second] = normal.routes;
  assert.deepEqual(first?.when, { module: module.file, version: module.version, path: ["routes", 0, "when"] });
  assert.equal(second?.key, "text");
  // The files may be gone by the time a thread starts: what was read is what runs.
  await rm(join(folder, "functions.config.ts"));
  await rm(join(folder, "functions-lib.ts"));
  const table = await FunctionTable.load([module]);
  const isShort = table.get(first!.when) as (path: string) => boolean;
  assert.deepEqual([isShort("/"), isShort("/long")], [true, false]);
  assert.equal((table.get(first!.key as FunctionRef) as () => string)(), "first");
});

test("the version is that of the program and of all that it imports", async () => {
  const versions: (string | undefined)[] = [];
  const library = program("second")["functions-lib.ts"] ?? "";
  for (const files of [
    program("second"),
    program("second"),
    program("third"),
    { ...program("third"), "functions-lib.ts": `${library} // longer` },
  ])
    versions.push((await read(files)).module?.version);
  assert.equal(versions[0], versions[1]);
  assert.equal(new Set(versions).size, 3);
});

test("what stands where a function should, and functions of programs that no thread can load anew, are told", async () => {
  const { findings } = await read({
    "wrong.config.ts": `export default { routes: [{ when: "x", key: 5 }, { when: () => true, key: "a" }, {}] };`,
  });
  assert.deepEqual(
    findings.map(({ path, message }) => [path.join("."), message]),
    [
      ["routes.0.when", 'expected a function, not the text "x"'],
      ["routes.0.key", "expected text or a function, not the number 5"],
      ["routes.2.when", '"when" is missing'],
    ],
  );
  const commonJs = await read({ "wrong.config.cjs": `module.exports = { routes: [{ when: () => true }] };` });
  assert.equal(commonJs.module, null);
  assert.match(commonJs.findings[0]?.message ?? "", /^a function can only stand in .* ECMAScript module/);
  const inProgram = schemaWithFunctions.safeParse({ routes: [{ when: () => true }] });
  assert.match(inProgram.error?.issues[0]?.message ?? "", /^a function can only stand in/);
});

test("a function where the schema takes none is refused, as long as none of ours takes any", async () => {
  const file = join(folder, "refused.config.ts");
  await writeFile(
    file,
    `const f = () => true;
  export default { "x-mine": f, listeners: [{ address: ":1" }], upstreams: { a: { endpoints: [f] } },
  routes: [{ match: f, upstream: "a" }, { match: { header: { a: f } }, middlewares: [f, { rateLimit: { rate: f } }], upstream: f }] };`,
  );
  await assert.rejects(loadConfig(file), (error) => {
    assert.ok(error instanceof ConfigError);
    assert.deepEqual(
      error.problems.map(({ path, message }) => [path.join("."), message]).sort(),
      [
        "routes.0.match",
        "routes.1.match.header.a",
        "routes.1.middlewares.0",
        "routes.1.middlewares.1.rateLimit.rate",
        "routes.1.upstream",
        "upstreams.a.endpoints.0",
      ].map((path) => [path, "functions are not available in this version"]),
    );
    return true;
  });
});
