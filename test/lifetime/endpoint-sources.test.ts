/**
 * An upstream is given other endpoints while it serves, without a reload: no request is lost, what is known of an
 * endpoint that stays is kept, one that goes is drained, and nothing else is touched.
 */
import assert from "node:assert/strict";
import type { ConfigInput } from "../../src/index.ts";
import { type Behaviour, type Endpoint, echo, silence } from "../support/endpoint.ts";
import { type Harness, testOverProtocols } from "../support/harness.ts";
import { ToldEndpoints } from "../support/listed-endpoints.ts";
import { modes, type ProxyUnderTest } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";

type UpstreamInput = NonNullable<ConfigInput["upstreams"]>[string];

interface Running {
  readonly proxy: ProxyUnderTest;
  readonly source: ToldEndpoints;
  readonly endpoints: readonly Endpoint[];
  /** Theirs. */
  readonly urls: readonly string[];
  /** Waits until the upstream has exactly these endpoints. */
  untilListed(urls: readonly string[]): Promise<void>;
}

const changesOf = ({ messages }: ProxyUnderTest): number =>
  messages.filter(({ message }) => message === "upstream has other endpoints").length;

async function ask(harness: Harness, path = "/x"): Promise<{ status: number; endpoint: string }> {
  const answer = await harness.ask({ path });
  return { status: answer.status, endpoint: answer.value("x-endpoint") ?? "" };
}

