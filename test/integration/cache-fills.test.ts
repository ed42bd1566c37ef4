/** What a cache fetches: once for all who ask, in any thread, independent of those who ask, and shared only if it may be. */
import assert from "node:assert/strict";
import { breakOff, type Behaviour, type Endpoint, silence } from "../support/endpoint.ts";
import type { EndpointExchange } from "../support/endpoint-server.ts";
import { type Harness, testOverProtocols } from "../support/harness.ts";
import type { ProxyUnderTest } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";
import type { Ask, ClientExchange, Speaker } from "../support/speaker.ts";

const fresh = { "cache-control": "max-age=100" };
const privately = { "cache-control": "private, max-age=100" };

interface Setup {
  readonly threads?: number;
  readonly cache?: Record<string, unknown>;
  /** Of the upstream. */
  readonly upstream?: Record<string, unknown>;
  readonly behaviour?: Behaviour;
  readonly middlewares?: readonly unknown[];
}

/** An endpoint that says nothing by itself, behind a cache. */
async function start(
  harness: Harness,
  { threads = 0, cache = {}, upstream = {}, behaviour = silence, middlewares = [{ cache }] }: Setup = {},
): Promise<{ endpoint: Endpoint; proxy: ProxyUnderTest; untilWaiting(count: number): Promise<void> }> {
  const endpoint = await harness.endpoint(behaviour);
  const proxy = await harness.proxy({
    threads,
    endpoints: [endpoint.url],
    upstream: { retry: { attempts: 0 }, ...upstream },
    routes: [{ name: "cached", middlewares, upstream: "app" }],
  });
  const untilWaiting = (count: number): Promise<void> =>
    eventually(
      async () => (await proxy.metrics()).sum("millrace_requests_in_flight") === count,
      `${count} requests are waiting`,
    );
  return { endpoint, proxy, untilWaiting };
}

/** Sends a request on connections of their own. */
async function beginAll(harness: Harness, count: number, request: Ask = {}) {
  const clients = await harness.speakers(count);
  return clients.map((client) => ({ client, exchange: client.begin(request) }));
}

const textsOf = async (begun: readonly { readonly exchange: ClientExchange }[]): Promise<string[]> =>
  Promise.all(begun.map(async ({ exchange }) => (await exchange.answer()).text));

const isCollapsed = (status: string | null): boolean => /collapsed/.test(status ?? "");

