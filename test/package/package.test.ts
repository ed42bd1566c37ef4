/**
 * The published package, as somebody else gets it: packed, installed in another folder, run, imported and type-checked.
 * The dependencies come from this checkout's `node_modules`, so that no registry is asked; everything else is done by
 * npm itself.
 */
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { MillraceProcess, root } from "../support/millrace-process.ts";

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), "millrace-package-"));
/** A copy of the checkout, so that packing swaps the manifest of nobody who is at work. */
const checkout = join(folder, "checkout");
const consumer = join(folder, "consumer");
const installed = join(consumer, "node_modules/millrace");
const published = join(consumer, "node_modules/.bin/millrace");

interface Manifest {
  readonly version: string;
  readonly dependencies: Record<string, string>;
  readonly [key: string]: unknown;
}

const readManifest = (path: string): Manifest =>
  JSON.parse(readFileSync(join(path, "package.json"), "utf8")) as Manifest;

/** npm without its network and its remarks, and with the Node of this test. */
async function npm(cwd: string, ...args: string[]): Promise<string> {
  const env = {
    ...process.env,
    npm_config_offline: "true",
    npm_config_audit: "false",
    npm_config_fund: "false",
    npm_config_update_notifier: "false",
  };
  const { stdout } = await run("npm", args, { cwd, env });
  return stdout;
}

/** The installed packages that production needs, with what they need in turn. */
function productionPackages(names: readonly string[], found = new Map<string, string>()): Map<string, string> {
  for (const name of names) {
    const path = join(root, "node_modules", name);
    if (found.has(name)) continue;
    found.set(name, path);
    productionPackages(Object.keys(readManifest(path).dependencies ?? {}), found);
  }
  return found;
}

