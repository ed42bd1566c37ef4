/** The harness itself: what it starts, what it ends, and what it does not let pass. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Harness, testOverProtocols } from "./harness.ts";
import { http1, type Protocols } from "./protocols.ts";
import { modes } from "./proxy-under-test.ts";
import { eventually } from "./signal.ts";

for (const [title, threads] of modes) {
  testOverProtocols(
    `a proxy in a process of its own is asked and checked in the same way, ${title}`,
    async (harness) => {
      const endpoint = await harness.endpoint({ body: "far" });
      const proxy = await harness.process({ threads, endpoints: [endpoint.url] });
      const client = await harness.speaker();
      assert.equal((await client.ask()).text, "far");
      // The thread counts when the answer is written, and the client may have it before.
      await eventually(
        async () => (await proxy.metrics()).sum("millrace_requests_total") === 1,
        "the request is counted",
      );
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

test("every client and endpoint speaks what its test is to be spoken in, and the configuration says so", async () => {
  const used = { connections: 0, servers: 0 };
  const counted: Protocols = {
    client: {
      name: "counted",
      scheme: "http",
      listener: { name: "counted" },
      connect(target) {
        used.connections++;
        return http1.client.connect(target);
      },
    },
    endpoint: {
      name: "counted",
      upstream: () => ({ via: false }),
      listen(listener, port) {
        used.servers++;
        return http1.endpoint.listen(listener, port);
      },
    },
  };
  const { context, finish } = createContext();
  const harness = new Harness(context, counted);
  const { client, endpoint, proxy } = await harness.trio();
  await client.ask();
  await harness.ask();
  await harness.load({ clients: 2, requestsPerClient: 1 }).done();
  await harness.endpoints(2);
  assert.deepEqual(used, { connections: 4, servers: 3 });
  const options = { endpoints: [endpoint.url] };
  for (const reloaded of [
    options,
    { config: { upstreams: { app: options }, listeners: [{ address: "127.0.0.1:0" }] } },
  ]) {
    await proxy.reload(reloaded);
    assert.equal((await client.ask()).status, 200);
    assert.equal(endpoint.requests.at(-1)!.value("via"), null);
    assert.equal(proxy.proxy.addresses()[0]!.name, "counted");
  }
  await finish();
});
