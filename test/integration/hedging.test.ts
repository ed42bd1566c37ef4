/** A second endpoint is asked if the first is slow to answer. */
import assert from "node:assert/strict";
import { type Behaviour, type Endpoint, silence } from "../support/endpoint.ts";
import type { EndpointExchange } from "../support/endpoint-server.ts";
import { type Harness, testOverProtocols } from "../support/harness.ts";
import type { ProxyUnderTest } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";
import type { Speaker } from "../support/speaker.ts";

/** Answers `late` after some time. */
const after =
  (ms: number, status = 200): Behaviour =>
  (exchange) =>
    void setTimeout(() => exchange.answer({ status, body: "late" }), ms);
/** Does `act` when both endpoints have been asked once more: the hedge has begun, however late on a busy machine. */
function onceBothAsked({ one, other }: Scene, act: (exchange: EndpointExchange) => void): Behaviour {
  const askedCount = (): number => one.requests.length + other.requests.length;
  const goal = askedCount() + 2;
  return (exchange) => void eventually(() => askedCount() >= goal, "both are asked").then(() => act(exchange));
}
const answerLate = (exchange: EndpointExchange): void => exchange.answer({ body: "late" });
/** Answers as soon as the hedge has failed. */
const afterFailure =
  (proxy: ProxyUnderTest): Behaviour =>
  (exchange) =>
    void eventually(async () => (await results(proxy))["failed"] === 1, "the hedge has failed").then(() =>
      answerLate(exchange),
    );

interface Scene {
  readonly one: Endpoint;
  readonly other: Endpoint;
  readonly proxy: ProxyUnderTest;
  readonly client: Speaker;
  ask(method: string): Promise<string>;
}

/** Two endpoints; the first request goes to `one`, which is silent. */
async function start(harness: Harness, upstream: Record<string, unknown>): Promise<Scene> {
  const one = await harness.endpoint(silence);
  const other = await harness.endpoint();
  const proxy = await harness.proxy({ endpoints: [one.url, other.url], upstream });
  const client = await harness.speaker();
  const ask = async (method: string): Promise<string> => {
    const { status, text } = await client.ask(method === "POST" ? { method, body: "" } : { method });
    return `${status} ${text}`;
  };
  return { one, other, proxy, client, ask };
}

const hedge = { after: "50ms" };
const results = async (proxy: ProxyUnderTest): Promise<Record<string, number>> =>
  (await proxy.metrics()).by("millrace_hedges_total", "result");

testOverProtocols(
  "the second answer is taken when it is the first to come, and the slow attempt is given up",
  async (harness) => {
    const { one, ask, proxy } = await start(harness, { hedge });
    assert.equal(await ask("GET"), "200 ok");
    await one.exchanges[0]!.untilGone();
    assert.deepEqual(await results(proxy), { won: 1 });
  },
);

testOverProtocols("the first answer is taken when it comes before the second, which is given up", async (harness) => {
  const scene = await start(harness, { hedge });
  const { one, other, ask, proxy } = scene;
  one.behaviour = onceBothAsked(scene, answerLate);
  other.behaviour = silence;
  assert.equal(await ask("GET"), "200 late");
  await other.exchanges[0]!.untilGone();
  assert.deepEqual(await results(proxy), { lost: 1 });
});

testOverProtocols("an answer that comes in time has no second attempt", async (harness) => {
  const { one, other, ask, proxy } = await start(harness, { hedge: { after: "5s" } });
  one.behaviour = {};
  assert.equal(await ask("GET"), "200 ok");
  assert.deepEqual([other.requests.length, await results(proxy)], [0, {}]);
});

testOverProtocols("only safe methods are asked twice", async (harness) => {
  const { other, ask } = await start(harness, { hedge, timeouts: { firstByte: "300ms" } });
  assert.match(await ask("POST"), /^504/);
  assert.equal(other.requests.length, 0);
});

testOverProtocols("a failing second answer is no answer while the first may come", async (harness) => {
  const { one, other, ask, proxy } = await start(harness, { hedge });
  one.behaviour = afterFailure(proxy);
  other.behaviour = after(0, 503);
  assert.equal(await ask("GET"), "200 late");
  assert.deepEqual(await results(proxy), { failed: 1 });
});

testOverProtocols(
  "when the first attempt fails, the second is waited for; when both fail, the failure is the answer",
  async (harness) => {
    const scene = await start(harness, { hedge });
    const { one, other, ask, proxy } = scene;
    const breakOff = (exchange: EndpointExchange): void => exchange.abort();
    one.behaviour = onceBothAsked(scene, breakOff);
    other.behaviour = after(150);
    assert.equal(await ask("GET"), "200 late");
    assert.deepEqual([one.requests.length, other.requests.length, await results(proxy)], [1, 1, { won: 1 }]);
    for (const endpoint of [one, other]) endpoint.behaviour = onceBothAsked(scene, breakOff);
    assert.match(await ask("GET"), /^502 .*UPSTREAM_RESET/);
    assert.deepEqual(await results(proxy), { won: 1, failed: 1 });
  },
);

testOverProtocols("a client that leaves takes both attempts with it", async (harness) => {
  const { one, other, client } = await start(harness, { hedge });
  other.behaviour = silence;
  const exchange = client.begin();
  const second = await other.asked();
  exchange.abort();
  await one.exchanges[0]!.untilGone();
  await second.untilGone();
});

testOverProtocols(
  "a hedge takes a place of its own among what the upstream is given at a time: without one there is none",
  async (harness) => {
    const { one, other, ask, proxy } = await start(harness, { hedge, limits: { maxRequests: 1 } });
    one.behaviour = after(200);
    assert.equal(await ask("GET"), "200 late");
    assert.deepEqual([other.requests.length, await results(proxy)], [0, {}]);
  },
);

const ends: readonly (readonly [result: string, one: (scene: Scene) => Behaviour, other: Behaviour, answer: string])[] =
  [
    ["won", () => silence, {}, "200 ok"],
    ["lost", (scene) => onceBothAsked(scene, answerLate), silence, "200 late"],
    ["failed", ({ proxy }) => afterFailure(proxy), after(0, 503), "200 late"],
  ];
for (const [result, first, second, expected] of ends) {
  testOverProtocols(`a hedge that has ${result} leaves its place to the next`, async (harness) => {
    const scene = await start(harness, {
      hedge,
      limits: { maxRequests: 2, maxRequestsPerEndpoint: 1, maxPending: 0 },
    });
    const { one, other, ask, proxy } = scene;
    one.behaviour = first(scene);
    other.behaviour = second;
    assert.equal(await ask("GET"), expected);
    assert.deepEqual(await results(proxy), { [result]: 1 });
    // Only if both places are free is there another one: whoever is asked first waits for that.
    for (const endpoint of [one, other]) endpoint.behaviour = onceBothAsked(scene, answerLate);
    assert.equal(await ask("GET"), "200 late");
    assert.equal(
      Object.values(await results(proxy)).reduce((sum, number) => sum + number, 0),
      2,
    );
  });
}
