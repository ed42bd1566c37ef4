/** Upstreams whose endpoints are in a real etcd: all of a proxy follow it over one stream. */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { test, type TestContext } from "node:test";
import { createProxy, register } from "../../src/index.ts";
import { createEtcdClient } from "../../src/remote/etcd/etcd-client.ts";
import { EtcdServer, etcdCommand } from "../support/etcd-server.ts";
import { eventually } from "../support/signal.ts";

const skip = etcdCommand === null ? "etcd is not installed" : false;

async function startService(t: TestContext, name: string): Promise<string> {
  const server: Server = createServer((_request, answer) => answer.end(name));
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

test("services come, go and are drained, and all upstreams share one stream", { skip }, async (t) => {
  const etcd = await EtcdServer.start();
  t.after(() => etcd.close());
  const client = createEtcdClient({ urls: [etcd.url], login: null, tls: null });
  t.after(() => client.close());
  const names = ["api", "shop", "blog"];
  const discoveryOf = (name: string) => ({
    discovery: { etcd: { urls: [etcd.url], prefix: `/services/${name}/` }, lastGood: false as const },
  });
  await client.put("/services/api/one", await startService(t, "one"));
  const proxy = await createProxy({
    workers: 0,
    listeners: [{ address: "127.0.0.1:0" }],
    routes: names.map((name) => ({ match: { path: `/${name}` }, upstream: name })),
    upstreams: Object.fromEntries(names.map((name) => [name, discoveryOf(name)])),
    log: { level: "error", access: false, stats: "0s" },
  });
  t.after(() => proxy.close());
  await proxy.listen();
  const ask = async (name: string): Promise<string> => {
    const answer = await fetch(`http://127.0.0.1:${proxy.addresses()[0]!.port}/${name}`);
    const text = await answer.text();
    return answer.status === 200 ? text : String(answer.status);
  };
  assert.equal(await ask("api"), "one");
  assert.equal(await ask("shop"), "503");
  const url = await startService(t, "two");
  const registration = register({ etcd: { urls: [etcd.url] }, upstream: "shop", url });
  await registration.registered;
  await eventually(async () => (await ask("shop")) === "two", "what is registered is served");
  await eventually(async () => (await countStreams(etcd.url)) === 1, "all upstreams share a stream");
  await registration.drain();
  await eventually(async () => (await ask("shop")) === "503", "what is drained gets nothing new");
  await registration.unregister({ grace: "0s" });
  await client.put("/services/api/one", '{"url":5}');
  assert.equal(await ask("api"), "one");
});

async function countStreams(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^etcd_debugging_mvcc_watch_stream_total (\d+)/m.exec(text)?.[1] ?? -1);
}
