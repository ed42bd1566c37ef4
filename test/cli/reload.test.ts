/** Reloads of a serving process: by signal, by the watched file, by command; and files that are refused. */
import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { freePort } from "../support/free-port.ts";
import { MillraceProcess, runMillrace } from "../support/millrace-process.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-reload-"));
after(() => rmSync(folder, { recursive: true, force: true }));

let fileCount = 0;

const token = "a-token-for-the-tests-0123456789";

const configWith = (body: string, options: { admin?: string; token?: string } = {}): string => `
workers: 2
listeners: [{ address: "127.0.0.1:0" }]
routes:
  - { name: changing, respond: { body: "${body}" } }
  - { name: steady, match: { path: /steady }, respond: { body: steady } }
${options.admin === undefined ? "" : `admin: { address: "${options.admin}"${options.token === undefined ? "" : `, tokens: [{ token: ${options.token}, role: write }]`} }`}
`;

/** Replaces a file in one step, as editors and deploys do. */
function replace(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

async function start(t: TestContext, text: string, flags: readonly string[] = []) {
  const file = join(folder, `${++fileCount}.yaml`);
  writeFileSync(file, text);
  const millrace = new MillraceProcess(["run", ...flags, file]);
  t.after(() => millrace.stop());
  const { url, admin } = await millrace.ready();
  const ask = async (path = "/"): Promise<string> => (await fetch(url + path)).text();
  return { file, millrace, ask, admin };
}

test("SIGHUP reloads the file and says what changed", async (t) => {
  const { file, millrace, ask } = await start(t, configWith("first"), ["--no-watch"]);
  assert.equal(await ask(), "first");
  replace(file, configWith("second"));
  millrace.signal("SIGHUP");
  const line = await millrace.logged(/^reloaded: /);
  assert.match(line.message, /1 changed, 1 unchanged/);
  assert.equal(await ask(), "second");
  assert.equal(await ask("/steady"), "steady");
  millrace.signal("SIGTERM");
  assert.equal((await millrace.ended).code, 0);
});

test("the watched file is reloaded when it changes, whether replaced or rewritten", async (t) => {
  const { file, millrace, ask } = await start(t, configWith("first"));
  replace(file, configWith("second"));
  await millrace.logged(/^reloaded: /);
  assert.equal(await ask(), "second");
  const seen = millrace.log.length;
  writeFileSync(file, configWith("third"));
  await millrace.logged(/^reloaded: /, seen);
  assert.equal(await ask(), "third");
});

test("a file with a mistake changes nothing, is explained, and is forgiven once it is right", async (t) => {
  const { file, millrace, ask } = await start(t, configWith("first"), ["--no-watch"]);
  replace(file, configWith("second").replace("respond", "respnd"));
  millrace.signal("SIGHUP");
  const line = await millrace.logged(/^kept the running configuration/);
  assert.match(String(line["problems"]), /\.yaml:5:\d+: error: unknown key "respnd"[^]*did you mean "respond"/);
  assert.equal(await ask(), "first");
  replace(file, configWith("third"));
  millrace.signal("SIGHUP");
  await millrace.logged(/^reloaded: /);
  assert.equal(await ask(), "third");
});

for (const [name, withToken] of [
  ["without a token, from this machine", false],
  ["with the token of the file", true],
] as const) {
  test(`millrace reload prints what changed, or every problem: ${name}`, async (t) => {
    const admin = "unix:" + join(folder, `admin-${++fileCount}.sock`);
    const options = { admin, ...(withToken && { token }) };
    const { file, ask } = await start(t, configWith("first", options), ["--no-watch"]);
    replace(file, configWith("second", options));
    const applied = runMillrace(["reload", file]);
    assert.equal(applied.code, 0, applied.stderr);
    assert.match(applied.stdout, /^Reloaded: .*1 changed, 1 unchanged/);
    assert.equal(await ask(), "second");

    const bad = join(folder, `${fileCount}-bad.yaml`);
    writeFileSync(bad, configWith("third", options));
    replace(file, configWith("third", options).replace("steady }", "steady, more: 1 }"));
    const refused = runMillrace(["reload", bad]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /unknown key "more"[^]*The running configuration was kept\./);
    assert.equal(await ask(), "second");
  });
}

test("millrace reload by admin address and token, and what it says to a wrong one", async (t) => {
  const { file, ask, admin } = await start(t, configWith("first", { admin: "127.0.0.1:0", token }), ["--no-watch"]);
  replace(file, configWith("second", { admin: "127.0.0.1:0", token }));
  const address = admin?.replace("http://", "") ?? "";
  for (const [flags, stderr] of [
    [[], /wants a token/],
    [["--token", "wrong-wrong-wrong"], /does not take this token/],
  ] as const) {
    const refused = runMillrace(["reload", "--admin", address, ...flags]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, stderr);
  }
  assert.equal(await ask(), "first");
  const applied = runMillrace(["reload", "--admin", address], { env: { MILLRACE_ADMIN_TOKEN: token } });
  assert.equal(applied.code, 0, applied.stderr);
  assert.equal(await ask(), "second");
});

// What an admin listener on every address is reached by is this machine's loopback address, of whichever family there
// is.
for (const host of ["0.0.0.0", "[::]", ""]) {
  test(`commands find an admin listener on ${host}:PORT by the file and by --admin`, async (t) => {
    const port = await freePort();
    const options = { admin: `${host}:${port}`, token };
    const upstream = '\nupstreams: { app: { endpoints: ["http://127.0.0.1:9"] } }\n';
    const { file, ask } = await start(t, configWith("first", options) + upstream, ["--no-watch"]);
    replace(file, configWith("second", options) + upstream);
    assert.match(runMillrace(["reload", file]).stdout, /^Reloaded: /);
    assert.equal(await ask(), "second");
    for (const args of [["drain"], ["enable"]]) {
      const done = runMillrace([...args, "--admin", `${host}:${port}`, "--token", token, "app", "127.0.0.1:9"]);
      assert.equal(done.code, 0, done.stderr);
    }
  });
}

test("millrace reload by process sends a signal", async (t) => {
  const { file, millrace, ask } = await start(t, configWith("first"), ["--no-watch"]);
  replace(file, configWith("second"));
  const asked = runMillrace(["reload", "--pid", String(millrace.child.pid)]);
  assert.equal(asked.code, 0, asked.stderr);
  await millrace.logged(/^reloaded: /);
  assert.equal(await ask(), "second");
});

test("a TypeScript configuration is run anew at each reload", async (t) => {
  const file = join(folder, "millrace.config.ts");
  const source = (body: string): string =>
    `const body: string = "${body}";\nexport default { workers: 0, listeners: [{ address: "127.0.0.1:0" }], routes: [{ respond: { body } }] };\n`;
  writeFileSync(file, source("first"));
  const millrace = new MillraceProcess(["run"], { cwd: folder });
  t.after(() => millrace.stop());
  const { url } = await millrace.ready();
  assert.equal(await (await fetch(url)).text(), "first");
  replace(file, source("second"));
  await millrace.logged(/^reloaded: /);
  assert.equal(await (await fetch(url)).text(), "second");
});

test("what a TypeScript configuration imports is watched, too, in a package of CommonJS as well; a mistake there is forgiven once it is right", async (t) => {
  const place = mkdtempSync(join(folder, "imports-"));
  writeFileSync(join(place, "package.json"), '{ "type": "commonjs" }');
  const part = (body: string): void => replace(join(place, "part.ts"), `export const body: string = ${body};\n`);
  part('"first"');
  writeFileSync(
    join(place, "millrace.config.ts"),
    'import { body } from "./part.ts";\nexport default { workers: 0, listeners: [{ address: "127.0.0.1:0" }], routes: [{ respond: { body } }] };\n',
  );
  const millrace = new MillraceProcess(["run"], { cwd: place });
  t.after(() => millrace.stop());
  const { url } = await millrace.ready();
  const ask = async (): Promise<string> => (await fetch(url)).text();
  assert.equal(await ask(), "first");
  part('"second"');
  await millrace.logged(/^reloaded: /);
  assert.equal(await ask(), "second");
  const seen = millrace.log.length;
  part("oops");
  await millrace.logged(/^kept the running configuration/, seen);
  assert.equal(await ask(), "second");
  part('"third"');
  await millrace.logged(/^reloaded: /, seen);
  assert.equal(await ask(), "third");
});

test("what is odd in a file is said by check, at the start and at a reload", async (t) => {
  const odd = `
workers: 0
listeners: [{ address: "unix:${join(folder, "odd.sock")}" }]
routes: [{ middlewares: [{ rateLimit: { rate: 1/s } }], respond: { body: ok } }]
`;
  const file = join(folder, "odd.yaml");
  writeFileSync(file, odd);
  const checked = runMillrace(["check", file]);
  assert.equal(checked.code, 0);
  assert.match(checked.stderr, /^warning: clients of unix:.* have no address/);
  const millrace = new MillraceProcess(["run", "--no-watch", file]);
  t.after(() => millrace.stop());
  assert.equal((await millrace.logged(/^clients of unix:.* have no address/)).level, "warn");
  await millrace.logged(/^ready$/);
  const seen = millrace.log.length;
  replace(file, odd.replace("body: ok", "body: fine"));
  millrace.signal("SIGHUP");
  await millrace.logged(/^clients of unix:.* have no address/, seen);
});
