/** One side goes away: the other side's connection follows, visibly, and nothing is left. */
import assert from "node:assert/strict";
import { silence } from "../support/endpoint.ts";
import { testOverProtocols, testWithHarness } from "../support/harness.ts";

testOverProtocols("a client that breaks off before the answer cancels the attempt", async (harness) => {
  const { client, endpoint } = await harness.trio({ behaviour: silence });
  const exchange = client.begin();
  const asked = await endpoint.asked();
  exchange.abort();
  await asked.untilGone();
});

testWithHarness(
  "a client that pipelines and breaks off while its first request waits cancels the attempt",
  async (harness) => {
    const { client, endpoint } = await harness.trio({ behaviour: silence });
    client.begin({ path: "/1" });
    client.begin({ path: "/2" });
    const asked = await endpoint.asked();
    client.abort();
    await asked.untilGone();
    assert.deepEqual(
      endpoint.requests.map(({ target }) => target),
      ["/1"],
    );
  },
);

testOverProtocols("a client that breaks off within the answer cancels the attempt", async (harness) => {
  const { client, endpoint } = await harness.trio({
    behaviour: (exchange) => {
      exchange.start(100);
      exchange.send("hello");
    },
  });
  const exchange = client.begin();
  await exchange.untilReceived("hello");
  exchange.abort();
  await (await endpoint.asked()).untilGone();
});

testOverProtocols(
  "a client that breaks off within its upload cancels the attempt, and the endpoint never sees a complete request",
  async (harness) => {
    const { client, endpoint } = await harness.trio({ behaviour: silence });
    const begun = endpoint.nextHead();
    const exchange = client.begin({ method: "POST", length: "unknown" });
    exchange.send("hello");
    const asked = await begun;
    await endpoint.until(() => asked.request.text === "hello", "the first bytes came");
    exchange.abort();
    await asked.untilGone();
    assert.equal(endpoint.requests.length, 0);
  },
);

testOverProtocols("an endpoint that breaks off within its answer breaks the client's answer off", async (harness) => {
  const { client, endpoint, proxy } = await harness.trio();
  client.destroy();
  for (const length of [100, "unknown"] as const) {
    endpoint.behaviour = (exchange) => {
      exchange.start(length);
      exchange.send("hello");
    };
    const exchange = (await harness.speaker(proxy)).begin();
    await exchange.untilReceived("hello");
    endpoint.exchanges.at(-1)?.abort();
    assert.equal((await exchange.brokenAnswer())?.isComplete, false, String(length));
  }
});

testWithHarness(
  "an endpoint that breaks off within an answer whose end is its connection's breaks the client's answer off",
  async (harness) => {
    const { client, upstream } = await harness.rawTrio(
      {},
      { onRequest: (connection) => connection.send("HTTP/1.1 200 OK\r\nX: close-delimited\r\n\r\nhello") },
    );
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await client.until(() => client.received.includes("hello"), "the first bytes came");
    upstream.connections.at(-1)?.reset();
    assert.equal((await client.brokenResponse())?.isComplete, false);
  },
);

testWithHarness(
  "an endpoint that breaks off within its answer to HTTP/1.0 breaks the connection, whose end would else be the answer's",
  async (harness) => {
    const { upstream } = await harness.rawTrio();
    for (const framing of ["Transfer-Encoding: chunked", "X: close-delimited"]) {
      upstream.forget();
      upstream.script = {
        onRequest: (connection) =>
          connection.send(
            `HTTP/1.1 200 OK\r\n${framing}\r\n\r\n${framing.startsWith("T") ? "5\r\nhello\r\n" : "hello"}`,
          ),
      };
      const client = await harness.raw();
      client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
      await client.until(() => client.received.includes("hello"), "the first bytes came");
      upstream.connections.at(-1)?.reset();
      await client.untilOver();
      assert.equal(client.error?.code, "ECONNRESET", framing);
    }
  },
);

testOverProtocols("an endpoint that breaks off within the upload gives the client a 502", async (harness) => {
  const { client, endpoint } = await harness.trio({ behaviour: silence });
  const begun = endpoint.nextHead();
  const exchange = client.begin({ method: "POST", length: 100 });
  exchange.send("hello");
  const asked = await begun;
  await endpoint.until(() => asked.request.text === "hello", "the first bytes came");
  asked.abort();
  assert.equal((await exchange.answer()).status, 502);
});

testOverProtocols("a half-closed client still gets its answer while bytes flow", async (harness) => {
  const { client, endpoint } = await harness.trio({
    behaviour: (exchange) => {
      exchange.start(5);
      exchange.send("hel");
    },
  });
  const exchange = client.begin();
  client.end();
  await exchange.untilReceived("hel");
  endpoint.exchanges[0]?.send("lo");
  assert.equal((await exchange.answer()).text, "hello");
  await client.close();
});

testOverProtocols("a half-closed client whose answer does not come is given up", async (harness) => {
  const { client, endpoint } = await harness.trio({ behaviour: silence });
  client.begin();
  const asked = await endpoint.asked();
  client.end();
  await asked.untilGone();
  await client.untilOver();
});