for (const threads of [0, 2]) {
  const where = threads === 0 ? "inline" : `in ${threads} threads`;

  testOverProtocols(`a hundred clients, one request to the origin, ${where}`, async (harness) => {
    const { endpoint, untilWaiting } = await start(harness, { threads });
    const begun = await beginAll(harness, 100);
    const asked = await endpoint.asked();
    await untilWaiting(100);
    asked.answer({ fields: fresh, body: "once" });
    const answers = await Promise.all(begun.map(({ exchange }) => exchange.answer()));
    for (const answer of answers) assert.equal(answer.text, "once");
    assert.equal(endpoint.requests.length, 1);
    assert.equal(answers.filter((answer) => isCollapsed(answer.value("cache-status"))).length, 99);
  });

  testOverProtocols(`all of them get it while it comes, ${where}`, async (harness) => {
    const { endpoint, untilWaiting } = await start(harness, { threads });
    const begun = await beginAll(harness, 20);
    const asked = await endpoint.asked();
    await untilWaiting(20);
    asked.start("unknown", { fields: fresh });
    asked.send("first ");
    await Promise.all(begun.map(({ exchange }) => exchange.untilReceived("first ")));
    const late = await beginAll(harness, 10);
    await Promise.all(late.map(({ exchange }) => exchange.untilReceived("first ")));
    asked.send("last");
    asked.finish();
    for (const text of await textsOf([...begun, ...late])) assert.equal(text, "first last");
    assert.equal(endpoint.requests.length, 1);
  });

  testOverProtocols(`what cannot be stored lets all who wait go at once, ${where}`, async (harness) => {
    const { endpoint, untilWaiting } = await start(harness, { threads });
    const begun = await beginAll(harness, 30);
    const asked = await endpoint.asked();
    await untilWaiting(30);
    asked.answer({ fields: privately, body: "1" });
    // Nobody waits for anybody: all of them are at the origin before one is answered.
    await endpoint.asked(30);
    for (const [at, one] of endpoint.exchanges.entries())
      if (at > 0) one.answer({ fields: privately, body: `${at + 1}` });
    const texts = await textsOf(begun);
    assert.equal(new Set(texts).size, 30, "each has its own");
    // And those who come next do not wait either.
    const next = await beginAll(harness, 10);
    await endpoint.asked(40);
    for (const one of endpoint.exchanges.slice(30)) one.answer({ fields: privately, body: "next" });
    for (const text of await textsOf(next)) assert.equal(text, "next");
  });

  testOverProtocols(`after an error exactly one asks again, ${where}`, async (harness) => {
    const { endpoint, untilWaiting } = await start(harness, { threads });
    const begun = await beginAll(harness, 30);
    const asked = await endpoint.asked();
    await untilWaiting(30);
    asked.answer({ status: 500, body: "sorry" });
    const second = await endpoint.asked(2);
    await untilWaiting(29);
    assert.equal(endpoint.requests.length, 2);
    second.abort();
    const third = await endpoint.asked(3);
    await untilWaiting(28);
    assert.equal(endpoint.requests.length, 3);
    third.answer({ fields: fresh, body: "at last" });
    const answers = await Promise.all(begun.map(({ exchange }) => exchange.answer()));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [...Array<number>(28).fill(200), 500, 502]);
    assert.equal(endpoint.requests.length, 3);
  });

  testOverProtocols(
    `who waits gets it although it is stale at once, unless it is private, ${where}`,
    async (harness) => {
      const { endpoint, untilWaiting } = await start(harness, { threads });
      const begun = await beginAll(harness, 20);
      const asked = await endpoint.asked();
      await untilWaiting(20);
      asked.answer({ fields: { "cache-control": "max-age=0", etag: '"1"' }, body: "for those" });
      for (const text of await textsOf(begun)) assert.equal(text, "for those");
      assert.equal(endpoint.requests.length, 1);
    },
  );

  for (const cacheControl of [null, "no-cache", "max-age=0, must-revalidate", "s-maxage=0"])
    testOverProtocols(`nobody gets the page of another one that says ${cacheControl}, ${where}`, async (harness) => {
      const { endpoint, untilWaiting } = await start(harness, { threads });
      const fields = { ...(cacheControl === null ? {} : { "cache-control": cacheControl }), etag: '"1"' };
      const begun = await beginAll(harness, 10);
      const asked = await endpoint.asked();
      await untilWaiting(10);
      asked.answer({ fields, body: "1" });
      await endpoint.asked(10);
      for (const [at, one] of endpoint.exchanges.entries()) if (at > 0) one.answer({ fields, body: `${at + 1}` });
      assert.equal(new Set(await textsOf(begun)).size, 10, "each has its own");
      // Those who come next ask whether what is stored holds, each for itself.
      const next = await beginAll(harness, 5);
      await endpoint.asked(15);
      for (const one of endpoint.exchanges.slice(10)) {
        assert.equal(one.request.value("if-none-match"), '"1"');
        one.answer({ fields: { ...fields, etag: '"2"' }, body: one.request.target });
      }
      await textsOf(next);
    });

  testOverProtocols(`those who wait share a validation, ${where}`, async (harness) => {
    const { endpoint, proxy, untilWaiting } = await start(harness, { threads });
    const fields = { "cache-control": "max-age=100", etag: '"1"' };
    const [first] = await beginAll(harness, 1);
    (await endpoint.asked()).answer({ fields, body: "still" });
    await first!.exchange.answer();
    // A client may have its answer before the thread that has fetched it has stored it.
    await eventually(async () => {
      const [again] = await beginAll(harness, 1);
      return (await again!.exchange.answer()).value("cache-status")?.includes("hit") === true;
    }, "it is stored");
    await proxy.proxy.cache.purge({ all: true, soft: true });
    const begun = await beginAll(harness, 20);
    await endpoint.asked(2);
    await untilWaiting(20);
    endpoint.behaviour = { status: 304, fields, body: "" };
    for (const asked of endpoint.exchanges.slice(1)) {
      assert.equal(asked.request.value("if-none-match"), '"1"');
      asked.answer(endpoint.behaviour);
    }
    const answers = await Promise.all(begun.map(({ exchange }) => exchange.answer()));
    for (const { status, text } of answers) assert.deepEqual([status, text], [200, "still"]);
    // Some may have asked before the first fetch was over in the other thread: they share the next validation.
    assert.ok(endpoint.requests.length <= 10, `${endpoint.requests.length} requests`);
  });

  testOverProtocols(`those whose variant is another one do not get it, ${where}`, async (harness) => {
    const { endpoint, untilWaiting } = await start(harness, { threads });
    const german = await beginAll(harness, 10, { fields: { "accept-language": "de" } });
    await endpoint.asked();
    const english = await beginAll(harness, 10, { fields: { "accept-language": "en" } });
    await untilWaiting(20);
    const answer = (asked: EndpointExchange): void =>
      asked.answer({
        fields: { ...fresh, vary: "accept-language" },
        body: asked.request.value("accept-language")!,
      });
    answer(endpoint.exchanges[0]!);
    answer(await endpoint.asked(2));
    // On a busy machine somebody may come too late for what he waits for, and ask for himself.
    let answered = 2;
    const late = setInterval(() => {
      for (; answered < endpoint.exchanges.length; answered++) answer(endpoint.exchanges[answered]!);
    }, 50);
    const texts = Promise.all([textsOf(german), textsOf(english)]);
    const [germanTexts, englishTexts] = await texts.finally(() => clearInterval(late));
    for (const text of germanTexts) assert.equal(text, "de");
    for (const text of englishTexts) assert.equal(text, "en");
    assert.ok(endpoint.requests.length <= (threads === 0 ? 2 : 4), `${endpoint.requests.length} requests`);
  });

  testOverProtocols(
    `an origin that dies in the middle breaks all who read, and nothing is stored, ${where}`,
    async (harness) => {
      const { endpoint, untilWaiting } = await start(harness, { threads });
      const begun = await beginAll(harness, 10);
      const asked = await endpoint.asked();
      await untilWaiting(10);
      asked.start(100, { fields: fresh });
      asked.send("the beginning");
      await Promise.all(begun.map(({ exchange }) => exchange.untilReceived("the beginning")));
      asked.abort();
      for (const { exchange } of begun) assert.equal((await exchange.brokenAnswer())?.text, "the beginning");
      const [again] = await beginAll(harness, 1);
      (await endpoint.asked(2)).answer({ fields: fresh, body: "whole" });
      assert.equal((await again!.exchange.answer()).text, "whole");
    },
  );
}

