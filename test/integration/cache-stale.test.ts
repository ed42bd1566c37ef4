/** Stale answers of a cache: validated, replaced, used while the origin fails, and refreshed behind those who get them. */
import assert from "node:assert/strict";
import { breakOff, type Behaviour, type Endpoint } from "../support/endpoint.ts";
import { type Harness, testOverProtocols } from "../support/harness.ts";
import type { ReceivedAnswer } from "../support/message.ts";
import { eventually } from "../support/signal.ts";
import type { Ask } from "../support/speaker.ts";

/** An endpoint behind a cache, and a client. */
async function start(
  harness: Harness,
  behaviour: Behaviour,
  cache: Record<string, unknown> = {},
): Promise<{ endpoint: Endpoint; ask: (request?: Ask) => Promise<ReceivedAnswer> }> {
  const endpoint = await harness.endpoint(behaviour);
  await harness.proxy({
    endpoints: [endpoint.url],
    upstream: { retry: { attempts: 0 } },
    routes: [{ name: "cached", middlewares: [{ cache }], upstream: "app" }],
  });
  const client = await harness.speaker();
  return { endpoint, ask: (request) => client.ask(request) };
}

const statusOf = (answer: ReceivedAnswer): string => answer.value("cache-status") ?? "";

testOverProtocols(
  "a 304 refreshes what is stored, and no client sees it that has not asked for it",
  async (harness) => {
    const lastModified = "Sun, 06 Nov 1994 08:49:37 GMT";
    const { endpoint, ask } = await start(harness, {
      fields: { "cache-control": "max-age=0", etag: '"1"', "last-modified": lastModified, "x-count": "1" },
      body: "body",
    });
    await ask();
    endpoint.behaviour = {
      status: 304,
      fields: { "cache-control": "max-age=100", etag: '"1"', "x-count": "2" },
      body: "",
    };
    const second = await ask();
    assert.deepEqual([second.status, second.text, second.value("x-count")], [200, "body", "2"]);
    assert.match(statusOf(second), /^millrace; fwd=stale; fwd-status=304; ttl=(?:99|100); stored$/);
    const asked = endpoint.requests[1]!;
    assert.deepEqual([asked.value("if-none-match"), asked.value("if-modified-since")], ['"1"', lastModified]);
    const third = await ask();
    assert.match(statusOf(third), /hit/);
    assert.equal(third.value("x-count"), "2");
    const conditional = await ask({ fields: { "if-none-match": '"1"' } });
    assert.equal(conditional.status, 304);
    assert.equal(endpoint.requests.length, 2);
  },
);

testOverProtocols("an answer has the tags that a 304 gives it", async (harness) => {
  const endpoint = await harness.endpoint({
    fields: { "cache-control": "max-age=0", etag: '"1"', "cache-tag": "old" },
    body: "body",
  });
  const proxy = await harness.proxy({
    endpoints: [endpoint.url],
    routes: [{ name: "cached", middlewares: [{ cache: {} }], upstream: "app" }],
  });
  const client = await harness.speaker();
  await client.ask();
  endpoint.behaviour = { status: 304, fields: { "cache-control": "max-age=100", "cache-tag": "new" }, body: "" };
  await client.ask();
  await proxy.proxy.cache.purge({ tag: "old" });
  assert.match(statusOf(await client.ask()), /hit/);
  endpoint.behaviour = { body: "other" };
  await proxy.proxy.cache.purge({ tag: "new" });
  assert.equal((await client.ask()).text, "other");
});

testOverProtocols("what has changed takes the place of what was stored", async (harness) => {
  const { endpoint, ask } = await start(harness, {
    fields: { "cache-control": "max-age=0", etag: '"1"' },
    body: "old",
  });
  await ask();
  endpoint.behaviour = { fields: { "cache-control": "max-age=100", etag: '"2"' }, body: "new" };
  assert.equal((await ask()).text, "new");
  assert.match(statusOf(await ask()), /hit/);
  assert.equal(endpoint.requests.length, 2);
});

testOverProtocols("what is not stored any more is gone", async (harness) => {
  const { endpoint, ask } = await start(harness, {
    fields: { "cache-control": "max-age=0, stale-if-error=100", etag: '"1"' },
    body: "old",
  });
  await ask();
  endpoint.behaviour = { fields: { "cache-control": "no-store" }, body: "secret" };
  assert.equal((await ask()).text, "secret");
  endpoint.behaviour = { status: 503 };
  assert.equal((await ask()).status, 503);
  assert.equal(endpoint.requests[2]!.value("if-none-match"), null);
});

