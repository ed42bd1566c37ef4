/** Configurations in stores, by the command: run, push, check and reload, against a real etcd. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test, type TestContext } from "node:test";
import { FakeConsul } from "../../src/remote/consul/testing/fake-consul.ts";
import { openConfigStore } from "../../src/config/store/open-config-store.ts";
import { parseStorePlace } from "../../src/config/store/store-place.ts";
import { EtcdServer, etcdCommand } from "../support/etcd-server.ts";
import { type Ending, MillraceProcess } from "../support/millrace-process.ts";

const only = { skip: etcdCommand === null && "etcd is not installed" };
const folder = mkdtempSync(join(tmpdir(), "millrace-store-"));
after(() => rmSync(folder, { recursive: true, force: true }));

let server: EtcdServer;
before(async () => {
  if (etcdCommand !== null) server = await EtcdServer.start();
});
after(async () => {
  if (etcdCommand !== null) await server.close();
});

const configWith = (body: string): string => `
workers: 1
admin: { address: "127.0.0.1:0" }
listeners: [{ address: "127.0.0.1:0" }]
routes: [{ respond: { body: "${body}" } }]
`;

let count = 0;

const urlOf = (key: string): string => `${server.url.replace("http:", "etcd:")}/${key}`;

function write(text: string, extension = "yaml"): string {
  const file = join(folder, `${++count}.${extension}`);
  writeFileSync(file, text);
  return file;
}

/** A command that ends by itself. Unlike `runMillrace`, it lets this process serve meanwhile. */
async function run(...args: readonly string[]): Promise<Ending> {
  return new MillraceProcess(args, { env: { XDG_DATA_HOME: folder } }).ended;
}

async function start(t: TestContext, url: string, ...flags: readonly string[]) {
  const millrace = new MillraceProcess(["run", ...flags, url], { env: { XDG_DATA_HOME: folder } });
  t.after(() => millrace.stop());
  const { url: address, admin } = await millrace.ready();
  return { millrace, admin, ask: async (): Promise<string> => (await fetch(address)).text() };
}

/** Writes without looking. */
async function put(t: TestContext, key: string, text: string): Promise<void> {
  const store = await openConfigStore(parseStorePlace(urlOf(key), {}), { keepsProcess: true });
  t.after(() => store.close());
  assert.ok(await store.write(text, (await store.read())?.version ?? null));
}

test(
  "two instances follow what is pushed, keep what runs when it is wrong, and tell both to who pushes",
  only,
  async (t) => {
    const url = urlOf("two/config");
    const first = await run("push", write(configWith("one")), url);
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stdout, /there is nothing yet\.\nWritten as version \d+\.\n/);
    const instances = await Promise.all([start(t, url), start(t, url)]);
    const pushed = await run("push", "--wait", write(configWith("two")), url);
    assert.equal(pushed.code, 0, pushed.stderr);
    assert.match(
      pushed.stdout,
      /routes: 1 changed\.\nWritten as version \d+\.\n.*: applied\n.*: applied\nApplied by all 2/,
    );
    for (const { ask } of instances) assert.equal(await ask(), "two");

    const wrong = await run("push", write(configWith("three").replace("respond", "respnd")), url);
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /\.yaml:5:\d+: error: unknown key "respnd"/);
    assert.match((await run("check", url)).stdout, /^etcd:\/\/.* is valid: 1 listener, 1 route\.\n$/);

    await put(t, "two/config", "routes: 7\n");
    for (const { millrace, ask } of instances) {
      const line = await millrace.logged(/^kept the running configuration/);
      assert.equal(line["cause"], "store");
      assert.match(String(line["problems"]), /two\/config:1:9: error: expected a list/);
      assert.equal(await ask(), "two");
    }
    const admin = instances[0].admin ?? "";
    const { configuration } = (await (await fetch(`${admin}/api/v1/status`)).json()) as any;
    assert.equal(configuration.source, url);
    assert.match(configuration.store.refused.problems.join("\n"), /1:9: expected a list/);
    assert.match(
      await (await fetch(`${admin}/metrics`)).text(),
      /^millrace_config_store_up 1$[^]*^millrace_config_store_refused 1$/m,
    );
    const told = await run("push", "--wait", "--timeout", "20s", write("routes: 7\n"), url);
    assert.equal(told.code, 1, "it is refused here already");

    const json = {
      workers: 1,
      admin: { address: "127.0.0.1:0" },
      listeners: [{ address: "127.0.0.1:0" }],
      routes: [{ respond: { body: "four" } }],
    };
    const last = await run("push", "--wait", "--timeout", "20s", write(JSON.stringify(json), "json"), url);
    assert.equal(last.code, 0, last.stderr);
    for (const { ask } of instances) assert.equal(await ask(), "four");
    const reloaded = await run("reload", "--admin", admin.slice("http://".length), url);
    assert.equal(reloaded.code, 0, reloaded.stderr);
    assert.match(reloaded.stdout, /^Reloaded: nothing changed\./);

    instances[1].millrace.signal("SIGTERM");
    assert.equal((await instances[1].millrace.ended).code, 0);
    const alone = await run("push", "--wait", "--timeout", "20s", write(configWith("five")), url);
    assert.match(alone.stdout, /Applied by the one instance/, "who has ended tells nothing any more");
  },
);