before(async () => {
  mkdirSync(checkout);
  for (const entry of [
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "tsconfig.build.json",
    "src",
    "bin",
    "scripts",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
  ]) {
    cpSync(join(root, entry), join(checkout, entry), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(checkout, "node_modules"));
  await npm(checkout, "pack", "--pack-destination", folder);

  const manifest = readManifest(checkout);
  // The links that npm makes lead here, where the dependencies find one another.
  const dependencies = join(folder, "dependencies/node_modules");
  mkdirSync(consumer);
  const overrides: Record<string, string> = {};
  for (const [name, path] of productionPackages(Object.keys(manifest.dependencies))) {
    cpSync(path, join(dependencies, name), { recursive: true });
    overrides[name] = `file:${join(dependencies, name)}`;
  }
  writeFileSync(
    join(consumer, "package.json"),
    JSON.stringify({
      private: true,
      type: "module",
      dependencies: { millrace: `file:../millrace-${manifest.version}.tgz` },
      overrides,
    }),
  );
  await npm(consumer, "install");
});
after(() => rmSync(folder, { recursive: true, force: true }));

test("packing leaves the repository's manifest as it was", () => {
  assert.equal(readFileSync(join(checkout, "package.json"), "utf8"), readFileSync(join(root, "package.json"), "utf8"));
  assert.equal(existsSync(join(checkout, "package.json.original")), false);
});

test("the manifest is restored when packing is broken off", () => {
  const repository = readFileSync(join(checkout, "package.json"), "utf8");
  const script = join(checkout, "scripts/published-manifest.ts");
  // The outer shell stands for npm, which runs the script in a shell and then ends without restoring; whoever watches
  // does it.
  const inner = `"${process.execPath}" "${script}" write; exit 0`;
  execFileSync("sh", ["-c", `sh -c '${inner}'; grep -q devDependencies package.json && exit 3; exit 0`], {
    cwd: checkout,
  });
  const deadline = Date.now() + 20_000;
  while (existsSync(join(checkout, "package.json.original")) && Date.now() < deadline)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  assert.equal(readFileSync(join(checkout, "package.json"), "utf8"), repository);
});

test("the published manifest has nothing that only a checkout needs", () => {
  const manifest = readManifest(installed);
  assert.deepEqual(
    ["devDependencies", "optionalDependencies", "scripts"].filter((key) => key in manifest),
    [],
  );
  assert.deepEqual(manifest.dependencies, readManifest(root).dependencies);
});

test("the package holds compiled JavaScript and types, and neither sources nor tests", () => {
  const files = readdirSync(installed, { recursive: true, encoding: "utf8" });
  assert.ok(
    files.includes("dist/src/index.js") &&
      files.includes("dist/src/index.d.ts") &&
      files.includes("LICENSE") &&
      files.includes("README.md"),
  );
  assert.deepEqual(
    files.filter((file) => /\.test\.|\.fixture\.|(?<!\.d)\.ts$|^src|^test|^bench|^scripts|^\.ci/.test(file)),
    [],
  );
});

test("the installed command runs a proxy with threads", async (t) => {
  const { stdout } = await run(published, ["version"]);
  assert.match(stdout, new RegExp(`^millrace ${readManifest(root).version.replaceAll(".", "\\.")}\n`));
  const file = join(consumer, "millrace.yaml");
  writeFileSync(file, 'workers: 2\nlisteners: [{ address: "127.0.0.1:0" }]\nroutes: [{ respond: { body: packed } }]\n');
  const millrace = new MillraceProcess(["run"], { executable: published, cwd: consumer });
  t.after(() => millrace.stop());
  const { url } = await millrace.ready();
  assert.equal(await (await fetch(url)).text(), "packed");
  millrace.signal("SIGTERM");
  assert.equal((await millrace.ended).code, 0);
});

test("a serving process has no library for schemas, YAML or command lines in its threads", async (t) => {
  const record = join(folder, "loaded.txt");
  const preload = join(folder, "record-loaded.cjs");
  // Packages are recognised by what they say of themselves, since a bundle knows no package.
  writeFileSync(
    preload,
    `const { threadId } = require("node:worker_threads");
const { appendFileSync, readFileSync } = require("node:fs");
const { registerHooks } = require("node:module");
registerHooks({ load(url, context, next) {
  if (url.startsWith("file:")) {
    const text = readFileSync(new URL(url), "utf8");
    for (const [name, mark] of [["zod", "$ZodType"], ["yaml", "YAMLParseError"], ["commander", "CommanderError"]])
      if (text.includes(mark)) appendFileSync(${JSON.stringify(record)}, threadId + " " + name + "\\n");
    appendFileSync(${JSON.stringify(record)}, threadId + " anything\\n");
  }
  return next(url, context);
} });`,
  );
  const file = join(consumer, "loaded.yaml");
  writeFileSync(file, 'workers: 1\nlisteners: [{ address: "127.0.0.1:0" }]\nroutes: [{ respond: { body: x } }]\n');
  const millrace = new MillraceProcess(["run", file], {
    executable: published,
    cwd: consumer,
    env: { NODE_OPTIONS: `--require ${preload}` },
  });
  t.after(() => millrace.stop());
  await millrace.ready();
  const loaded = [...new Set(readFileSync(record, "utf8").trim().split("\n"))].toSorted();
  // Thread 0 is the control thread, 1 has read the configuration and is gone, 2 proxies.
  assert.deepEqual(loaded, ["0 anything", "1 anything", "1 zod", "2 anything"]);
});

test("the installed command reads a program that imports the package, and says the licences of what it contains", async (t) => {
  const elsewhere = mkdtempSync(join(folder, "elsewhere-"));
  writeFileSync(
    join(elsewhere, "millrace.config.ts"),
    `import { defineConfig } from "millrace";
export default defineConfig({ listeners: [{ address: "127.0.0.1:0" }], routes: [{ respond: { body: "program" } }] });
`,
  );
  const millrace = new MillraceProcess(["run"], { executable: published, cwd: elsewhere });
  t.after(() => millrace.stop());
  const { url } = await millrace.ready();
  assert.equal(await (await fetch(url)).text(), "program");
  const licences = readFileSync(join(installed, "dist/src/cli/LICENSES.txt"), "utf8");
  for (const name of Object.keys(readManifest(root).dependencies))
    assert.match(licences, new RegExp(`^This folder contains ${name}:$`, "m"));
});

test("the installed demo runs", async (t) => {
  const millrace = new MillraceProcess(["demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"], {
    executable: published,
    cwd: consumer,
  });
  t.after(() => millrace.stop());
  await millrace.printed(/Ctrl-C finishes/);
  const url = /proxy +http:\/\/localhost:(\d+)/.exec(millrace.stdout)?.[1] ?? "";
  assert.match(await (await fetch(`http://127.0.0.1:${url}/`)).text(), /^Hello from backend/);
});

test("the library can be imported and type-checked", async () => {
  const source = `import { createProxy, defineConfig } from "millrace";

const config = defineConfig({
  workers: 0,
  listeners: [{ address: "127.0.0.1:0" }],
  routes: [{ match: { path: "/x" }, respond: { status: 200, body: "imported" } }],
});
const proxy = await createProxy(config);
await proxy.listen();
const port: number | undefined = proxy.addresses()[0]?.port;
console.log(await (await fetch(\`http://127.0.0.1:\${port}/x\`)).text());
await proxy.reload(config);
await proxy.close();
// @ts-expect-error: durations carry units
defineConfig({ listeners: [{ address: ":1", timeouts: { head: 10 } }], routes: [] });
// @ts-expect-error: an unknown key
defineConfig({ listners: [], listeners: [], routes: [] });
`;
  writeFileSync(join(consumer, "program.ts"), source);
  // The library's own declarations are checked too (`skipLibCheck` is off), and nothing says that those of Node.js are
  // wanted.
  const common = {
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
    target: "es2024",
    types: [],
    typeRoots: [join(root, "node_modules/@types")],
  };
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  for (const kind of [
    { module: "node16" },
    { module: "nodenext" },
    { module: "esnext", moduleResolution: "bundler" },
  ]) {
    writeFileSync(
      join(consumer, "tsconfig.json"),
      JSON.stringify({ compilerOptions: { ...common, ...kind }, files: ["program.ts"] }),
    );
    const check = await run(process.execPath, [tsc, "-p", consumer]).catch((error: { stdout: string }) => error);
    assert.equal(check.stdout, "", `with ${JSON.stringify(kind)}`);
  }
  const { stdout, stderr } = await run(process.execPath, ["program.ts"], { cwd: consumer });
  assert.equal(stdout, "imported\n");
  assert.equal(stderr, "");
});

test("the public types reach no package but Node's own types: an editor loads no schema library to complete a key", () => {
  const reached = new Map<string, string>();
  const pending = [join(installed, "dist/src/index.d.ts")];
  for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
    if (reached.has(file)) continue;
    const text = readFileSync(file, "utf8").replace(/^\s*\*.*$/gm, "");
    reached.set(file, text);
    for (const [, specifier = ""] of text.matchAll(/(?:\bfrom\s*|\bimport\(?\s*)"([^"]+)"/g)) {
      if (specifier.startsWith(".")) pending.push(join(file, "..", specifier.replace(/\.(?:ts|js)$/, ".d.ts")));
      else assert.match(specifier, /^node:/, `${file} imports ${specifier}`);
    }
  }
  assert.ok(reached.size > 5);
});

