/** `cache` with its answers in a folder: over restarts, threads, purges, and with a folder that fails. */
import assert from "node:assert/strict";
import { readdir, rm } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { Harness } from "../support/harness.ts";
import type { Behaviour, Endpoint } from "../support/endpoint.ts";
import { modes, type ProxyUnderTest } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";

/** Answers with its count and `length` bytes. */
function counting(length = 10): Behaviour {
  let count = 0;
  return (exchange) =>
    exchange.answer({
      fields: { "cache-control": "max-age=1000", "cache-tag": "t" },
      body: `${++count} `.padEnd(length, "abcdefghij"),
    });
}

/** A cache in `folder`, opened. */
async function start(
  harness: Harness,
  { endpoint, path, threads = 0 }: { endpoint: Endpoint; path: string; threads?: number },
): Promise<ProxyUnderTest> {
  const proxy = await harness.proxy({
    endpoints: [endpoint.url],
    threads,
    routes: [{ name: "cached", middlewares: [{ cache: { store: "folder" } }], upstream: "app" }],
    config: { stores: { folder: { disk: { path, maxBytes: "64MiB" } } } },
  });
  await untilOpen(proxy);
  return proxy;
}

/** Waits until the folder is open: what is asked before is not kept. */
async function untilOpen(proxy: ProxyUnderTest): Promise<void> {
  await eventually(async () => (await ask(proxy, "/probe")).isHit, "the folder is open");
}

/** Asks for a path of a host that is the same for every proxy, whatever its port. */
function ask(proxy: ProxyUnderTest, path: string): Promise<{ text: string; isHit: boolean }> {
  return new Promise((resolve, reject) => {
    const options = { port: proxy.port, path, headers: { host: "cached.test" }, agent: false };
    const asking = request(options, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => void chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () => {
        assert.equal(answer.statusCode, 200);
        resolve({
          text: Buffer.concat(chunks).toString("latin1"),
          isHit: /; hit/.test(String(answer.headers["cache-status"])),
        });
      });
    });
    asking.on("error", reject);
    asking.end();
  });
}

for (const [title, threads] of modes) {
  test(`what is in a folder outlives a restart (${title})`, async (context) => {
    const harness = new Harness(context);
    const path = join(await harness.folder(), "answers");
    const endpoint = await harness.endpoint(counting(200_000));
    const first = await start(harness, { endpoint, path, threads });
    const { text: before } = await ask(first, "/a");
    await eventually(async () => (await ask(first, "/a")).isHit, "it is stored");
    await first.stop();
    const second = await start(harness, { endpoint, path, threads });
    assert.deepEqual(await ask(second, "/a"), { text: before, isHit: true });
  });

  test(`a purge outlives a restart, and is seen by all threads (${title})`, async (context) => {
    const harness = new Harness(context);
    const path = join(await harness.folder(), "answers");
    const endpoint = await harness.endpoint(counting());
    const first = await start(harness, { endpoint, path, threads });
    const { text: before } = await ask(first, "/a");
    await eventually(async () => (await ask(first, "/a")).isHit, "it is stored");
    const { failures } = await first.proxy.cache.purge({ tag: "t" });
    assert.deepEqual(failures, []);
    for (let times = 0; times < 10; times++) assert.notEqual((await ask(first, "/a")).text, before);
    await first.stop();
    const second = await start(harness, { endpoint, path, threads });
    for (let times = 0; times < 10; times++) assert.notEqual((await ask(second, "/a")).text, before);
  });

  test(`many who ask for a large answer at once get it from one request (${title})`, async (context) => {
    const harness = new Harness(context);
    const path = join(await harness.folder(), "answers");
    const endpoint = await harness.endpoint(counting(3_000_000));
    const proxy = await start(harness, { endpoint, path, threads });
    const asked = endpoint.requests.length;
    const bodies = await Promise.all(Array.from({ length: 12 }, async () => (await ask(proxy, "/large")).text));
    assert.equal(new Set(bodies).size, 1);
    assert.equal(bodies[0]!.length, 3_000_000);
    assert.equal(endpoint.requests.length, asked + 1);
  });
}

test("a folder that is taken away costs no answer, and is made again", async (context) => {
  const harness = new Harness(context);
  const path = join(await harness.folder(), "answers");
  const endpoint = await harness.endpoint(counting());
  const proxy = await start(harness, { endpoint, path });
  await rm(path, { recursive: true, force: true });
  for (let times = 0; times < 5; times++) {
    await ask(proxy, `/${times}`);
  }
  assert.ok(proxy.messages.some(({ message }) => /cache's store/.test(message)));
});

test("a folder that another proxy has is left alone until that one ends", async (context) => {
  const harness = new Harness(context);
  const path = join(await harness.folder(), "answers");
  const endpoint = await harness.endpoint(counting());
  const first = await start(harness, { endpoint, path });
  const second = await harness.proxy({
    endpoints: [endpoint.url],
    routes: [{ name: "cached", middlewares: [{ cache: { store: "folder" } }], upstream: "app" }],
    config: { stores: { folder: { disk: { path, maxBytes: "64MiB" } } } },
  });
  for (let times = 0; times < 3; times++) {
    assert.equal((await ask(second, "/x")).isHit, false);
  }
  await first.stop();
  await untilOpen(second);
});

test("threads that are killed while they write leave nothing half done", async (context) => {
  const harness = new Harness(context);
  const path = join(await harness.folder(), "answers");
  const body = (target: string): string => `${target} `.padEnd(1_500_000, "0123456789");
  const endpoint = await harness.endpoint((exchange) =>
    exchange.answer({ fields: { "cache-control": "max-age=1000" }, body: body(exchange.request.target) }),
  );
  const proxy = await start(harness, { endpoint, path, threads: 2 });
  let whole = 0;
  for (let round = 0; round < 6; round++) {
    const asking = Array.from({ length: 8 }, (_, at) => ask(proxy, `/${(round + at) % 9}`).catch(() => null));
    await proxy.killThread(round % 2);
    for (const [at, answer] of (await Promise.all(asking)).entries())
      if (answer !== null) {
        assert.ok(answer.text === body(`/${(round + at) % 9}`), "an answer is not what it should be");
        whole++;
      }
    // Another one takes its place.
    await eventually(
      () =>
        ask(proxy, "/").then(
          () => true,
          () => false,
        ),
      "a thread serves",
    );
  }
  for (let at = 0; at < 9; at++) {
    const answer = await ask(proxy, `/${at}`);
    assert.ok(answer.text === body(`/${at}`), "an answer is not what it should be");
  }
  assert.ok(whole > 0);
  await eventually(async () => (await readdir(join(path, "drafts"))).length === 0, "no draft is left");
});
