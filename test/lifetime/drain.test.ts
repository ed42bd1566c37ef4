/** The way out: what is under way is finished within the grace period, nothing is lost, nothing is left. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ConfigInput } from "../../src/index.ts";
import { type Endpoint, echo, silence } from "../support/endpoint.ts";
import { isRefused } from "../support/free-port.ts";
import { type Harness, testOverProtocols } from "../support/harness.ts";
import { type ProxyUnderTest, modes, nothingOpen } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";
import type { ClientExchange, Speaker } from "../support/speaker.ts";

for (const [title, threads] of modes) {
  const start = (
    harness: Harness,
    endpoint: Endpoint,
    shutdown: ConfigInput["shutdown"] = { grace: "1h" },
  ): Promise<ProxyUnderTest> =>
    harness.proxy((folder) => ({
      threads,
      endpoints: [endpoint.url],
      config: { shutdown, log: { stats: "0s", access: { path: join(folder, "access.log") } } },
      // As the command does it.
      idleGraceMs: 300,
    }));
  /** Closes the proxy, if that is not done; it has ended then, without a complaint. */
  const finish = async (proxy: ProxyUnderTest): Promise<void> => {
    await proxy.proxy.close();
    assert.deepEqual(await proxy.inspect(), nothingOpen);
    assert.deepEqual(proxy.complaints, []);
  };
  /** A client whose request the silent endpoint has. */
  const holdOne = async (
    harness: Harness,
    endpoint: Endpoint,
  ): Promise<{ client: Speaker; exchange: ClientExchange }> => {
    const client = await harness.speaker();
    const exchange = client.begin({ path: "/held" });
    await endpoint.asked();
    return { client, exchange };
  };

  testOverProtocols(`closing under load loses no request and tells every client to go, ${title}`, async (harness) => {
    const endpoint = await harness.endpoint(echo("a"));
    const proxy = await start(harness, endpoint);
    const load = harness.load({ clients: 20, isOneConnection: true });
    await load.untilMore(200);
    await proxy.proxy.close();
    await load.done();
    assert.deepEqual(load.failures, []);
    const lines = readFileSync(join(proxy.folder, "access.log"), "utf8").trimEnd().split("\n");
    assert.equal(lines.length, load.answered, "every line of the access log is written");
    await endpoint.until(() => endpoint.openCount === 0, "no connection to the endpoint is left");
    await finish(proxy);
  });

  testOverProtocols(
    `a request under way ends, the address is refused meanwhile and /readyz says 503, ${title}`,
    async (harness) => {
      const endpoint = await harness.endpoint(silence);
      const proxy = await start(harness, endpoint);
      assert.equal((await fetch(`${proxy.admin}/readyz`)).status, 200);
      const { client, exchange } = await holdOne(harness, endpoint);
      const port = proxy.port;
      const closing = proxy.proxy.close();
      await eventually(() => isRefused(port), "nobody is let in");
      assert.equal((await fetch(`${proxy.admin}/readyz`)).status, 503);
      assert.equal((await fetch(`${proxy.admin}/livez`)).status, 200);
      await assert.rejects(proxy.reload({ routes: [{ respond: { status: 204 } }] }), /not running/);
      endpoint.exchanges[0]!.answer({ body: "late" });
      const { text, isLast } = await exchange.answer();
      assert.deepEqual([text, isLast], ["late", true]);
      await client.untilOver();
      await client.close();
      await closing;
      await finish(proxy);
    },
  );

  testOverProtocols(`an upload that has begun is taken to its end, ${title}`, async (harness) => {
    const endpoint = await harness.endpoint((exchange) => exchange.answer({ body: exchange.request.text }));
    const proxy = await start(harness, endpoint);
    const client = await harness.speaker();
    const exchange = client.begin({ method: "POST", length: 10 });
    exchange.send("12345");
    await eventually(async () => (await proxy.inspect()).exchanges === 1, "the request has begun");
    const closing = proxy.proxy.close();
    exchange.send("67890");
    assert.equal((await exchange.answer()).text, "1234567890");
    await client.close();
    await closing;
    await finish(proxy);
  });

  testOverProtocols(
    `a request that crosses the closing on an idle connection is answered, ${title}`,
    async (harness) => {
      const endpoint = await harness.endpoint(echo("a"));
      const proxy = await start(harness, endpoint);
      const client = await harness.speaker();
      await client.ask({ path: "/first" });
      const closing = proxy.proxy.close();
      const { text, isLast } = await client.ask({ path: "/second" });
      assert.deepEqual([text, isLast], ["/second", true]);
      await client.close();
      await closing;
      await finish(proxy);
    },
  );

  testOverProtocols(
    `a program that closes its proxy waits for no idle connection, however recently it was used, ${title}`,
    async (harness) => {
      const { proxy, client } = await harness.trio({ threads, config: { shutdown: { grace: "1h" } } });
      await client.ask();
      const closing = proxy.proxy.close();
      await nextTurn();
      assert.equal((await proxy.inspect()).connections, 0, "it is closed before anything could be waited for");
      await client.untilOver();
      client.destroy();
      await closing;
    },
  );

  testOverProtocols(`connections that stay idle do not hold up the closing, ${title}`, async (harness) => {
    const proxy = await start(harness, await harness.endpoint(echo("a")));
    const clients = await harness.speakers(5);
    await eventually(async () => (await proxy.inspect()).connections === 5, "all are open");
    await proxy.proxy.close();
    await Promise.all(clients.map((client) => client.untilOver()));
    for (const client of clients) client.destroy();
    await finish(proxy);
  });

  testOverProtocols(
    `the grace period ends a request that does not, and the log says why, ${title}`,
    async (harness) => {
      const endpoint = await harness.endpoint(silence);
      const proxy = await start(harness, endpoint, { grace: "50ms" });
      const { client, exchange } = await holdOne(harness, endpoint);
      await proxy.proxy.close();
      const answer = await exchange.answer();
      assert.deepEqual([answer.status, answer.reason], [503, "SHUTTING_DOWN"]);
      await client.untilOver();
      client.destroy();
      const [line] = readFileSync(join(proxy.folder, "access.log"), "utf8").trimEnd().split("\n");
      const { status, reason } = JSON.parse(line ?? "") as { status: number; reason: string };
      assert.deepEqual([status, reason], [503, "SHUTTING_DOWN"]);
      assert.deepEqual(proxy.proxy.cut, { exchanges: 1, tunnels: 0 });
      await endpoint.until(() => endpoint.openCount === 0, "the endpoint's connection is closed, too");
      await finish(proxy);
    },
  );

  testOverProtocols(`a later close can only shorten the grace period, ${title}`, async (harness) => {
    const endpoint = await harness.endpoint(silence);
    const proxy = await start(harness, endpoint);
    const { client } = await holdOne(harness, endpoint);
    const closing = proxy.proxy.close();
    void proxy.proxy.close();
    void proxy.proxy.close({ graceMs: 7_200_000 });
    void proxy.proxy.close({ graceMs: 20 });
    await closing;
    await client.untilOver();
    client.destroy();
    await finish(proxy);
  });

  testOverProtocols(
    `closing without grace is immediate, also as a second thought and any number of times, ${title}`,
    async (harness) => {
      const endpoint = await harness.endpoint(silence);
      const proxy = await start(harness, endpoint);
      const { client } = await holdOne(harness, endpoint);
      const closing = proxy.proxy.close();
      await proxy.proxy.close({ graceMs: 0 });
      await closing;
      await proxy.proxy.close({ graceMs: 0 });
      await client.untilOver();
      client.destroy();
      await finish(proxy);
    },
  );

  testOverProtocols(
    `during the delay new connections are served as ever while /readyz says 503, ${title}`,
    async (harness) => {
      const proxy = await start(harness, await harness.endpoint(echo("a")), { grace: "1h", delay: "1h" });
      const closing = proxy.proxy.close();
      assert.equal((await fetch(`${proxy.admin}/readyz`)).status, 503);
      const client = await harness.speaker();
      const { text, isLast } = await client.ask({ path: "/still" });
      assert.deepEqual([text, isLast], ["/still", false]);
      // With a time of its own, a later close skips what is left of the delay.
      void proxy.proxy.close({ graceMs: 20 });
      await closing;
      await client.untilOver();
      client.destroy();
      await finish(proxy);
    },
  );
}
