/** Endpoints that die and come back, under load and over reloads. */
import assert from "node:assert/strict";
import type { ConfigInput } from "../../src/index.ts";
import { type Endpoint, echo } from "../support/endpoint.ts";
import { type Harness, testOverProtocols } from "../support/harness.ts";
import { modes, type ProxyUnderTest } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";

const health = { path: "/health", interval: "30ms", fastInterval: "30ms", timeout: "2s", rise: 1, fall: 1 };

function configOf(workers: number, urls: readonly string[], changes: Partial<ConfigInput> = {}): ConfigInput {
  return {
    workers,
    listeners: [{ name: "main", address: "127.0.0.1:0" }],
    routes: [{ name: "all", upstream: "app" }],
    upstreams: { app: { endpoints: [...urls], health } },
    ...changes,
  };
}

const untilUp = (proxy: ProxyUnderTest, endpoint: string, value: 0 | 1): Promise<void> =>
  eventually(
    async () => (await proxy.metrics()).sum("millrace_endpoint_up", { endpoint }) === value,
    `${endpoint} is ${value === 1 ? "up" : "down"}`,
  );

/** An endpoint whose health can be switched off while it answers everything else. */
async function startSickly(
  harness: Harness,
  name: string,
): Promise<{ endpoint: Endpoint; answered: () => number; isSick: boolean }> {
  let answered = 0;
  const answer = echo(name);
  const sickly = {
    isSick: false,
    answered: () => answered,
    endpoint: await harness.endpoint((exchange) => {
      if (exchange.request.target.startsWith("/health")) exchange.answer({ status: sickly.isSick ? 503 : 200 });
      else {
        answered++;
        answer(exchange);
      }
    }),
  };
  return sickly;
}

for (const [title, workers] of modes) {
  testOverProtocols(
    `a killed endpoint leaves rotation without a client noticing, and comes back, ${title}`,
    async (harness) => {
      let victim = await harness.endpointProcess("victim");
      const other = await harness.endpoint(echo("other"));
      const proxy = await harness.proxy({ config: configOf(workers, [victim.url, other.url]) });
      const load = harness.load({ clients: 8, isIdempotent: true });
      const answersOf = (name: string): number => load.byEndpoint[name] ?? 0;
      await load.untilMore(100);
      assert.ok(answersOf("victim") > 0 && answersOf("other") > 0);
      await victim.kill();
      await untilUp(proxy, victim.url, 0);
      await load.untilMore(20);
      const beforeDeath = answersOf("victim");
      await load.untilMore(100);
      assert.equal(answersOf("victim"), beforeDeath, "nothing goes there while it is down");
      victim = await harness.endpointProcess("victim", victim.port);
      await untilUp(proxy, victim.url, 1);
      await load.untilMore(100);
      assert.ok(answersOf("victim") > beforeDeath, "it takes its share again");
      await load.stop();
      assert.deepEqual(load.failures, []);
      assert.ok(
        (await proxy.metrics()).sum("millrace_retries_total") > 0,
        "requests that met the death were tried elsewhere",
      );
    },
  );

  testOverProtocols(
    `with nobody left the answer is 503 with a reason and Retry-After, until somebody is back, ${title}`,
    async (harness) => {
      let only = await harness.endpointProcess("only");
      const proxy = await harness.proxy({ config: configOf(workers, [only.url]) });
      const client = await harness.speaker();
      assert.equal((await client.ask()).status, 200);
      await only.kill();
      await untilUp(proxy, only.url, 0);
      const answer = await client.ask({ fields: { accept: "application/json" } });
      assert.equal(answer.status, 503);
      assert.match(answer.value("retry-after") ?? "", /^\d+$/);
      assert.equal((JSON.parse(answer.text) as { code: string }).code, "NO_ENDPOINT");
      await eventually(
        async () => (await proxy.metrics()).sum("millrace_failures_total", { reason: "NO_ENDPOINT" }) === 1,
        "it is counted",
      );
      only = await harness.endpointProcess("only", only.port);
      await untilUp(proxy, only.url, 1);
      assert.equal((await client.ask()).status, 200, "on the same connection");
      const changes = proxy.messages.filter(({ message }) => message.startsWith("endpoint is"));
      assert.deepEqual(
        changes.map(({ level, message }) => [level, message]),
        [
          ["info", "endpoint is healthy"],
          ["warn", "endpoint is unhealthy"],
          ["info", "endpoint is healthy"],
        ],
      );
    },
  );

  testOverProtocols(`what is known of an endpoint outlives reloads without a gap, ${title}`, async (harness) => {
    const sickly = await startSickly(harness, "sick");
    const other = await harness.endpoint(echo("well"));
    const proxy = await harness.proxy({ config: configOf(workers, [sickly.endpoint.url, other.url]) });
    const load = harness.load({ clients: 4 });
    sickly.isSick = true;
    await untilUp(proxy, sickly.endpoint.url, 0);
    await load.untilMore(20);
    const answered = sickly.answered();
    for (let step = 1; step <= 10; step++) {
      const before = await proxy.metrics();
      // How the endpoint is checked changes, too: not every time, since that begins the check anew.
      const path = step > 5 ? `/health?${step}` : "/health";
      await proxy.reload({
        config: configOf(workers, [sickly.endpoint.url, other.url], {
          routes: [{ name: `all-${step}`, upstream: "app" }],
          upstreams: {
            app: {
              endpoints: [sickly.endpoint.url, other.url],
              balance: step % 3 === 0 ? "random" : "round-robin",
              health: { ...health, path },
            },
          },
        }),
      });
      assert.equal((await proxy.metrics()).sum("millrace_endpoint_up", { endpoint: sickly.endpoint.url }), 0);
      assert.ok(
        (await proxy.metrics()).sum("millrace_health_checks_total") >= before.sum("millrace_health_checks_total"),
      );
      await load.untilMore(20);
      assert.equal(sickly.answered(), answered, "nothing was sent there in between");
    }
    await load.stop();
    assert.deepEqual(load.failures, []);
  });

  testOverProtocols(
    `an upstream that is removed and comes back is known anew, in every thread, ${title}`,
    async (harness) => {
      const sickly = await startSickly(harness, "sick");
      const other = await harness.endpoint(echo("well"));
      const urls = [sickly.endpoint.url, other.url];
      const proxy = await harness.proxy({ config: configOf(workers, urls) });
      for (let round = 0; round < 2; round++) {
        await proxy.reload({
          config: configOf(workers, [], { routes: [{ name: "none", respond: { status: 204 } }], upstreams: {} }),
        });
        await proxy.reload({ config: configOf(workers, urls) });
        sickly.isSick = true;
        await untilUp(proxy, sickly.endpoint.url, 0);
        const answered = sickly.answered();
        const load = harness.load({ clients: 20, requestsPerClient: 5 });
        await load.done();
        assert.deepEqual(load.failures, []);
        assert.equal(sickly.answered(), answered, "no thread sends anything there");
        sickly.isSick = false;
        await untilUp(proxy, sickly.endpoint.url, 1);
      }
    },
  );
}