testOverProtocols("what is stale at once is not for those who ask when it has begun to come", async (harness) => {
  const { endpoint } = await start(harness);
  const [first] = await beginAll(harness, 1);
  const asked = await endpoint.asked();
  asked.start(6, { fields: { "cache-control": "max-age=0", etag: '"1"' } });
  asked.send("one");
  await first!.exchange.untilReceived("one");
  const [late] = await beginAll(harness, 1);
  (await endpoint.asked(2)).answer({ fields: fresh, body: "later" });
  assert.equal((await late!.exchange.answer()).text, "later");
  asked.send("one");
  assert.equal((await first!.exchange.answer()).text, "oneone");
});

testOverProtocols(
  "what was asked for before a purge is neither stored nor given to those who ask after it",
  async (harness) => {
    const { endpoint, proxy } = await start(harness);
    const [before] = await beginAll(harness, 1);
    const asked = await endpoint.asked();
    asked.start(6, { fields: fresh });
    asked.send("old");
    await before!.exchange.untilReceived("old");
    await proxy.proxy.cache.purge({ prefix: `${harness.protocols.client.scheme}://a/` });
    const [after] = await beginAll(harness, 1);
    (await endpoint.asked(2)).answer({ fields: privately, body: "new" });
    assert.equal((await after!.exchange.answer()).text, "new");
    asked.send("old");
    assert.equal((await before!.exchange.answer()).text, "oldold");
    endpoint.behaviour = { fields: fresh, body: "newest" };
    assert.equal((await harness.ask()).text, "newest");
  },
);

testOverProtocols("who asks after an unsafe request does not get what was asked for before it", async (harness) => {
  const { endpoint } = await start(harness);
  const [before] = await beginAll(harness, 1);
  const asked = await endpoint.asked();
  asked.start(6, { fields: fresh });
  asked.send("old");
  await before!.exchange.untilReceived("old");
  const [writer] = await beginAll(harness, 1, { method: "POST", body: "x" });
  (await endpoint.asked(2)).answer();
  await writer!.exchange.answer();
  const [after] = await beginAll(harness, 1);
  (await endpoint.asked(3)).answer({ fields: fresh, body: "new" });
  assert.equal((await after!.exchange.answer()).text, "new");
  asked.send("old");
  assert.equal((await before!.exchange.answer()).text, "oldold");
});

