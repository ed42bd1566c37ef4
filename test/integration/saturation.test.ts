/** More requests than an upstream is to be given: they wait, in order, or are refused. */
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { type LogLine, ProxyUnderTest } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { ScriptedUpstream, type UpstreamConnection } from "../support/scripted-upstream.ts";
import { modes, Stage } from "../support/stage.ts";

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** An endpoint that answers only when it is told to, oldest request first. */
class Holder {
  readonly waiting: UpstreamConnection[] = [];
  readonly targets: string[] = [];
  most = 0;
  #inFlight = 0;
  readonly script = {
    onRequest: (connection: UpstreamConnection, request: { target: string }): void => {
      this.targets.push(request.target);
      this.waiting.push(connection);
      this.most = Math.max(this.most, ++this.#inFlight);
    },
  };

  release(): void {
    this.#inFlight--;
    this.waiting.shift()!.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  }
}

async function start(limits: Record<string, unknown>, endpointCount = 1) {
  const holders = Array.from({ length: endpointCount }, () => new Holder());
  const upstreams = await Promise.all(holders.map((holder) => ScriptedUpstream.start(holder.script)));
  const proxy = await ProxyUnderTest.start({ endpoints: upstreams.map(({ url }) => url), upstream: { limits } });
  const clients: RawClient[] = [];
  let log: LogLine[] = [];
  closers.push(async () => {
    for (const client of clients) client.destroy();
    await proxy.untilQuiet();
    for (const upstream of upstreams) await upstream.close();
    await proxy.untilEmpty();
    log = await proxy.close();
  });
  const ask = async (target: string): Promise<RawClient> => {
    const client = await RawClient.connect(proxy.port);
    clients.push(client);
    client.send(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
    return client;
  };
  return { holders, upstreams, proxy, ask, log: () => log };
}

test("what is too much waits, and goes on in the order in which it came", async () => {
  const {
    holders: [holder],
    upstreams: [upstream],
    ask,
  } = await start({ maxRequests: 2 });
  const clients: RawClient[] = [];
  for (const target of ["/1", "/2", "/3", "/4", "/5"]) {
    clients.push(await ask(target));
    if (clients.length <= 2) await upstream!.until(() => holder!.targets.length === clients.length, "it was asked");
  }
  for (let answered = 0; answered < 5; answered++) {
    await upstream!.until(() => holder!.waiting.length > 0, "a request came");
    holder!.release();
    assert.equal((await clients[answered]!.response()).status, 200);
  }
  assert.deepEqual(
    [holder!.targets.slice(0, 3), holder!.targets.slice(3).sort(), holder!.most],
    [["/1", "/2", "/3"], ["/4", "/5"], 2],
  );
});

test("a full endpoint is passed over; where all are full, requests wait", async () => {
  const {
    holders: [one, other],
    upstreams: [first, second],
    ask,
  } = await start({ maxRequestsPerEndpoint: 1 }, 2);
  const clients = [await ask("/1"), await ask("/2")];
  await first!.until(() => one!.waiting.length === 1, "the first is busy");
  await second!.until(() => other!.waiting.length === 1, "the second is busy");
  clients.push(await ask("/3"), await ask("/4"));
  other!.release();
  await second!.until(() => other!.waiting.length === 1, "the second is asked again, because only it has room");
  other!.release();
  await second!.until(() => other!.waiting.length === 1, "and again");
  other!.release();
  one!.release();
  for (const client of clients) assert.equal((await client.response()).status, 200);
  assert.deepEqual([one!.most, other!.most, one!.targets.length, other!.targets.length], [1, 1, 1, 3]);
});

test("where the endpoints are full and the upstream is not, requests wait as well, and the thread does not", async () => {
  const {
    holders,
    upstreams: [upstream],
    ask,
    proxy,
  } = await start({ maxRequests: 10, maxRequestsPerEndpoint: 1 });
  const holder = holders[0]!;
  const clients: RawClient[] = [];
  for (const target of ["/1", "/2", "/3"]) {
    clients.push(await ask(target));
    await proxy.untilOpen((open) => open.exchanges === clients.length, "it has come");
  }
  for (const client of clients) {
    await upstream!.until(() => holder.waiting.length === 1, "the next is asked");
    holder.release();
    assert.equal((await client.response()).status, 200);
  }
  assert.deepEqual([holder.targets, holder.most], [["/1", "/2", "/3"], 1]);
});

test("a full queue refuses at once, and waiting ends at its deadline", async () => {
  const {
    holders: [holder],
    upstreams: [upstream],
    ask,
  } = await start({ maxRequests: 1, maxPending: 1, pendingTimeout: "1s" });
  const busy = await ask("/busy");
  await upstream!.until(() => holder!.waiting.length === 1, "it was asked");
  const waiting = await ask("/waiting");
  const refusedOrLate = await ask("/refused");
  const answers = [await waiting.response(), await refusedOrLate.response()].map(
    ({ status, fields, body }) =>
      `${status} ${fields
        .filter(([name]) => name === "Retry-After")
        .map(([, value]) => value)
        .join()} ${/\((\w+)\)/.exec(body.toString())?.[1]}`,
  );
  assert.deepEqual(answers.sort(), ["503 1 QUEUE_FULL", "503 1 QUEUE_TIMEOUT"]);
  holder!.release();
  assert.equal((await busy.response()).status, 200);
});

test("a client that closes its connection without a reset, as most do that leave, is forgotten as well", async () => {
  const {
    holders: [holder],
    upstreams: [upstream],
    ask,
    log,
  } = await start({ maxRequests: 1, maxPending: 1 });
  const first = await ask("/1");
  await upstream!.until(() => holder!.waiting.length === 1, "the first has the only place");
  const second = await ask("/2");
  second.end();
  await second.until(() => second.isClosed, "nobody waits for it any more");
  const third = await ask("/3");
  holder!.release();
  assert.equal((await first.response()).status, 200);
  await upstream!.until(() => holder!.waiting.length === 1, "its place in the queue was free");
  holder!.release();
  assert.equal((await third.response()).status, 200);
  assert.deepEqual(holder!.targets, ["/1", "/3"]);
  await closers.pop()!();
  const line = log().find(({ target }) => target === "/2")!;
  assert.deepEqual([line["status"], line["reason"], line["attempts"]], [499, "CLIENT_GONE", 0]);
});

test("a client that leaves while it waits is forgotten at once", async () => {
  const {
    holders: [holder],
    upstreams: [upstream],
    ask,
    proxy,
  } = await start({ maxRequests: 1, maxPending: 1 });
  const busy = await ask("/busy");
  await upstream!.until(() => holder!.waiting.length === 1, "it was asked");
  const leaving = await ask("/leaving");
  await proxy.untilOpen((open) => open.exchanges === 2, "it waits");
  leaving.reset();
  await proxy.untilOpen((open) => open.exchanges === 1, "it is gone");
  const next = await ask("/next");
  await proxy.untilOpen((open) => open.exchanges === 2, "another waits in its place");
  holder!.release();
  assert.equal((await busy.response()).status, 200);
  await upstream!.until(() => holder!.waiting.length === 1, "the next was asked");
  holder!.release();
  assert.equal((await next.response()).status, 200);
  assert.deepEqual(holder!.targets, ["/busy", "/next"]);
});

for (const [title, workers] of modes) {
  test(`${title}: a limit is exact over all threads, and nobody starves`, async () => {
    let inFlight = 0;
    let most = 0;
    const upstream = await ScriptedUpstream.start({
      onRequest(connection) {
        most = Math.max(most, ++inFlight);
        setTimeout(() => {
          inFlight--;
          connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }, 2);
      },
    });
    const stage = await Stage.start({
      workers,
      listeners: [{ address: "127.0.0.1:0" }],
      routes: [{ upstream: "app" }],
      upstreams: { app: { endpoints: [upstream.url], limits: { maxRequests: 3 } } },
    });
    closers.push(
      () => stage.close(),
      () => upstream.close(),
    );
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        const client = await RawClient.connect(stage.port());
        for (let count = 0; count < 25; count++) {
          client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
          assert.equal((await client.response()).status, 200);
        }
        await client.close();
      }),
    );
    assert.equal(most, 3);
    assert.equal((await stage.metrics()).sum("millrace_upstream_pending"), 0);
  });
}
