/**
 * Endpoints that are discovered, through a whole proxy: they come and go without a lost request, what is known of those
 * that stay is kept, the last good list serves while the source is away, and everybody can see it.
 */
import assert from "node:assert/strict";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ProxyStatus } from "../../src/admin/admin-sources.ts";
import type { ConfigInput } from "../../src/index.ts";
import { type Endpoint, echo } from "../support/endpoint.ts";
import { type Harness, testWithHarness } from "../support/harness.ts";
import { modes, type ProxyUnderTest } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";

type Discovery = NonNullable<NonNullable<ConfigInput["upstreams"]>[string]["discovery"]>;
type Record = string | { readonly url: string; readonly weight?: number; readonly identity?: string };

/** A file that lists endpoints. */
class ListFile {
  readonly path: string;

  constructor(folder: string) {
    this.path = join(folder, "endpoints.json");
  }

  write(records: readonly Record[]): void {
    writeFileSync(`${this.path}.new`, JSON.stringify(records));
    renameSync(`${this.path}.new`, this.path);
  }

  remove(): void {
    rmSync(this.path);
  }
}

interface Setup {
  readonly proxy: ProxyUnderTest;
  readonly file: ListFile;
  readonly endpoints: readonly Endpoint[];
  readonly urls: readonly string[];
  readonly config: (discovery?: Partial<Discovery>) => ConfigInput;
}

async function start(harness: Harness, threads: number, discovery: Partial<Discovery> = {}): Promise<Setup> {
  const file = new ListFile(await harness.folder());
  const endpoints = await Promise.all(["a", "b", "c"].map((name) => harness.endpoint(echo(name))));
  const urls = endpoints.map(({ url }) => url);
  file.write(urls.slice(0, 2));
  const config = (more: Partial<Discovery> = {}): ConfigInput => ({
    listeners: [{ name: "main", address: "127.0.0.1:0" }],
    routes: [{ upstream: "app" }],
    upstreams: { app: { discovery: { file: file.path, ...discovery, ...more } } },
  });
  const proxy = await harness.proxy({ threads, config: config() });
  return { proxy, file, endpoints, urls, config };
}

async function untilListed(proxy: ProxyUnderTest, urls: readonly string[]): Promise<void> {
  await eventually(
    async () => {
      const up = (await proxy.metrics()).endpoints("millrace_endpoint_up", "app");
      return JSON.stringify(up.toSorted()) === JSON.stringify([...urls].sort());
    },
    () => `the endpoints are ${urls.join(", ")}`,
  );
}

async function statusOf(proxy: ProxyUnderTest): Promise<ProxyStatus["upstreams"][number]> {
  const status = (await (await fetch(`${proxy.admin}/api/v1/status`)).json()) as ProxyStatus;
  return status.upstreams.find(({ name }) => name === "app")!;
}

const nameAt = async (harness: Harness, proxy?: ProxyUnderTest): Promise<string> =>
  (await harness.ask({ path: "/x" }, proxy)).value("x-endpoint") ?? "";