testOverProtocols("a client that goes does not end what others, or the store, get", async (harness) => {
  const { endpoint, untilWaiting } = await start(harness);
  const [leader] = await beginAll(harness, 1);
  const asked = await endpoint.asked();
  const [follower] = await beginAll(harness, 1);
  await untilWaiting(2);
  leader!.exchange.abort();
  await untilWaiting(1);
  asked.start(8, { fields: fresh });
  asked.send("half");
  await follower!.exchange.untilReceived("half");
  follower!.exchange.abort();
  await untilWaiting(0);
  asked.send("half");
  assert.equal(asked.isGone, false);
  await eventually(async () => (await harness.ask()).value("age") !== null, "it is stored");
  assert.equal((await harness.ask()).text, "halfhalf");
  assert.equal(endpoint.requests.length, 1);
});

testOverProtocols("what cannot be stored ends when its client goes", async (harness) => {
  const { endpoint } = await start(harness);
  const [one] = await beginAll(harness, 1);
  const asked = await endpoint.asked();
  asked.start("unknown", { fields: privately });
  asked.send("something");
  await one!.exchange.untilReceived("something");
  one!.exchange.abort();
  await asked.untilGone();
});

for (const slow of ["leader", "follower"] as const)
  testOverProtocols(`a slow ${slow} holds nobody up, and gets all in the end`, async (harness) => {
    const { endpoint, untilWaiting } = await start(harness);
    const body = Buffer.alloc(4_000_000, "0123456789abcdef");
    const [leader] = await beginAll(harness, 1);
    const asked = await endpoint.asked();
    const [follower] = await beginAll(harness, 1);
    await untilWaiting(2);
    const [held, free] = slow === "leader" ? [leader!, follower!] : [follower!, leader!];
    held.client.pause();
    asked.answer({ fields: fresh, body });
    assert.ok((await free.exchange.answer()).body.equals(body));
    assert.equal((await harness.ask()).value("cache-status")?.startsWith("millrace; hit"), true);
    held.client.resume();
    assert.ok((await held.exchange.answer()).body.equals(body));
    assert.equal(endpoint.requests.length, 1);
  });

testOverProtocols("who has waited long enough asks for itself", async (harness) => {
  const { endpoint } = await start(harness, { cache: { collapse: { timeout: "200ms" } } });
  const [leader] = await beginAll(harness, 1);
  const first = await endpoint.asked();
  const [follower] = await beginAll(harness, 1);
  (await endpoint.asked(2)).answer({ fields: fresh, body: "own" });
  assert.equal((await follower!.exchange.answer()).text, "own");
  // It is stored all the same.
  assert.equal((await harness.ask()).text, "own");
  first.answer({ fields: fresh, body: "late" });
  assert.equal((await leader!.exchange.answer()).text, "late");
});

testOverProtocols("without collapsing each asks for itself", async (harness) => {
  const { endpoint } = await start(harness, { cache: { collapse: false } });
  const begun = await beginAll(harness, 5);
  await endpoint.asked(5);
  for (const one of endpoint.exchanges) one.answer({ fields: fresh, body: "x" });
  await textsOf(begun);
});

testOverProtocols("a forced reload waits for nobody", async (harness) => {
  const { endpoint } = await start(harness);
  const [one] = await beginAll(harness, 1);
  const first = await endpoint.asked();
  const [forced] = await beginAll(harness, 1, { fields: { "cache-control": "no-cache" } });
  (await endpoint.asked(2)).answer({ fields: fresh, body: "new" });
  assert.equal((await forced!.exchange.answer()).text, "new");
  first.answer({ fields: fresh, body: "old" });
  await one!.exchange.answer();
});

testOverProtocols("who says who he is waits for nobody who does not, and is not waited for", async (harness) => {
  const { endpoint } = await start(harness);
  const [known] = await beginAll(harness, 1, { fields: { authorization: "Basic eDp5" } });
  const first = await endpoint.asked();
  const [unknown] = await beginAll(harness, 1);
  const second = await endpoint.asked(2);
  first.answer({ fields: fresh, body: "mine" });
  second.answer({ fields: fresh, body: "everybody's" });
  assert.equal((await known!.exchange.answer()).text, "mine");
  assert.equal((await unknown!.exchange.answer()).text, "everybody's");
  assert.equal((await harness.ask()).text, "everybody's");
});

