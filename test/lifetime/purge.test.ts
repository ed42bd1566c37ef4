/** Purges from outside: what is purged is asked for anew, by every thread, whatever is under way. */
import assert from "node:assert/strict";
import type { PurgeRequest } from "../../src/index.ts";
import { type Harness, testOverProtocols, testWithHarness } from "../support/harness.ts";
import { modes } from "../support/proxy-under-test.ts";
import type { Ask } from "../support/speaker.ts";

const fresh = { "cache-control": "max-age=1000" };

/** A cache before an endpoint whose answers carry their number and the tags that the request asks for in `x-tags`. */
async function start(harness: Harness, threads = 0, cache: Record<string, unknown> = {}) {
  let count = 0;
  const endpoint = await harness.endpoint((exchange) => {
    const { fields, target } = exchange.request;
    const asked = (name: string): string => fields.find(([field]) => field === name)?.[1] ?? "";
    exchange.answer({
      fields: { ...fresh, "cache-tag": asked("x-tags"), ...(target.includes("vary") && { vary: "x-side" }) },
      body: `${++count}`,
    });
  });
  const proxy = await harness.proxy({
    threads,
    endpoints: [endpoint.url],
    routes: [{ name: "cached", middlewares: [{ cache }], upstream: "app" }],
  });
  // Enough connections that every thread has some.
  const clients = await Promise.all(Array.from({ length: threads === 0 ? 1 : 12 }, () => harness.speaker()));
  /** What each client gets. */
  const ask = async (path: string, options: Ask = {}): Promise<Set<string>> => {
    const answers = await Promise.all(clients.map((client) => client.ask({ path, ...options })));
    return new Set(answers.map(({ text }) => text));
  };
  const askOnce = async (path: string, options: Ask = {}): Promise<string> =>
    (await clients[0]!.ask({ path, ...options })).text;
  /** Asks until the answer is stored, which it may be a moment after it has arrived. @returns it */
  const untilStored = async (path: string, options: Ask = {}): Promise<string> => {
    for (;;) {
      const answer = await clients[0]!.ask({ path, ...options });
      if (answer.value("cache-status")?.includes("hit") === true) return answer.text;
    }
  };
  const purge = (request: PurgeRequest) => proxy.proxy.cache.purge(request);
  const site = `${harness.protocols.client.scheme}://a`;
  return { endpoint, proxy, ask, askOnce, untilStored, purge, site, clients };
}

for (const [title, threads] of modes) {
  testOverProtocols(`a URL is purged with all its variants, and nothing else, ${title}`, async (harness) => {
    const { ask, askOnce, untilStored, purge, site } = await start(harness, threads);
    assert.equal(await untilStored("/a?b"), "1");
    assert.equal(await untilStored("/a?c"), "2");
    assert.equal(await untilStored("/vary", { fields: { "x-side": "l" } }), "3");
    assert.equal(await untilStored("/vary", { fields: { "x-side": "r" } }), "4");
    assert.deepEqual(await purge({ url: `${site}/a?b` }), { purged: 1, failures: [] });
    assert.deepEqual(await purge({ url: `${site}/vary` }), { purged: 2, failures: [] });
    const later = await untilStored("/a?b");
    assert.ok(Number(later) >= 5, later);
    assert.deepEqual(await ask("/a?b"), new Set([later]));
    assert.deepEqual(await ask("/a?c"), new Set(["2"]));
    assert.ok(Number(await askOnce("/vary", { fields: { "x-side": "l" } })) > 5);
    assert.ok(Number(await askOnce("/vary", { fields: { "x-side": "r" } })) > 5);
    assert.deepEqual(await purge({ url: `${site}/never-asked` }), { purged: 0, failures: [] });
  });
}

