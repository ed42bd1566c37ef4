/** The harness itself: what its parts show of a proxy, and what it does not let pass. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { silence } from "./endpoint.ts";
import { Harness, testOverProtocols } from "./harness.ts";
import { modes } from "./proxy-under-test.ts";

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

for (const [title, threads] of modes) {
  testOverProtocols(
    `a proxy in a process of its own is asked and checked in the same way, ${title}`,
    async (harness) => {
      const endpoint = await harness.endpoint({ body: "far" });
      const proxy = await harness.process({ threads, endpoints: [endpoint.url] });
      const client = await harness.speaker();
      assert.equal((await client.ask()).text, "far");
      assert.equal((await proxy.metrics()).sum("millrace_requests_total"), 1);
      const [lines] = await harness.end();
      assert.deepEqual(
        lines!.map(({ status }) => status),
        [200],
      );
      assert.equal(proxy.isOpen, false);
    },
  );
}

/** A test that ends when it is told to. */
function createContext(): { context: TestContext; finish: () => Promise<unknown> } {
  let after = (): unknown => null;
  const context = { passed: true, after: (hook: () => unknown) => void (after = hook) };
  return { context: context as unknown as TestContext, finish: async () => after() };
}

test("a request without its line in the access log is found", async () => {
  const { context, finish } = createContext();
  const harness = new Harness(context);
  const { client } = await harness.trio();
  await client.ask();
  Object.assign(client, { answeredCount: 2, begunCount: 2 });
  await assert.rejects(finish(), /1 lines in the access log for 2 requests/);
});

test("bytes that reach an endpoint and could be read in two ways are found", async () => {
  const { context, finish } = createContext();
  const harness = new Harness(context);
  const { proxy } = await harness.trio();
  const upstream = await harness.scripted();
  (upstream.violations as string[]).push("two lengths");
  assert.ok(proxy.port > 0);
  await assert.rejects(finish(), /two lengths/);
});

test("an error that the proxy told its logger is found, unless it was expected", async () => {
  for (const mayComplain of [/^$/, /went wrong/]) {
    const { context, finish } = createContext();
    const harness = new Harness(context);
    const { proxy } = await harness.trio({ mayComplain });
    (proxy.messages as unknown[]).push({ level: "error", message: "it went wrong", fields: {} });
    if (mayComplain.test("went wrong")) await finish();
    else await assert.rejects(finish(), /it went wrong/);
  }
});