testOverProtocols(
  "what is not stored comes as if there were no cache, and the log tells of its upstream",
  async (harness) => {
    const { endpoint } = await start(harness);
    const [one] = await beginAll(harness, 1, { fields: { te: "trailers" } });
    const asked = await endpoint.asked();
    asked.interim(103, { link: "</a.css>" });
    const [interim] = await one!.exchange.interim(1);
    assert.equal(interim!.status, 103);
    asked.start("unknown", { fields: { ...privately, trailer: "x-sum", "x-own": "1" } });
    asked.send("body");
    asked.finish({ "x-sum": "7" });
    const answer = await one!.exchange.answer();
    assert.deepEqual([answer.status, answer.text, answer.value("x-own")], [200, "body", "1"]);
    assert.deepEqual(answer.trailers, [["x-sum", "7"]]);
    endpoint.behaviour = breakOff;
    assert.equal((await harness.ask({ path: "/broken" })).status, 502);
    const lines = (await harness.end())[0]!;
    for (const line of lines) {
      assert.equal(line["upstream"], "app");
      assert.ok(Number(line["attempts"]) > 0);
      assert.equal(line["cache"], "miss");
    }
    assert.equal(lines[1]!["reason"], "UPSTREAM_RESET");
  },
);

testOverProtocols("what grows too long is given to its client, but not stored", async (harness) => {
  const body = Buffer.alloc(300_000, "x");
  const { endpoint, untilWaiting } = await start(harness, { cache: { maxObjectBytes: "64KiB" } });
  const begun = await beginAll(harness, 3);
  const asked = await endpoint.asked();
  await untilWaiting(3);
  asked.start("unknown", { fields: fresh });
  asked.send(body);
  asked.finish();
  for (const { exchange } of begun) assert.ok((await exchange.answer()).body.equals(body));
  endpoint.behaviour = (exchange) => exchange.answer({ fields: fresh, body });
  assert.equal((await harness.ask()).body.length, body.length);
  assert.equal((await harness.ask()).body.length, body.length);
  assert.equal(endpoint.requests.length, 3);
});

testOverProtocols("parts of what cannot be stored are asked for as parts", async (harness) => {
  const { endpoint } = await start(harness, { behaviour: { fields: privately, body: "0123456789" } });
  await harness.ask();
  await harness.ask({ fields: { range: "bytes=2-4", "if-none-match": '"1"' } });
  assert.equal(endpoint.requests[1]!.value("range"), "bytes=2-4");
  assert.equal(endpoint.requests[1]!.value("if-none-match"), '"1"');
});

testOverProtocols("two caches of one route do not wait for each other", async (harness) => {
  const { endpoint } = await start(harness, {
    middlewares: [{ cache: {} }, { cache: {} }],
    behaviour: { fields: fresh, body: "x" },
  });
  assert.equal((await harness.ask()).text, "x");
  assert.equal(endpoint.requests.length, 1);
});

testOverProtocols("a thread that dies lets go of what it fetched for others", async (harness) => {
  const { endpoint, proxy, untilWaiting } = await start(harness, { threads: 2 });
  const paths = Array.from({ length: 8 }, (_, at) => `/${at}`);
  const begun: { client: Speaker; exchange: ClientExchange; path: string }[] = [];
  for (const path of paths) for (const one of await beginAll(harness, 8, { path })) begun.push({ ...one, path });
  await endpoint.asked(paths.length);
  await untilWaiting(begun.length);
  await proxy.killThread(1);
  endpoint.behaviour = (exchange) => exchange.answer({ fields: fresh, body: exchange.request.target });
  for (const asked of endpoint.exchanges)
    if (!asked.isGone) asked.answer({ fields: fresh, body: asked.request.target });
  let survivors = 0;
  for (const { client, exchange, path } of begun) {
    const text = await exchange.answer().then(
      (answer) => answer.text,
      () => null,
    );
    if (text === null) assert.ok(client.isOver, "only connections of the dead thread break");
    else {
      survivors++;
      assert.equal(text, path);
    }
    client.destroy();
  }
  assert.ok(survivors > 0 && survivors < begun.length, `${survivors} survivors`);
  for (const path of paths) {
    const count = endpoint.requests.filter(({ target }) => target === path).length;
    assert.ok(count <= 2, `${count} requests for ${path}`);
  }
});
