/** More requests than an upstream is to be given: they wait, in order, or are refused. */
import assert from "node:assert/strict";
import type { Endpoint } from "../support/endpoint.ts";
import type { EndpointExchange } from "../support/endpoint-server.ts";
import { type Harness, testOverProtocols } from "../support/harness.ts";
import { modes, type ProxyUnderTest } from "../support/proxy-under-test.ts";
import type { ClientExchange, Speaker } from "../support/speaker.ts";

/** An endpoint that answers only when it is told to, oldest request first. */
class Holder {
  readonly endpoint: Endpoint;
  readonly waiting: EndpointExchange[] = [];
  readonly targets: string[] = [];
  most = 0;
  #inFlight = 0;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
    endpoint.behaviour = (exchange) => {
      this.targets.push(exchange.request.target);
      this.waiting.push(exchange);
      this.most = Math.max(this.most, ++this.#inFlight);
    };
  }

  until(waitingCount: number, what: string): Promise<void> {
    return this.endpoint.until(() => this.waiting.length === waitingCount, what);
  }

  release(): void {
    this.#inFlight--;
    this.waiting.shift()!.answer();
  }
}

/** A request by a client of its own. */
interface Asked {
  readonly client: Speaker;
  readonly exchange: ClientExchange;
}

async function start(
  harness: Harness,
  limits: Record<string, unknown>,
  endpointCount = 1,
): Promise<{
  holder: Holder;
  holders: readonly Holder[];
  proxy: ProxyUnderTest;
  ask(path: string): Promise<Asked>;
}> {
  const holders = (await harness.endpoints(endpointCount)).map((endpoint) => new Holder(endpoint));
  const proxy = await harness.proxy({ endpoints: holders.map(({ endpoint }) => endpoint.url), upstream: { limits } });
  const ask = async (path: string): Promise<Asked> => {
    const client = await harness.speaker();
    return { client, exchange: client.begin({ path }) };
  };
  return { holder: holders[0]!, holders, proxy, ask };
}

const statusOf = async ({ exchange }: Asked): Promise<number> => (await exchange.answer()).status;

testOverProtocols("what is too much waits, and goes on in the order in which it came", async (harness) => {
  const { holder, ask } = await start(harness, { maxRequests: 2 });
  const asked: Asked[] = [];
  for (const path of ["/1", "/2", "/3", "/4", "/5"]) {
    asked.push(await ask(path));
    if (asked.length <= 2) await holder.until(asked.length, "it was asked");
  }
  for (const each of asked) {
    await holder.endpoint.until(() => holder.waiting.length > 0, "a request came");
    holder.release();
    assert.equal(await statusOf(each), 200);
  }
  assert.deepEqual(
    [holder.targets.slice(0, 3), holder.targets.slice(3).sort(), holder.most],
    [["/1", "/2", "/3"], ["/4", "/5"], 2],
  );
});

testOverProtocols("a full endpoint is passed over; if all are full, requests wait", async (harness) => {
  const { holders, ask } = await start(harness, { maxRequestsPerEndpoint: 1 }, 2);
  const [one, other] = [holders[0]!, holders[1]!];
  const asked = [await ask("/1"), await ask("/2")];
  await one.until(1, "the first is busy");
  await other.until(1, "the second is busy");
  asked.push(await ask("/3"), await ask("/4"));
  other.release();
  await other.until(1, "the second is asked again, because only it has room");
  other.release();
  await other.until(1, "and again");
  other.release();
  one.release();
  for (const each of asked) assert.equal(await statusOf(each), 200);
  assert.deepEqual([one.most, other.most, one.targets.length, other.targets.length], [1, 1, 1, 3]);
});

testOverProtocols(
  "if the endpoints are full and the upstream is not, requests wait as well, and the thread does not",
  async (harness) => {
    const { holder, ask, proxy } = await start(harness, { maxRequests: 10, maxRequestsPerEndpoint: 1 });
    const asked: Asked[] = [];
    for (const path of ["/1", "/2", "/3"]) {
      asked.push(await ask(path));
      await proxy.untilOpen((open) => open.exchanges === asked.length, "it has come");
    }
    for (const each of asked) {
      await holder.until(1, "the next is asked");
      holder.release();
      assert.equal(await statusOf(each), 200);
    }
    assert.deepEqual([holder.targets, holder.most], [["/1", "/2", "/3"], 1]);
  },
);

testOverProtocols("a full queue refuses at once, and waiting ends at its deadline", async (harness) => {
  const { holder, ask } = await start(harness, { maxRequests: 1, maxPending: 1, pendingTimeout: "1s" });
  const busy = await ask("/busy");
  await holder.until(1, "it was asked");
  const waiting = await ask("/waiting");
  const refusedOrLate = await ask("/refused");
  const answers = [await waiting.exchange.answer(), await refusedOrLate.exchange.answer()].map(
    (answer) => `${answer.status} ${answer.value("retry-after")} ${answer.reason}`,
  );
  assert.deepEqual(answers.sort(), ["503 1 QUEUE_FULL", "503 1 QUEUE_TIMEOUT"]);
  holder.release();
  assert.equal(await statusOf(busy), 200);
});

testOverProtocols(
  "a client that closes its connection without a reset, as most do that leave, is forgotten as well",
  async (harness) => {
    const { holder, ask } = await start(harness, { maxRequests: 1, maxPending: 1 });
    const first = await ask("/1");
    await holder.until(1, "the first has the only place");
    const { client } = await ask("/2");
    await client.close();
    const third = await ask("/3");
    holder.release();
    assert.equal(await statusOf(first), 200);
    await holder.until(1, "its place in the queue was free");
    holder.release();
    assert.equal(await statusOf(third), 200);
    assert.deepEqual(holder.targets, ["/1", "/3"]);
    const [lines] = await harness.end();
    const line = lines!.find(({ target }) => target === "/2")!;
    assert.deepEqual([line["status"], line["reason"], line["attempts"]], [499, "CLIENT_GONE", 0]);
  },
);

testOverProtocols("a client that leaves while it waits is forgotten at once", async (harness) => {
  const { holder, ask, proxy } = await start(harness, { maxRequests: 1, maxPending: 1 });
  const busy = await ask("/busy");
  await holder.until(1, "it was asked");
  const leaving = await ask("/leaving");
  await proxy.untilOpen((open) => open.exchanges === 2, "it waits");
  leaving.exchange.abort();
  await proxy.untilOpen((open) => open.exchanges === 1, "it is gone");
  const next = await ask("/next");
  await proxy.untilOpen((open) => open.exchanges === 2, "another waits in its place");
  holder.release();
  assert.equal(await statusOf(busy), 200);
  await holder.until(1, "the next was asked");
  holder.release();
  assert.equal(await statusOf(next), 200);
  assert.deepEqual(holder.targets, ["/busy", "/next"]);
});

for (const [title, threads] of modes) {
  testOverProtocols(`${title}: a limit is exact over all threads, and nobody starves`, async (harness) => {
    let inFlight = 0;
    let most = 0;
    const endpoint = await harness.endpoint((exchange) => {
      most = Math.max(most, ++inFlight);
      setTimeout(() => {
        inFlight--;
        exchange.answer();
      }, 2);
    });
    const proxy = await harness.proxy({ threads, endpoints: [endpoint.url], upstream: { limits: { maxRequests: 3 } } });
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        const client = await harness.speaker();
        for (let count = 0; count < 25; count++) assert.equal((await client.ask()).status, 200);
        await client.close();
      }),
    );
    assert.equal(most, 3);
    assert.equal((await proxy.metrics()).sum("millrace_upstream_pending"), 0);
  });
}