test("without the store a start takes the copy, and what the store says as soon as it is back", only, async (t) => {
  const own = await EtcdServer.start();
  t.after(() => own.close());
  // By a name: it is not resolved as by other programs.
  const url = `${own.url.replace("http://127.0.0.1", "etcd://localhost")}/lost/config`;
  assert.equal((await run("push", write(configWith("one")), url)).code, 0);
  const first = await start(t, url);
  first.millrace.signal("SIGTERM");
  assert.equal((await first.millrace.ended).code, 0);
  await own.kill();
  const none = await run("run", "--store-timeout", "100ms", "--no-copy", url);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /lost\/config: error: the store does not answer/);
  const second = await start(t, url, "--store-timeout", "100ms");
  assert.equal(await second.ask(), "one");
  await second.millrace.logged(/^started with the copy on the disk/);
  await own.restart();
  assert.equal((await run("push", write(configWith("two")), url)).code, 0);
  await second.millrace.logged(/^reloaded/);
  assert.equal(await second.ask(), "two");
});

test("what is pushed replaces neither what somebody else has written, nor a stranger's value", only, async (t) => {
  const url = urlOf("careful/config");
  const file = write(configWith("one"));
  const dry = await run("push", "--dry-run", file, url);
  assert.equal(dry.code, 0, dry.stderr);
  assert.match(dry.stdout, /Nothing was written \(--dry-run\)/);
  assert.match((await run("check", url)).stderr, /^There is no key \/careful\/config in etcd:/);
  assert.match(
    (await run("run", "--no-copy", url)).stderr,
    /error: there is no such key\n {2}hint: write it: millrace push FILE etcd:/,
  );
  assert.match((await run("push", "--expect", "7", file, url)).stderr, /is not there, not at 7: somebody else/);
  await put(t, "careful/config", "what other programs keep");
  const refused = await run("push", file, url);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /is no configuration: .*Nothing was written; --force/);
  assert.match((await run("push", "--expect", "0", file, url)).stderr, /is at version \d+, not at 0/);
  assert.equal((await run("push", "--force", file, url)).code, 0);
  const again = await run("push", "--timeout", "1ms", file, url);
  assert.match(again.stdout, /nothing changed/);
  assert.match(again.stderr, /^No instance tells that it follows/);
  assert.equal(again.code, 1);
});

