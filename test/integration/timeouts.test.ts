/** How long routes wait, and for what they wait longer. */
import assert from "node:assert/strict";
import { type Behaviour, silence } from "../support/endpoint.ts";
import { testOverProtocols } from "../support/harness.ts";

/** A route that waits as its upstream does, beside one that has `timeouts` of its own. */
const routes = (timeouts: Record<string, string>): readonly unknown[] => [
  { match: { path: "/patient" }, upstream: "app" },
  { upstream: "app", timeouts },
];

/** Answers after `pauseMs`. */
const late =
  (pauseMs: number): Behaviour =>
  (exchange) =>
    void setTimeout(() => exchange.answer(), pauseMs);

/** Begins an answer, and goes on with it after `pauseMs`. */
const withPause =
  (pauseMs: number, type: string): Behaviour =>
  (exchange) => {
    exchange.start("unknown", { fields: { "content-type": type } });
    exchange.send("ok");
    setTimeout(() => {
      exchange.send("ok");
      exchange.finish();
    }, pauseMs);
  };

testOverProtocols(
  "a route's own patience for the first byte replaces the upstream's, shorter or longer",
  async (harness) => {
    const { client, endpoint } = await harness.trio({ behaviour: silence, routes: routes({ firstByte: "200ms" }) });
    const { status, reason } = await client.ask();
    assert.deepEqual([status, reason], [504, "UPSTREAM_FIRST_BYTE_TIMEOUT"]);
    endpoint.behaviour = late(700);
    assert.equal((await (await harness.speaker()).ask({ path: "/patient" })).status, 200);
  },
);

testOverProtocols("a route may be more patient than its upstream", async (harness) => {
  const { client } = await harness.trio({
    behaviour: late(700),
    upstream: { timeouts: { firstByte: "200ms" } },
    routes: routes({ firstByte: "5s" }),
  });
  assert.equal((await client.ask()).status, 200);
});

testOverProtocols("a pause in an answer that is longer than the route allows breaks it off", async (harness) => {
  const { client } = await harness.trio({
    behaviour: (exchange) => {
      exchange.start(4);
      exchange.send("ok");
    },
    routes: routes({ idle: "200ms" }),
  });
  const broken = await client.begin().brokenAnswer();
  assert.deepEqual([broken?.isComplete, broken?.text], [false, "ok"]);
});

for (const type of ["text/event-stream", "application/grpc"]) {
  testOverProtocols(`${type} may pause as it likes`, async (harness) => {
    const { client } = await harness.trio({ behaviour: withPause(700, type), routes: routes({ idle: "200ms" }) });
    assert.equal((await client.ask()).text, "okok");
  });
}

testOverProtocols("the total covers waiting in the queue", async (harness) => {
  const { client, endpoint } = await harness.trio({
    behaviour: silence,
    upstream: { limits: { maxRequests: 1 } },
    routes: routes({ total: "300ms" }),
  });
  client.begin({ path: "/patient" });
  await endpoint.asked();
  const { status, reason } = await (await harness.speaker()).ask();
  assert.deepEqual([status, reason], [504, "TOTAL_TIMEOUT"]);
});

testOverProtocols("the total covers retries", async (harness) => {
  // Whichever is asked first breaks off at once; the retry is left without an answer.
  let isFirst = true;
  const endpoints = await harness.endpoints(2, (exchange) => {
    if (isFirst) exchange.abort();
    isFirst = false;
  });
  await harness.proxy({
    endpoints: endpoints.map(({ url }) => url),
    routes: [{ upstream: "app", timeouts: { total: "2s" } }],
  });
  const { status, reason } = await (await harness.speaker()).ask();
  assert.deepEqual([status, reason], [504, "TOTAL_TIMEOUT"]);
  assert.deepEqual(
    endpoints.map(({ requests }) => requests.length),
    [1, 1],
  );
});
