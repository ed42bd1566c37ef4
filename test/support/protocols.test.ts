/**
 * The conformance suite of what `protocols.ts` asks of a protocol: what a `Speaker` and an `Endpoint` show of a proxy, and
 * what they do, over every pair.
 */
import assert from "node:assert/strict";
import { breakOff, echo, silence } from "./endpoint.ts";
import { testOverProtocols } from "./harness.ts";

testOverProtocols("a request and its answer are shown on both sides as they came", async (harness) => {
  const { client, endpoint } = await harness.trio({
    behaviour: (exchange) => {
      exchange.interim(103, { link: "</style.css>" });
      exchange.answer({
        status: 201,
        fields: [
          ["X-Kind", "one"],
          ["x-kind", "two"],
        ],
        body: ["in ", "pieces"],
        trailers: { "x-sum": "7" },
      });
    },
  });
  const answer = await client.ask({
    method: "PUT",
    path: "/a?b",
    authority: "site.example",
    fields: { "X-Asked": ["1", "2"] },
    body: ["con", Buffer.from("tent")],
    trailers: { "x-end": "1" },
  });
  const [request] = endpoint.requests;
  assert.ok(request);
  assert.deepEqual(
    [request.method, request.target, request.authority, request.values("x-asked"), request.text, request.trailers],
    ["PUT", "/a?b", "site.example", ["1", "2"], "content", [["x-end", "1"]]],
  );
  assert.deepEqual(
    [answer.status, answer.values("x-kind"), answer.value("x-kind"), answer.text, answer.trailers, answer.isLast],
    [201, ["one", "two"], "one, two", "in pieces", [["x-sum", "7"]], false],
  );
  assert.deepEqual(
    answer.interim.map(({ status, fields }) => [status, fields]),
    [[103, [["link", "</style.css>"]]]],
  );
});

testOverProtocols("requests that are begun at once are answered each by its own", async (harness) => {
  const { client } = await harness.trio({
    behaviour: (exchange) => exchange.answer({ body: exchange.request.target }),
  });
  const exchanges = ["/1", "/2", "/3"].map((path) => client.begin({ path }));
  assert.equal((await exchanges[2]!.answer()).text, "/3");
  for (const [index, exchange] of exchanges.entries()) assert.equal((await exchange.answer()).text, `/${index + 1}`);
  assert.deepEqual([client.begunCount, client.answeredCount], [3, 3]);
});

testOverProtocols(
  "content comes and goes in pieces, and an answer may begin before the request ends",
  async (harness) => {
    const { client, endpoint } = await harness.trio({ behaviour: silence });
    endpoint.onHead = (exchange) => {
      exchange.interim(102);
      exchange.start("unknown");
      exchange.send("early");
    };
    const exchange = client.begin({ method: "POST", length: "unknown" });
    exchange.send("first");
    assert.equal((await exchange.interim(1))[0]?.status, 102);
    await exchange.untilReceived("early");
    assert.equal((await exchange.head()).isComplete, false);
    exchange.finish();
    const asked = await endpoint.asked();
    assert.equal(asked.request.text, "first");
    asked.finish();
    assert.equal((await exchange.answer()).text, "early");
  },
);

testOverProtocols("an answer that breaks off is no answer", async (harness) => {
  const { client } = await harness.trio({
    behaviour: (exchange) => {
      exchange.start(10);
      exchange.send("half");
      setImmediate(() => exchange.abort());
    },
  });
  const exchange = client.begin();
  await exchange.untilReceived("half");
  await assert.rejects(exchange.answer(), /ended before/);
  assert.deepEqual([(await exchange.brokenAnswer())?.text, client.answeredCount], ["half", 0]);
});

testOverProtocols("an answer without content, and one to HEAD, are complete", async (harness) => {
  const { client, endpoint } = await harness.trio({ behaviour: { status: 204, body: "" } });
  const empty = await client.ask();
  endpoint.behaviour = { body: "content" };
  const answer = await client.ask({ method: "HEAD" });
  assert.deepEqual([empty.status, empty.text, answer.status, answer.text], [204, "", 200, ""]);
  assert.equal((await client.ask()).text, "content", "nothing is left of them");
});