for (const [title, threads] of modes) {
  testWithHarness(`endpoints come and go under load, and no request is lost, ${title}`, async (harness) => {
    const { proxy, file, urls } = await start(harness, threads);
    const load = harness.load({ clients: 6 });
    const [a, b, c] = urls as [string, string, string];
    const lists: readonly Record[][] = [[a], [b, c], [{ url: b, weight: 0 }, c], [c, a], [a, b, c]];
    for (const [at, records] of lists.entries()) {
      await load.untilMore(40);
      file.write(records);
      await eventually(
        () => Promise.resolve(changesOf(proxy) === at + 1),
        () => `change ${at} is taken`,
      );
      await load.untilMore(60);
    }
    await load.stop();
    assert.deepEqual(load.failures, []);
    const lines = proxy.messages.filter(({ message }) => message === "upstream has other endpoints");
    assert.deepEqual([lines[0]?.fields["came"], lines[0]?.fields["went"]], [undefined, b]);
    assert.deepEqual([lines[1]?.fields["came"], lines[1]?.fields["went"]], [`${b}, ${c}`, a]);
    assert.equal(lines[2]?.fields["changed"], `${b} (weight 1 to 0)`);
    assert.match(String(lines[0]?.fields["cause"]), /^file .*endpoints\.json/);
    assert.deepEqual(proxy.complaints, []);
  });

  testWithHarness(`another endpoint at the same address is another, ${title}`, async (harness) => {
    const { proxy, file, endpoints, urls } = await start(harness, threads);
    const [a, b] = urls as [string, string];
    file.write([{ url: a, identity: "pod-1" }, b]);
    await eventually(
      async () => (await statusOf(proxy)).endpoints.length === 2 && changesOf(proxy) === 1,
      () => "it has an identity",
    );
    for (let at = 0; at < 8; at++) await harness.ask({ path: "/x" });
    proxy.proxy.endpointControl.apply("app", a, { kind: "drain" });
    proxy.proxy.endpointControl.apply("app", b, { kind: "weight", weight: 7 });
    assert.ok(endpoints[0]!.openCount > 0, "connections are kept");
    file.write([{ url: a, identity: "pod-2" }, b]);
    await endpoints[0]!.until(() => endpoints[0]!.openCount === 0, "connections to the one before are closed");
    await eventually(
      async () => (await statusOf(proxy)).endpoints[0]?.isDraining === false,
      () => "nothing is known of it",
    );
    assert.equal((await statusOf(proxy)).endpoints[1]?.weight, 7, "of the other everything");
    const names = new Set<string>();
    await eventually(
      async () => names.add(await nameAt(harness)).has("a"),
      () => "it serves",
    );
    assert.deepEqual(proxy.complaints, []);
  });

  testWithHarness(
    `while the source is away the last list is used, and everybody can see it, ${title}`,
    async (harness) => {
      const { proxy, file, urls, config } = await start(harness, threads);
      const before = await statusOf(proxy);
      assert.deepEqual(
        [before.discovery?.kind, before.discovery?.state, before.discovery?.endpoints],
        ["file", "live", 2],
      );
      file.remove();
      await eventually(
        async () => (await statusOf(proxy)).discovery?.state === "stale",
        () => "it is stale",
      );
      const metrics = await proxy.metrics();
      const labels = { upstream: "app", kind: "file" };
      assert.equal(metrics.sum("millrace_discovery_up", labels), 0);
      assert.equal(metrics.sum("millrace_discovery_endpoints", labels), 2);
      assert.ok(metrics.sum("millrace_discovery_updates_total", { ...labels, result: "failed" }) > 0);
      assert.match((await statusOf(proxy)).discovery?.lastError?.reason ?? "", /no such file/);
      assert.equal((await harness.ask({ path: "/x" })).status, 200);
      assert.equal((await (await fetch(`${proxy.admin}/`)).text()).includes("stale"), true);

      await proxy.reload({ config: config({ hold: "1s", startTimeout: "0s" }) });
      assert.equal(
        (await harness.ask({ path: "/x" })).status,
        200,
        "another option, the same source: the list goes on",
      );
      file.write([urls[2]!]);
      await untilListed(proxy, [urls[2]!]);
      assert.equal(await nameAt(harness), "c");
      assert.equal((await statusOf(proxy)).discovery?.state, "live");
    },
  );

  testWithHarness(`the last good list survives a restart, ${title}`, async (harness) => {
    const lastGood = join(await harness.folder(), "kept");
    const { proxy, file, urls, config } = await start(harness, threads, { lastGood, startTimeout: "0s" });
    await untilListed(proxy, urls.slice(0, 2));
    await proxy.stop();
    file.remove();
    const second = await harness.proxy({ threads, config: config() });
    await untilListed(second, urls.slice(0, 2));
    assert.equal((await harness.ask({ path: "/x" }, second)).status, 200);
    assert.equal((await statusOf(second)).discovery?.state, "restored");
    file.write([urls[2]!]);
    await untilListed(second, [urls[2]!]);
    assert.equal(await nameAt(harness, second), "c", "what the source says outranks it");
  });

  testWithHarness(`a source that is not there yet is 503, and is waited for, ${title}`, async (harness) => {
    const file = new ListFile(await harness.folder());
    const endpoint = await harness.endpoint(echo("a"));
    const proxy = await harness.proxy({
      threads,
      config: {
        listeners: [{ name: "main", address: "127.0.0.1:0" }],
        routes: [{ upstream: "app" }],
        upstreams: { app: { discovery: { file: file.path, startTimeout: "10ms" } } },
      },
    });
    assert.equal((await harness.ask({ path: "/x" })).status, 503);
    const readiness = await fetch(`${proxy.admin}/readyz`);
    assert.equal(readiness.status, 503);
    assert.match(await readiness.text(), /app has no list of endpoints yet/);
    file.write([endpoint.url]);
    await eventually(
      async () => (await harness.ask({ path: "/x" })).status === 200,
      () => "it is found",
    );
    assert.equal((await fetch(`${proxy.admin}/readyz`)).status, 200);
  });

  testWithHarness(`a reload waits for the list of an upstream that it adds, ${title}`, async (harness) => {
    const { proxy, urls, config } = await start(harness, threads);
    const other = new ListFile(await harness.folder());
    const load = harness.load({ clients: 4 });
    await load.untilMore(20);
    const next = config();
    const reloading = proxy.reload({
      config: {
        ...next,
        routes: [{ match: { path: "/x" }, upstream: "new" }, { upstream: "app" }],
        upstreams: { ...next.upstreams, new: { discovery: { file: other.path, startTimeout: "20s" } } },
      },
    });
    await load.untilMore(20);
    assert.notEqual(await nameAt(harness), "c", "the route is not there yet");
    other.write([urls[2]!]);
    await reloading;
    assert.equal(await nameAt(harness), "c", "it has its endpoints from its first request on");
    await load.stop();
    assert.deepEqual(load.failures, []);
  });
}

testWithHarness("an endpoint that does not fit the routes is refused and said", async (harness) => {
  const { proxy, file, urls } = await start(harness, 0);
  file.write([urls[0]!, "tcp://127.0.0.1:9"]);
  await untilListed(proxy, [urls[0]!]);
  const { discovery } = await statusOf(proxy);
  assert.equal(discovery?.refusedCount, 1);
  assert.match(discovery?.refused[0] ?? "", /tcp:\/\/127\.0\.0\.1:9 speaks no HTTP/);
});

const changesOf = ({ messages }: ProxyUnderTest): number =>
  messages.filter(({ message }) => message === "upstream has other endpoints").length;