for (const version of ["12.22.0", "20.20.2", "22.17.0", "23.0.0", "24.10.0", "25.1.0"]) {
  test(`on Node.js ${version} the command says what it needs, in one sentence`, async () => {
    const preload = join(folder, `pretend-${version}.cjs`);
    writeFileSync(preload, `Object.defineProperty(process.versions, "node", { value: "${version}" });`);
    const script = join(installed, "dist/bin/millrace.cjs");
    const ending = await run(process.execPath, ["--require", preload, script, "version"]).catch(
      (error: { code: number; stdout: string; stderr: string }) => error,
    );
    assert.equal("code" in ending && ending.code, 1);
    assert.equal(ending.stdout, "");
    assert.equal(ending.stderr, `millrace needs Node.js 22.18, 24.11, or 26 and later; this is Node.js ${version}.\n`);
  });
}

for (const version of ["22.18.0", "24.11.0", "26.0.0", "27.1.0"]) {
  test(`on Node.js ${version} the command runs`, async () => {
    const preload = join(folder, `pretend-${version}.cjs`);
    writeFileSync(preload, `Object.defineProperty(process.versions, "node", { value: "${version}" });`);
    const { stdout } = await run(process.execPath, [
      "--require",
      preload,
      join(installed, "dist/bin/millrace.cjs"),
      "version",
    ]);
    assert.match(stdout, /^millrace /);
  });
}
