/**
 * The proxy as a library: many in one process, no traces in it, and no way to use it wrongly that leaves something
 * open.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { ConfigError, type ConfigInput, createProxy, type Proxy } from "../../src/index.ts";
import { freePort, isRefused, takenPort } from "../support/free-port.ts";
import { modes, nothingOpen } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";

const index = new URL("../../src/index.ts", import.meta.url).href;

function answering(body: string, changes: Partial<ConfigInput> = {}): ConfigInput {
  return {
    listeners: [{ name: "main", address: "127.0.0.1:0" }],
    routes: [{ respond: { status: 200, body } }],
    ...changes,
  };
}

const urlOf = (proxy: Proxy): string => `http://127.0.0.1:${proxy.addresses()[0]?.port}/`;

/** Without keep-alive: no connection outlives its test. */
async function get(url: string): Promise<string> {
  return (await fetch(url, { headers: { connection: "close" } })).text();
}

/** Runs a module in a process of its own. @returns how it ended, which it must do by itself */
async function runModule(source: string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(
    process.execPath,
    ["--input-type=module", "-e", `import { createProxy } from ${JSON.stringify(index)};\n${source}`],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}

for (const [title, workers] of modes) {
  test(`two proxies in one process do not know each other, ${title}`, async () => {
    const one = await createProxy(answering("one", { workers, admin: { address: "127.0.0.1:0" } }));
    const other = await createProxy(answering("other", { workers, admin: { address: "127.0.0.1:0" } }));
    await Promise.all([one.listen(), other.listen()]);
    try {
      assert.equal(await get(urlOf(one)), "one");
      assert.equal(await get(urlOf(other)), "other");
      const requestsOf = async (proxy: Proxy): Promise<string | undefined> =>
        /^millrace_requests_total.* (\d+)$/m.exec(await get(`http://${proxy.adminAddress()}/metrics`))?.[1];
      // A thread counts just behind the answer, and its first count has to reach the thread that is asked.
      for (const proxy of [one, other]) await eventually(async () => (await requestsOf(proxy)) === "1", "one request");
      await one.reload(answering("changed"));
      assert.equal(await get(urlOf(one)), "changed");
      assert.equal(await get(urlOf(other)), "other");
      await one.close();
      assert.equal(await get(urlOf(other)), "other");
    } finally {
      await Promise.all([one.close({ graceMs: 0 }), other.close({ graceMs: 0 })]);
    }
  });

  test(`the process is left as it was, ${title}`, async () => {
    const hooks = (): Record<string, number> =>
      Object.fromEntries(process.eventNames().map((name) => [String(name), process.listenerCount(name)]));
    const before = hooks();
    const proxy = await createProxy(answering("here", { workers }));
    await proxy.listen();
    assert.deepEqual(hooks(), before);
    await get(urlOf(proxy));
    await proxy.close();
    assert.deepEqual(hooks(), before);
  });

  test(`a process ends by itself when its proxy is closed, or was never started, ${title}`, async () => {
    const ending = await runModule(`
      await createProxy({ workers: ${workers}, listeners: [{ address: "127.0.0.1:0" }], routes: [{ respond: { status: 200 } }] });
      const proxy = await createProxy({ workers: ${workers}, admin: { address: "127.0.0.1:0" }, log: { stats: "5s" }, listeners: [{ address: "127.0.0.1:0" }], routes: [{ upstream: "app" }],
        upstreams: { app: { endpoints: ["http://127.0.0.1:9"], health: { path: "/", interval: "1s" } } } }, { onStatisticsLine: () => {} });
      await proxy.listen();
      await proxy.ready();
      console.log((await fetch("http://127.0.0.1:" + proxy.addresses()[0].port)).status);
      await proxy.close();
      console.log("closed");
    `);
    assert.deepEqual(ending, { code: 0, stdout: "503\nclosed\n", stderr: "" });
  });

  test(`listening that fails leaves nothing open, ${title}`, async () => {
    const { port: taken, release } = await takenPort();
    const free = await freePort();
    const cases: Partial<ConfigInput>[] = [
      { listeners: [{ address: `127.0.0.1:${free}` }, { address: `127.0.0.1:${taken}` }] },
      { listeners: [{ address: `127.0.0.1:${free}` }], admin: { address: `127.0.0.1:${taken}` } },
      { listeners: [{ address: `127.0.0.1:${free}` }], log: { access: { path: "/nowhere/at/all/access.log" } } },
    ];
    for (const [at, config] of cases.entries()) {
      const proxy = await createProxy(answering("never", { workers, ...config }));
      await assert.rejects(proxy.listen(), at < 2 ? { code: "EADDRINUSE", port: taken } : { code: "ENOENT" });
      assert.ok(await isRefused(free));
      assert.deepEqual(proxy.addresses(), []);
      await assert.rejects(proxy.listen(), /started before/);
      await assert.rejects(proxy.reload(answering("never")), /not running/);
      await proxy.ready();
      await proxy.close();
    }
    await release();
  });

  test(`closing is harmless at any time, ${title}`, async () => {
    const never = await createProxy(answering("never", { workers }));
    await never.close();
    await never.close();
    await assert.rejects(never.listen(), /started before/);

    const hasty = await createProxy(answering("hasty", { workers }));
    const listening = hasty.listen();
    await hasty.close();
    await listening.catch(() => {});
    assert.deepEqual(await hasty.inspect(), nothingOpen);

    const proxy = await createProxy(answering("here", { workers }));
    await proxy.listen();
    const port = proxy.addresses()[0]?.port ?? 0;
    const reloading = proxy.reload(answering("there")).then(
      () => "reloaded",
      () => "refused",
    );
    await proxy.close({ graceMs: 0 });
    assert.match(await reloading, /reloaded|refused/);
    assert.ok(await isRefused(port));
    await assert.rejects(proxy.reload(answering("again")), /not running/);
    await Promise.all([proxy.close(), proxy.close({ graceMs: 0 }), proxy.close({ graceMs: 10 })]);
  });

  test(`a proxy that is closed while it starts is open nowhere, ${title}`, async () => {
    const port = await freePort();
    const proxy = await createProxy(answering("hasty", { workers, listeners: [{ address: `127.0.0.1:${port}` }] }));
    const listening = proxy.listen().catch(() => {});
    await Promise.all([listening, proxy.close({ graceMs: 0 })]);
    assert.ok(await isRefused(port));
  });

  test(`a reload before the start is refused, and one that does not name the threads keeps them, ${title}`, async () => {
    const warnings: string[] = [];
    const logger = {
      debug: () => {},
      info: () => {},
      warn: (message: string) => void warnings.push(message),
      error: (message: string) => void warnings.push(message),
    };
    const proxy = await createProxy(answering("here", { workers }), { logger });
    await assert.rejects(proxy.reload(answering("there")), /not running/);
    await proxy.listen();
    await proxy.reload(answering("there"));
    assert.equal(await get(urlOf(proxy)), "there");
    assert.deepEqual(warnings, []);
    await proxy.reload(answering("there", { workers: 5 }));
    assert.deepEqual(warnings, ["a change of workers takes effect at the next start"]);
    await proxy.close();
  });
}

test("a configuration that is wrong is refused before anything is made", async () => {
  await assert.rejects(createProxy({ listeners: [], routes: [] }), ConfigError);
  for (const nonsense of [undefined, null, "text", 5, [], () => ({})])
    await assert.rejects(createProxy(nonsense as unknown as ConfigInput), ConfigError);
});

test("a reload with no configuration at all changes nothing", async () => {
  const proxy = await createProxy(answering("here"));
  await proxy.listen();
  for (const nonsense of [undefined, null, "text", []])
    await assert.rejects(proxy.reload(nonsense as unknown as ConfigInput), ConfigError);
  assert.equal(await get(urlOf(proxy)), "here");
  await proxy.close();
});

for (const workers of [0, 1]) {
  test(`a proxy with ${workers} threads runs in a worker thread`, async () => {
    const source = `
      import { parentPort } from "node:worker_threads";
      import { createProxy } from ${JSON.stringify(index)};
      const proxy = await createProxy({ workers: ${workers}, listeners: [{ address: "127.0.0.1:0" }], routes: [{ respond: { status: 200, body: "from a thread" } }] });
      await proxy.listen();
      parentPort.postMessage(proxy.addresses()[0].port);
      parentPort.once("message", async () => { await proxy.close(); parentPort.postMessage("closed"); });
    `;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
    // The last message and the end may come in one breath.
    const ended = once(worker, "exit");
    const [port] = (await once(worker, "message")) as [number];
    assert.equal(await get(`http://127.0.0.1:${port}/`), "from a thread");
    worker.postMessage("close");
    assert.deepEqual(await once(worker, "message"), ["closed"]);
    await ended;
  });
}