for (const [title, workers] of modes) {
  /** Three endpoints, `a`, `b` and `c`; the source gives the first two. */
  const start = async (
    harness: Harness,
    upstream: Partial<UpstreamInput>,
    behaviourOf: (name: string) => Behaviour = echo,
    shutdown: NonNullable<ConfigInput["shutdown"]> = {},
  ): Promise<Running> => {
    const endpoints = await Promise.all(["a", "b", "c"].map((name) => harness.endpoint(behaviourOf(name))));
    const urls = endpoints.map(({ url }) => url);
    const source = new ToldEndpoints(urls.slice(0, 2));
    const proxy = await harness.proxy({
      threads: workers,
      config: {
        listeners: [{ name: "main", address: "127.0.0.1:0" }],
        shutdown,
        routes: [
          { match: { path: "/still" }, upstream: "still" },
          { name: "all", upstream: "app" },
        ],
        upstreams: {
          app: { endpoints: [urls[0]!.replace(/\d+$/, "9")], ...upstream },
          still: { endpoints: [urls[2]!] },
        },
      },
      createSource: (name, { endpoints }) =>
        name === "app" ? source : new ToldEndpoints(endpoints.map(({ url }) => url)),
    });
    const untilListed = async (listed: readonly string[]): Promise<void> => {
      await eventually(
        async () => {
          const up = (await proxy.metrics()).endpoints("millrace_endpoint_up", "app");
          return JSON.stringify(up.toSorted()) === JSON.stringify([...listed].sort());
        },
        () => `the endpoints are ${listed.join(", ")}`,
      );
    };
    return { proxy, source, endpoints, urls, untilListed };
  };
  /** Ends everything; the source is closed with the proxy, which has not complained. */
  const finish = async (harness: Harness, { proxy, source }: Running): Promise<void> => {
    // That requests were refused is told, and meant.
    const isMeant = (complaint: string): boolean => complaint.startsWith("upstream cannot serve requests");
    assert.deepEqual(
      proxy.complaints.filter((complaint) => !isMeant(complaint)),
      [],
    );
    await harness.end();
    assert.equal(source.isClosed, true);
  };

  testOverProtocols(`endpoints come and go under load, and no request is lost, ${title}`, async (harness) => {
    const running = await start(harness, { balance: "least-connections" });
    const { source, urls, untilListed } = running;
    const load = harness.load({ clients: 6 });
    for (const picked of [[0], [1, 2], [2], [0, 1, 2], [2, 0], [1]]) {
      await load.untilMore(40);
      source.tell(picked.map((at) => ({ url: urls[at]!, weight: 1 + at })));
      await untilListed(picked.map((at) => urls[at]!));
      const before = { ...load.byEndpoint };
      await load.untilMore(60);
      const served = ["a", "b", "c"].filter((name) => (load.byEndpoint[name] ?? 0) > (before[name] ?? 0));
      for (const at of picked) assert.ok(served.includes("abc"[at]!), `${"abc"[at]!} is one of ${served.join()}`);
    }
    await load.stop();

    assert.deepEqual(load.failures, []);
    await finish(harness, running);
  });

  testOverProtocols(`endpoints come and go while the proxy is on its way out, ${title}`, async (harness) => {
    const running = await start(harness, {}, echo, { delay: "1h" });
    const { proxy, source, urls, untilListed } = running;
    const closing = proxy.proxy.close();
    source.tell([urls[2]!]);
    await untilListed([urls[2]!]);
    for (let at = 0; at < 4; at++) assert.equal((await ask(harness)).endpoint, "c");
    void proxy.proxy.close({ graceMs: 20 });
    await closing;
    await finish(harness, running);
  });

  testOverProtocols(
    `what is known of an endpoint that stays is kept, and its connections are, ${title}`,
    async (harness) => {
      const running = await start(harness, { pool: { maxIdle: 8 }, health: { interval: "60s" } });
      const { proxy, source, endpoints, urls, untilListed } = running;
      for (let at = 0; at < 8; at++) assert.equal((await ask(harness)).status, 200);
      assert.deepEqual((await ask(harness, "/still")).endpoint, "c");
      proxy.proxy.endpointControl.apply("app", urls[1]!, { kind: "drain" });
      const [first] = endpoints;
      const { connectionCount } = first!;
      const checks = async (url: string): Promise<number> =>
        (await proxy.metrics()).sum("millrace_health_checks_total", { upstream: "app", endpoint: url });
      const checked = await checks(urls[0]!);
      source.tell([urls[2]!, urls[1]!, urls[0]!]);
      await untilListed(urls);
      const metrics = await proxy.metrics();
      assert.equal(metrics.sum("millrace_endpoint_draining", { upstream: "app", endpoint: urls[1]! }), 1);
      assert.equal(await checks(urls[0]!), checked, "it is not checked anew");
      for (let at = 0; at < 8; at++) assert.notEqual((await ask(harness)).endpoint, "b");
      assert.ok(first!.connectionCount <= connectionCount + Math.max(1, workers), "connections are used again");
      await finish(harness, running);
    },
  );

  testOverProtocols(
    `an endpoint that is new is checked and starts slowly; one that is gone is not checked any more, ${title}`,
    async (harness) => {
      const running = await start(harness, {
        slowStart: "60s",
        health: { interval: "60s" },
      });
      const { proxy, source, urls, untilListed } = running;
      const [kept, gone, added] = urls as [string, string, string];
      source.tell([kept, added]);
      await untilListed([kept, added]);
      const checksOf = async (endpoint: string): Promise<number> =>
        (await proxy.metrics()).sum("millrace_health_checks_total", { upstream: "app", endpoint });
      await eventually(
        async () => (await checksOf(added)) > 0,
        () => "it is checked",
      );
      const metrics = await proxy.metrics();
      assert.equal(metrics.endpoints("millrace_health_checks_total", "app").includes(gone), false);
      const starting = (endpoint: string): number =>
        metrics.sum("millrace_endpoint_starting", { upstream: "app", endpoint });
      assert.deepEqual([starting(kept), starting(added)], [0, 1]);
      await finish(harness, running);
    },
  );

  testOverProtocols(
    `an endpoint that is gone finishes what it has begun, and its connections are closed, ${title}`,
    async (harness) => {
      const running = await start(harness, {}, (name) => (exchange) => {
        if (exchange.request.target !== "/slow") echo(name)(exchange);
      });
      const { source, endpoints, urls, untilListed } = running;
      source.tell([urls[0]!]);
      await untilListed([urls[0]!]);
      const client = await harness.speaker();
      const exchange = client.begin({ path: "/slow" });
      const asked = await endpoints[0]!.asked();
      source.tell([urls[1]!]);
      await untilListed([urls[1]!]);
      assert.equal((await ask(harness)).endpoint, "b");
      asked.answer({ body: "done" });
      const { status, text } = await exchange.answer();
      assert.deepEqual([status, text], [200, "done"]);
      await client.close();
      await endpoints[0]!.until(() => endpoints[0]!.openCount === 0, "its connections are closed");
      source.tell([urls[0]!]);
      await untilListed([urls[0]!]);
      assert.equal((await ask(harness)).endpoint, "a", "it comes back");
      await finish(harness, running);
    },
  );

  testOverProtocols(`no endpoint is 503, until there is one, ${title}`, async (harness) => {
    const running = await start(harness, {});
    const { source, urls, untilListed } = running;
    source.tell([]);
    await untilListed([]);
    assert.equal((await ask(harness)).status, 503);
    assert.equal((await ask(harness, "/still")).status, 200);
    source.tell([urls[2]!]);
    await untilListed([urls[2]!]);
    assert.deepEqual(await ask(harness), { status: 200, endpoint: "c" });
    await finish(harness, running);
  });

  testOverProtocols(
    `the same list changes nothing, and of a burst only the last list counts, ${title}`,
    async (harness) => {
      const running = await start(harness, {});
      const { proxy, source, urls, untilListed } = running;
      source.tell([urls[1]!, urls[0]!, urls[1]!]);
      for (let at = 0; at < 100; at++) source.tell([urls[at % 3]!]);
      source.tell([urls[2]!, urls[0]!]);
      await untilListed([urls[2]!, urls[0]!]);
      assert.ok(changesOf(proxy) <= 2, `${changesOf(proxy)} changes`);
      await finish(harness, running);
    },
  );

  testOverProtocols(`sticky clients stay where they are, and move when that is gone, ${title}`, async (harness) => {
    const running = await start(harness, { sticky: { cookie: {} } });
    const { source, urls, untilListed } = running;
    const visit = async (cookie: string): Promise<{ endpoint: string; cookie: string }> => {
      const answer = await harness.ask({ path: "/x", fields: cookie === "" ? {} : { cookie } });
      return {
        endpoint: answer.value("x-endpoint") ?? "",
        cookie: answer.values("set-cookie")[0]?.split(";")[0] ?? cookie,
      };
    };
    source.tell([urls[0]!]);
    await untilListed([urls[0]!]);
    const first = await visit("");
    assert.equal(first.endpoint, "a");
    source.tell(urls);
    await untilListed(urls);
    for (let at = 0; at < 6; at++) assert.deepEqual(await visit(first.cookie), first);
    source.tell([urls[1]!]);
    await untilListed([urls[1]!]);
    const moved = await visit(first.cookie);
    assert.equal(moved.endpoint, "b");
    assert.notEqual(moved.cookie, first.cookie);
    await finish(harness, running);
  });

  testOverProtocols(`limits count across a change of the list, ${title}`, async (harness) => {
    const running = await start(
      harness,
      { limits: { maxRequests: 2, maxRequestsPerEndpoint: 1, maxPending: 0 } },
      () => silence,
    );
    const { source, endpoints, urls, untilListed } = running;
    const clients = await harness.speakers(2);
    const exchanges = clients.map((client) => client.begin());
    const both = await Promise.all(endpoints.slice(0, 2).map((endpoint) => endpoint.asked()));
    source.tell([urls[1]!, urls[2]!]);
    await untilListed([urls[1]!, urls[2]!]);
    assert.equal((await ask(harness)).status, 503, "both places are taken");
    for (const asked of both) asked.answer();
    for (const exchange of exchanges) assert.equal((await exchange.answer()).status, 200);
    for (const endpoint of endpoints) endpoint.behaviour = {};
    await eventually(async () => (await ask(harness)).status === 200, "there is room again");
    for (const client of clients) await client.close();
    await finish(harness, running);
  });

  testOverProtocols(
    `a reload keeps the list of a source that it does not change, and starts another for one that it does, ${title}`,
    async (harness) => {
      const endpoints = await Promise.all(["a", "b"].map((name) => harness.endpoint(echo(name))));
      const urls = endpoints.map(({ url }) => url);
      const sources: ToldEndpoints[] = [];
      const config = (endpoint: string, headFields: number): ConfigInput => ({
        workers,
        listeners: [{ name: "main", address: "127.0.0.1:0", limits: { headFields } }],
        routes: [{ upstream: "app" }],
        upstreams: { app: { endpoints: [endpoint] } },
      });
      const proxy = await harness.proxy({
        config: config(urls[0]!, 100),
        createSource: (_name, { endpoints }) => {
          const source = new ToldEndpoints(endpoints.map(({ url }) => url));
          sources.push(source);
          return source;
        },
      });
      sources[0]!.tell([urls[1]!]);
      await eventually(
        async () => (await ask(harness)).endpoint === "b",
        () => "b serves",
      );
      await proxy.reload({ config: config(urls[0]!, 101) });
      assert.deepEqual([(await ask(harness)).endpoint, sources.length], ["b", 1]);
      const diff = await proxy.reload({ config: config(urls[0]!, 101) });
      assert.equal(diff.isEmpty, true, "the list of the source is no change of the configuration");
      await proxy.reload({ config: config(endpoints[1]!.url.replace("127.0.0.1", "localhost"), 101) });
      assert.deepEqual([sources.length, sources[0]!.isClosed, sources[1]!.isClosed], [2, true, false]);
      sources[0]!.tell([urls[0]!]);
      sources[1]!.tell([urls[0]!]);
      await eventually(
        async () => (await ask(harness)).endpoint === "a",
        () => "a serves",
      );
      assert.deepEqual(proxy.complaints, []);
    },
  );
}

testOverProtocols("a thread that comes later has the list of the others", async (harness) => {
  const endpoints = await Promise.all(["a", "b"].map((name) => harness.endpoint(echo(name))));
  const [first, second] = endpoints.map(({ url }) => url) as [string, string];
  const source = new ToldEndpoints([first]);
  const proxy = await harness.proxy({
    config: {
      workers: 1,
      listeners: [{ name: "main", address: "127.0.0.1:0" }],
      routes: [{ upstream: "app" }],
      upstreams: { app: { endpoints: [first] } },
    },
    createSource: () => source,
  });
  source.tell([second]);
  await eventually(
    async () => (await ask(harness)).endpoint === "b",
    () => "b serves",
  );
  const restarted = async (): Promise<boolean> => (await proxy.metrics()).sum("millrace_proxy_threads") === 1;
  await proxy.killThread(0);
  await eventually(restarted, () => "there is a thread again");
  assert.equal((await ask(harness)).endpoint, "b");
});