testOverProtocols("a prefix is text, and a tag is a whole word", async (harness) => {
  const { untilStored, purge, site } = await start(harness);
  const paths = ["/a/1", "/a/2", "/ab", "/b"];
  const tags = ["x, y", "x", "x.y", "\xc3\xa4 y"];
  const askAll = (): Promise<string[]> =>
    Promise.all(paths.map((path, at) => untilStored(path, { fields: { "x-tags": tags[at]! } })));
  assert.deepEqual(await askAll(), ["1", "2", "3", "4"]);
  assert.equal((await purge({ prefix: `${site}/a/` })).purged, 2);
  assert.deepEqual(await askAll(), ["5", "6", "3", "4"]);
  assert.equal((await purge({ prefix: `${site}/.*` })).purged, 0);
  assert.equal((await purge({ tag: "x" })).purged, 2);
  assert.deepEqual(await askAll(), ["7", "8", "3", "4"]);
  assert.equal((await purge({ tag: "." })).purged, 0);
  assert.equal((await purge({ tags: ["ä", "x.y"] })).purged, 2);
  assert.deepEqual(await askAll(), ["7", "8", "9", "10"]);
  assert.equal((await purge({ all: true })).purged, 4);
  assert.deepEqual(await askAll(), ["11", "12", "13", "14"]);
});

testOverProtocols("what is fetched while it is purged is not stored", async (harness) => {
  const { endpoint, clients, purge, site } = await start(harness);
  const answered = endpoint.behaviour;
  endpoint.behaviour = () => {};
  const slow = clients[0]!.begin({ path: "/a" });
  const exchange = await endpoint.asked();
  const { purged } = await purge({ url: `${site}/a` });
  assert.equal(purged, 0);
  exchange.answer({ fields: fresh, body: "before the purge" });
  // Who asked before the purge may have what was asked for before it.
  assert.equal((await slow.answer()).text, "before the purge");
  endpoint.behaviour = answered;
  assert.equal((await clients[0]!.ask({ path: "/a" })).text, "1");
  assert.equal((await clients[0]!.ask({ path: "/a" })).text, "1");
});

testOverProtocols("who asks after a purge does not get what was asked for before it", async (harness) => {
  const { endpoint, clients, purge, site } = await start(harness);
  const other = await harness.speaker();
  const answered = endpoint.behaviour;
  endpoint.behaviour = () => {};
  const before = clients[0]!.begin({ path: "/a" });
  const exchange = await endpoint.asked();
  await purge({ url: `${site}/a` });
  endpoint.behaviour = answered;
  const after = other.begin({ path: "/a" });
  exchange.answer({ fields: fresh, body: "before the purge" });
  assert.equal((await before.answer()).text, "before the purge");
  assert.equal((await after.answer()).text, "1");
  assert.equal((await other.ask({ path: "/a" })).text, "1");
});

testOverProtocols("a soft purge lets stale answers serve by their own rules", async (harness) => {
  const { endpoint, clients, purge } = await start(harness);
  const ask = (path: string) => clients[0]!.ask({ path });
  const stale = { "cache-control": "max-age=1000, stale-if-error=1000" };
  endpoint.behaviour = { fields: stale, body: "old" };
  await ask("/a");
  endpoint.behaviour = { fields: fresh, body: "old" };
  await ask("/b");
  assert.equal((await purge({ all: true, soft: true })).purged, 2);
  endpoint.behaviour = { status: 500, body: "broken" };
  assert.equal((await ask("/a")).text, "old");
  assert.equal((await ask("/b")).text, "broken");
  endpoint.behaviour = { fields: fresh, body: "new" };
  assert.equal((await ask("/b")).text, "new");
});

testOverProtocols("after a soft purge, what the endpoint confirms is fresh again", async (harness) => {
  const { endpoint, clients, purge, site } = await start(harness);
  const ask = () => clients[0]!.ask({ path: "/a" });
  const fields = { ...fresh, etag: '"1"' };
  endpoint.behaviour = (exchange) =>
    exchange.answer(
      exchange.request.fields.some(([name]) => name === "if-none-match")
        ? { status: 304, fields }
        : { fields, body: "whole" },
    );
  await ask();
  await purge({ url: `${site}/a`, soft: true });
  assert.equal((await ask()).text, "whole");
  assert.equal((await ask()).text, "whole");
  assert.deepEqual(
    endpoint.requests.map(({ fields: sent }) => sent.some(([name]) => name === "if-none-match")),
    [false, true],
  );
});