test("check asks the sources of endpoints, too, if it is told to", only, async (t) => {
  const url = urlOf("online/config");
  const config = (source: string): string => `
listeners: [{ address: "127.0.0.1:0" }]
routes: [{ upstream: api }]
upstreams: { api: { discovery: { etcd: { urls: ["${source}"], prefix: /online/api/ } } } }
`;
  await put(t, "online/api/one", "http://10.0.0.1:8080");
  await put(t, "online/api/two", "nonsense");
  assert.equal((await run("push", write(config(server.url)), url)).code, 0);
  const good = await run("check", "--online", url);
  assert.equal(good.code, 0, good.stderr);
  assert.match(
    good.stdout,
    /1 upstream with 0 endpoints and a discovery\.\nupstream api: .*: 1 endpoint .*\n {2}http:\/\/10\.0\.0\.1:8080\n$/,
  );
  assert.match(good.stderr, /^warning: upstream api: .*left out: .*two/m);
  const bad = await run("check", "--online", write(config("http://127.0.0.1:1")));
  assert.equal(bad.code, 1);
  assert.match(bad.stderr, /^error: upstream api: .*\n[^]*1 of 1 source could not be asked\.\n$/);
});

test("a configuration in Consul is pushed and followed with a token that reaches no log", async (t) => {
  const consul = await FakeConsul.start();
  t.after(() => consul.close());
  consul.rights = { hunter2: { services: [], keyPrefix: "millrace/" } };
  const url = `${consul.url.replace("http:", "consul:")}/millrace/config`;
  const env = { XDG_DATA_HOME: folder, CONSUL_HTTP_TOKEN: "hunter2" };
  const push = (...args: readonly string[]): Promise<Ending> =>
    new MillraceProcess(["push", ...args, url], { env }).ended;
  const stranger = await run("push", write(configWith("one")), url);
  assert.equal(stranger.code, 1);
  assert.match(stranger.stderr, /^consul:.* cannot be used: .*403/);
  assert.equal((await push(write(configWith("one")))).code, 0);
  const millrace = new MillraceProcess(["run", url], { env });
  t.after(() => millrace.stop());
  const { url: address } = await millrace.ready();
  const pushed = await push("--wait", "--timeout", "20s", write(configWith("two")));
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.equal(await (await fetch(address)).text(), "two");
  await consul.stop();
  await millrace.logged(/^the store of the configuration does not answer/);
  assert.equal(await (await fetch(address)).text(), "two");
  millrace.signal("SIGTERM");
  const ending = await millrace.ended;
  assert.equal(ending.code, 0);
  assert.doesNotMatch(ending.stderr + ending.stdout + pushed.stdout + stranger.stderr, /hunter2/);
});

test("wrong usage is told, and no secret of a URL with it", only, async () => {
  for (const [args, code, sentence] of [
    [["push", "a.yaml", "b.yaml"], 2, /is not the URL of a store/],
    [["push", "a.yaml", "redis://root:hunter2@a/k"], 2, /is not the URL of a store/],
    [["run", "etc://root:hunter2@a/k"], 2, /"etc:\/\/root:\*{7}@a\/k" is not the URL of a store/],
    [["push", write("export default {};", "ts"), urlOf("k")], 2, /is a program, and a store holds text/],
    [["push", join(folder, "none.yaml"), urlOf("k")], 1, /does not exist/],
    [["push", "--timeout", "7", "a.yaml", urlOf("k")], 2, /--timeout: "7" has no unit/],
    [
      ["push", write(configWith("one")), "etcd://root:hunter2@127.0.0.1:1/k"],
      1,
      /etcd:\/\/127\.0\.0\.1:1\/k cannot be used/,
    ],
    [["check", "consul://hunter2@127.0.0.1:1/k"], 1, /consul:\/\/127\.0\.0\.1:1\/k cannot be used/],
    [["check", "etcd://127.0.0.1:1/k?ca=/nowhere.pem"], 1, /nowhere\.pem/],
  ] as const) {
    const ending = await run(...args);
    assert.equal(ending.code, code, `${args.join(" ")}: ${ending.stderr}`);
    assert.match(ending.stderr, sentence);
    assert.doesNotMatch(ending.stdout + ending.stderr, /hunter2/);
  }
});
