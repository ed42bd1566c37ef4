/** Endpoints that die and come back, under load and over reloads. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConfigInput } from "../../src/index.ts";
import { echo, Load } from "../support/load.ts";
import { Origin } from "../support/origin.ts";
import { OriginProcess } from "../support/origin-process.ts";
import { RawClient } from "../support/raw-client.ts";
import { eventually } from "../support/signal.ts";
import { modes, Stage } from "../support/stage.ts";
import { valuesOf } from "../support/wire-reader.ts";

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

const untilUp = (stage: Stage, endpoint: string, value: 0 | 1): Promise<void> =>
  eventually(
    async () => (await stage.metrics()).sum("millrace_endpoint_up", { endpoint }) === value,
    `${endpoint} is ${value === 1 ? "up" : "down"}`,
  );

/** An endpoint whose health can be switched off while it answers everything else. */
async function startSickly(name: string): Promise<{ origin: Origin; answered: () => number; isSick: boolean }> {
  let answered = 0;
  const answer = echo(name);
  const sickly = {
    isSick: false,
    answered: () => answered,
    origin: await Origin.start((request, response) => {
      if (request.url?.startsWith("/health") === true) response.writeHead(sickly.isSick ? 503 : 200).end();
      else {
        answered++;
        answer(request, response);
      }
    }),
  };
  return sickly;
}

for (const [title, workers] of modes) {
  test(`a killed endpoint leaves rotation without a client noticing, and comes back, ${title}`, async () => {
    let victim = await OriginProcess.start("victim");
    const other = await Origin.start(echo("other"));
    const stage = await Stage.start(configOf(workers, [victim.url, other.url]));
    const load = new Load({ port: stage.port(), clients: 8, isIdempotent: true });
    const answersOf = (name: string): number => load.byEndpoint[name] ?? 0;
    try {
      await load.untilMore(100);
      assert.ok(answersOf("victim") > 0 && answersOf("other") > 0);
      await victim.kill();
      await untilUp(stage, victim.url, 0);
      await load.untilMore(20);
      const beforeDeath = answersOf("victim");
      await load.untilMore(100);
      assert.equal(answersOf("victim"), beforeDeath, "nothing goes there while it is down");
      victim = await OriginProcess.start("victim", victim.port);
      await untilUp(stage, victim.url, 1);
      await load.untilMore(100);
      assert.ok(answersOf("victim") > beforeDeath, "it takes its share again");
      await load.stop();
      assert.deepEqual(load.failures, []);
      assert.ok(
        (await stage.metrics()).sum("millrace_retries_total") > 0,
        "requests that met the death were tried elsewhere",
      );
      await victim.kill();
      await other.close();
      await stage.untilEmpty();
    } finally {
      load.abandon();
      await victim.kill();
      await other.close();
      await stage.close();
    }
  });

  test(`with nobody left the answer is 503 with a reason and Retry-After, until somebody is back, ${title}`, async () => {
    let only = await OriginProcess.start("only");
    const stage = await Stage.start(configOf(workers, [only.url]));
    const client = await RawClient.connect(stage.port());
    const ask = async (fields = ""): ReturnType<RawClient["response"]> => {
      client.send(`GET /x HTTP/1.1\r\nHost: a\r\n${fields}\r\n`);
      return client.response();
    };
    try {
      assert.equal((await ask()).status, 200);
      await only.kill();
      await untilUp(stage, only.url, 0);
      const answer = await ask("Accept: application/json\r\n");
      assert.equal(answer.status, 503);
      assert.match(valuesOf(answer, "retry-after")[0] ?? "", /^\d+$/);
      assert.equal((JSON.parse(answer.body.toString()) as { code: string }).code, "NO_ENDPOINT");
      await eventually(
        async () => (await stage.metrics()).sum("millrace_failures_total", { reason: "NO_ENDPOINT" }) === 1,
        "it is counted",
      );
      only = await OriginProcess.start("only", only.port);
      await untilUp(stage, only.url, 1);
      assert.equal((await ask()).status, 200, "on the same connection");
      const changes = stage.messages.filter(({ message }) => message.startsWith("endpoint is"));
      assert.deepEqual(
        changes.map(({ level, message }) => [level, message]),
        [
          ["info", "endpoint is healthy"],
          ["warn", "endpoint is unhealthy"],
          ["info", "endpoint is healthy"],
        ],
      );
      client.destroy();
      await only.kill();
      await stage.untilEmpty();
    } finally {
      client.destroy();
      await only.kill();
      await stage.close();
    }
  });

  test(`what is known of an endpoint outlives reloads without a gap, ${title}`, async () => {
    const sickly = await startSickly("sick");
    const other = await Origin.start(echo("well"));
    const stage = await Stage.start(configOf(workers, [sickly.origin.url, other.url]));
    const load = new Load({ port: stage.port(), clients: 4 });
    try {
      sickly.isSick = true;
      await untilUp(stage, sickly.origin.url, 0);
      await load.untilMore(20);
      const answered = sickly.answered();
      for (let step = 1; step <= 10; step++) {
        const before = await stage.metrics();
        // How the endpoint is checked changes, too: not every time, since that begins the check anew.
        const path = step > 5 ? `/health?${step}` : "/health";
        await stage.reload(
          configOf(workers, [sickly.origin.url, other.url], {
            routes: [{ name: `all-${step}`, upstream: "app" }],
            upstreams: {
              app: {
                endpoints: [sickly.origin.url, other.url],
                balance: step % 3 === 0 ? "random" : "round-robin",
                health: { ...health, path },
              },
            },
          }),
        );
        assert.equal((await stage.metrics()).sum("millrace_endpoint_up", { endpoint: sickly.origin.url }), 0);
        assert.ok(
          (await stage.metrics()).sum("millrace_health_checks_total") >= before.sum("millrace_health_checks_total"),
        );
        await load.untilMore(20);
        assert.equal(sickly.answered(), answered, "nothing was sent there in between");
      }
      await load.stop();
      assert.deepEqual(load.failures, []);
    } finally {
      load.abandon();
      await sickly.origin.close();
      await other.close();
      await stage.close();
    }
  });

  test(`an upstream that is removed and comes back is known anew, in every thread, ${title}`, async () => {
    const sickly = await startSickly("sick");
    const other = await Origin.start(echo("well"));
    const urls = [sickly.origin.url, other.url];
    const stage = await Stage.start(configOf(workers, urls));
    try {
      for (let round = 0; round < 2; round++) {
        await stage.reload(
          configOf(workers, [], { routes: [{ name: "none", respond: { status: 204 } }], upstreams: {} }),
        );
        await stage.reload(configOf(workers, urls));
        sickly.isSick = true;
        await untilUp(stage, sickly.origin.url, 0);
        const answered = sickly.answered();
        const load = new Load({ port: stage.port(), clients: 20, requestsPerClient: 5 });
        await load.done();
        assert.deepEqual(load.failures, []);
        assert.equal(sickly.answered(), answered, "no thread sends anything there");
        sickly.isSick = false;
        await untilUp(stage, sickly.origin.url, 1);
      }
      await sickly.origin.close();
      await other.close();
      await stage.untilEmpty();
    } finally {
      await sickly.origin.close();
      await other.close();
      await stage.close();
    }
  });
}