testOverProtocols("a URL is purged whatever its parameters are that the key leaves out", async (harness) => {
  const { untilStored, purge, site } = await start(harness, 0, { key: { ignoreQuery: ["utm_*"] } });
  for (const asked of ["/a", "/a?utm_source=x", "/a?utm_source=y&utm_medium=z"]) {
    const before = await untilStored("/a?utm_source=first");
    assert.equal((await purge({ url: `${site}${asked}` })).purged, 1, asked);
    assert.notEqual(await untilStored("/a"), before);
  }
  await untilStored("/a?b");
  assert.equal((await purge({ url: `${site}/a?utm_source=x` })).purged, 1);
  assert.equal((await purge({ url: `${site}/a?b&utm_source=x` })).purged, 1);
});

testOverProtocols("what is fetched while an unsafe request for it succeeds is not stored", async (harness) => {
  const { endpoint, clients, untilStored } = await start(harness);
  const other = await harness.speaker();
  const answered = endpoint.behaviour;
  endpoint.behaviour = () => {};
  const slow = clients[0]!.begin({ path: "/a" });
  const exchange = await endpoint.asked();
  endpoint.behaviour = { status: 204 };
  await other.ask({ path: "/a", method: "POST", body: "x" });
  exchange.answer({ fields: fresh, body: "before the change" });
  assert.equal((await slow.answer()).text, "before the change");
  endpoint.behaviour = answered;
  assert.equal(await untilStored("/a"), "1");
});

testWithHarness("10,000 answers with 16 tags each are purged by one of them", async (harness) => {
  const { clients, purge } = await start(harness);
  let client = clients[0]!;
  const tags = (at: number): string =>
    ["all", at % 10, ...Array.from({ length: 14 }, (_, tag) => `${at}-${tag}`)].join();
  const count = 10_000;
  for (let at = 0; at < count; at++) {
    // A client of the tests remembers all that it was sent, and looks through it for each answer.
    if (at % 250 === 0) client = await harness.speaker();
    await client.ask({ path: `/${at}`, fields: { "x-tags": tags(at) } });
  }
  assert.equal((await purge({ tag: "7" })).purged, 1_000);
  assert.equal((await purge({ tag: "77-3" })).purged, 0);
  assert.equal((await purge({ tag: "78-3" })).purged, 1);
  assert.equal((await purge({ tag: "all" })).purged, 8_999);
  assert.equal((await purge({ tag: "all" })).purged, 0);
});

testWithHarness("the method PURGE is nothing that clients can use", async (harness) => {
  const { clients, endpoint } = await start(harness);
  const client = clients[0]!;
  assert.equal((await client.ask({ path: "/a" })).text, "1");
  endpoint.behaviour = { status: 405, body: "no" };
  assert.equal((await client.ask({ path: "/a", method: "PURGE" })).status, 405);
  assert.equal((await client.ask({ path: "/a" })).text, "1");
});

for (const [title, threads] of modes)
  testWithHarness(`purges hold over reloads, ${title}`, async (harness) => {
    const { endpoint, proxy, ask, untilStored, purge, site } = await start(harness, threads);
    await untilStored("/a");
    await untilStored("/b");
    await purge({ url: `${site}/a` });
    await proxy.reload({
      endpoints: [endpoint.url],
      routes: [
        { name: "cached", middlewares: [{ cache: {} }], upstream: "app" },
        { match: { path: "/more" }, respond: { body: "more" } },
      ],
    });
    const later = await untilStored("/a");
    assert.ok(Number(later) > 2, later);
    assert.deepEqual(await ask("/a"), new Set([later]));
    assert.deepEqual(await ask("/b"), new Set(["2"]));
    await purge({ prefix: `${site}/` });
    const last = await untilStored("/b");
    assert.ok(Number(last) > 2, last);
    assert.deepEqual(await ask("/b"), new Set([last]));
  });