testOverProtocols("a request that a client gives up is gone at the endpoint", async (harness) => {
  const { client, endpoint } = await harness.trio({ behaviour: silence });
  const exchange = client.begin();
  const asked = await endpoint.asked();
  assert.equal(asked.isGone, false);
  exchange.abort();
  await asked.untilGone();
  assert.equal(asked.isGone, true);
});

testOverProtocols("an endpoint that breaks off before it answers is a failure of its own", async (harness) => {
  const { client, endpoint } = await harness.trio({ behaviour: breakOff, upstream: { retry: { attempts: 0 } } });
  assert.equal((await client.ask()).status, 502);
  endpoint.behaviour = {};
  assert.equal((await client.ask()).status, 200, "the client is served on");
});

testOverProtocols("an exchange whose request nobody takes to its end is over", async (harness) => {
  const { client } = await harness.trio({ listener: { timeouts: { body: "200ms" } } });
  const exchange = client.begin({ method: "POST", length: 10 });
  exchange.send("some");
  await exchange.untilOver();
});

testOverProtocols("a client that does not read is not told, and reads on later", async (harness) => {
  const size = 4_000_000;
  const { client, endpoint } = await harness.trio({ behaviour: { body: Buffer.alloc(size, "x") } });
  client.pause();
  const exchange = client.begin();
  await endpoint.asked();
  client.resume();
  assert.equal((await exchange.answer()).body.length, size);
});

testOverProtocols(
  "a client that says that nothing more comes is answered, and its connection ends",
  async (harness) => {
    const { client } = await harness.trio();
    const exchange = client.begin();
    client.end();
    assert.equal((await exchange.answer()).status, 200);
    await client.untilOver();
    assert.equal(client.isOver, true);
  },
);

testOverProtocols("an endpoint counts its connections, and can refuse and break them", async (harness) => {
  const { client, endpoint, proxy } = await harness.trio({ upstream: { retry: { attempts: 0 } } });
  await client.ask();
  assert.deepEqual([endpoint.connectionCount, endpoint.openCount], [1, 1]);
  endpoint.breakConnections();
  await proxy.untilOpen(({ upstreamConnections }) => upstreamConnections === 0, "the proxy has noticed");
  endpoint.refusesConnections = true;
  assert.equal((await client.ask()).status, 502);
  endpoint.refusesConnections = false;
  assert.equal((await client.ask()).status, 200);
  assert.deepEqual(
    endpoint.exchanges.map(({ connectionIndex }) => connectionIndex),
    [0, 2],
  );
});

testOverProtocols("an endpoint comes back at its port, in this process or in one of its own", async (harness) => {
  const far = await harness.endpointProcess("far");
  const proxy = await harness.proxy({ endpoints: [far.url], upstream: { retry: { attempts: 0 } } });
  const answer = await harness.ask({ path: "/here" });
  assert.deepEqual([answer.text, answer.value("x-endpoint")], ["/here", "far"]);
  await far.kill();
  await proxy.untilOpen(({ upstreamConnections }) => upstreamConnections === 0, "the proxy has noticed");
  assert.equal((await harness.ask()).status, 502);
  const near = await harness.endpoint(echo("near"), far.port);
  assert.equal((await harness.ask()).value("x-endpoint"), "near");
  assert.equal(near.requests.length, 1);
});

testOverProtocols("clients that keep a proxy busy check what they are answered", async (harness) => {
  const { endpoint } = await harness.trio({ behaviour: echo("a") });
  const load = harness.load({ clients: 4 });
  await load.untilMore(20);
  assert.deepEqual([load.failures, load.byEndpoint["a"]], [[], load.answered]);
  endpoint.behaviour = { body: "another's" };
  while (load.failures.length === 0) await load.untilMore(1);
  await load.stop();
  assert.match(load.failures[0]!, /was answered with another's/);
});