testOverProtocols("a 304 about something else: the whole is fetched", async (harness) => {
  const { endpoint, ask } = await start(harness, {
    fields: { "cache-control": "max-age=0", etag: '"1"' },
    body: "old",
  });
  await ask();
  endpoint.behaviour = (exchange) =>
    exchange.request.value("if-none-match") === null
      ? exchange.answer({ fields: { "cache-control": "max-age=100", etag: '"2"' }, body: "new" })
      : exchange.answer({ status: 304, fields: { etag: '"2"', "content-type": "text/other" }, body: "" });
  const answer = await ask();
  assert.deepEqual([answer.status, answer.text], [200, "new"]);
  assert.equal(endpoint.requests.length, 3);
  assert.equal((await ask()).text, "new");
});

testOverProtocols("a 304 that nobody has asked for is an error", async (harness) => {
  const { ask } = await start(harness, { status: 304, fields: { etag: '"1"' }, body: "" });
  const answer = await ask({ fields: { "if-none-match": '"1"' } });
  assert.equal(answer.status, 502);
  assert.equal(answer.reason, "UPSTREAM_BAD_RESPONSE");
});

for (const [failure, behaviour] of [
  ["answers 503", { status: 503, body: "down" }],
  ["breaks off", breakOff],
] as const)
  testOverProtocols(
    `a stale answer stands in for an origin that ${failure}, which is not asked each time`,
    async (harness) => {
      const { endpoint, ask } = await start(harness, {
        fields: { "cache-control": "max-age=0, stale-if-error=100" },
        body: "old",
      });
      await ask();
      endpoint.behaviour = behaviour;
      const answer = await ask();
      assert.deepEqual([answer.status, answer.text], [200, "old"]);
      assert.match(statusOf(answer), /^millrace; fwd=stale; fwd-status=50[23]; ttl=-?\d+$/);
      for (let index = 0; index < 10; index++) assert.equal((await ask()).text, "old");
      assert.ok(endpoint.requests.length < 6, `${endpoint.requests.length} requests`);
      endpoint.behaviour = { fields: { "cache-control": "max-age=100" }, body: "back" };
      await eventually(async () => (await ask()).text === "back", "the origin is asked again");
    },
  );

testOverProtocols("no stale answer stands in where the origin forbids it", async (harness) => {
  for (const control of [
    "max-age=0, must-revalidate, stale-if-error=100",
    "no-cache, stale-if-error=100",
    "max-age=0",
  ]) {
    const { endpoint, ask } = await start(harness, { fields: { "cache-control": control, etag: '"1"' }, body: "old" });
    await ask();
    endpoint.behaviour = { status: 503, body: "down" };
    assert.deepEqual([(await ask()).status, (await ask()).text], [503, "down"], control);
    assert.equal(endpoint.requests.length, 3);
  }
});

testOverProtocols("errors of clients are given as they are", async (harness) => {
  const { endpoint, ask } = await start(harness, {
    fields: { "cache-control": "max-age=0, stale-if-error=100" },
    body: "old",
  });
  await ask();
  endpoint.behaviour = { status: 404, body: "gone" };
  assert.equal((await ask()).status, 404);
});

testOverProtocols("what is refreshed behind an answer holds nothing up, and is asked for once", async (harness) => {
  const { endpoint, ask } = await start(harness, {
    fields: { "cache-control": "max-age=0, stale-while-revalidate=100", etag: '"1"' },
    body: "old",
  });
  await ask();
  endpoint.behaviour = () => {};
  // All on one connection, while the origin says nothing.
  for (let index = 0; index < 5; index++) {
    const answer = await ask();
    assert.equal(answer.text, "old");
    assert.match(statusOf(answer), /^millrace; hit; ttl=-?\d+$/);
  }
  const refreshing = await endpoint.asked(2);
  assert.equal(refreshing.request.value("if-none-match"), '"1"');
  assert.equal(endpoint.requests.length, 2);
  endpoint.behaviour = { fields: { "cache-control": "max-age=100" }, body: "unexpected" };
  refreshing.answer({ fields: { "cache-control": "max-age=100", etag: '"2"' }, body: "new" });
  await eventually(async () => (await ask()).text === "new", "what was fetched is used");
  assert.equal(endpoint.requests.length, 2);
});

testOverProtocols("while refreshing fails, the origin is not asked each time", async (harness) => {
  const { endpoint, ask } = await start(harness, {
    fields: { "cache-control": "max-age=0, stale-while-revalidate=100" },
    body: "old",
  });
  await ask();
  endpoint.behaviour = { status: 500, body: "down" };
  for (let index = 0; index < 20; index++) assert.equal((await ask()).text, "old");
  assert.ok(endpoint.requests.length < 8, `${endpoint.requests.length} requests`);
});
