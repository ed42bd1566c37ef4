/**
 * An upstream is given other endpoints while it serves, without a reload: no request is lost, what is known of an
 * endpoint that stays is kept, one that goes is drained, and nothing else is touched.
 */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { test } from "node:test";
import type { ConfigInput } from "../../src/index.ts";
import { ToldEndpoints } from "../support/listed-endpoints.ts";
import { echo, Load } from "../support/load.ts";
import { Origin } from "../support/origin.ts";
import { RawClient } from "../support/raw-client.ts";
import { eventually } from "../support/signal.ts";
import { modes, Stage } from "../support/stage.ts";
import { valuesOf } from "../support/wire-reader.ts";

type UpstreamInput = NonNullable<ConfigInput["upstreams"]>[string];

interface Running {
  readonly stage: Stage;
  readonly source: ToldEndpoints;
  readonly origins: readonly Origin[];
  /** The URLs of the origins. */
  readonly urls: readonly string[];
  /** Waits until the upstream has exactly these endpoints. */
  untilListed(urls: readonly string[]): Promise<void>;
}

const changesOf = ({ messages }: Stage): number =>
  messages.filter(({ message }) => message === "upstream has other endpoints").length;

async function ask(port: number, target = "/x"): Promise<{ status: number; endpoint: string }> {
  const client = await RawClient.connect(port);
  client.send(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
  const answer = await client.response();
  await client.close();
  return { status: answer.status, endpoint: valuesOf(answer, "x-endpoint")[0] ?? "" };
}

for (const [title, workers] of modes) {
  /** Three origins, `a`, `b` and `c`; the source gives the first two. */
  const withSource = async (
    upstream: Partial<UpstreamInput>,
    run: (running: Running) => Promise<void>,
    listenerOf: (name: string) => Parameters<typeof Origin.start>[0] = echo,
  ): Promise<void> => {
    const origins = await Promise.all(["a", "b", "c"].map((name) => Origin.start(listenerOf(name))));
    const urls = origins.map(({ url }) => url);
    const source = new ToldEndpoints(urls.slice(0, 2));
    const stage = await Stage.start(
      {
        workers,
        listeners: [{ name: "main", address: "127.0.0.1:0" }],
        routes: [
          { match: { path: "/still" }, upstream: "still" },
          { name: "all", upstream: "app" },
        ],
        upstreams: {
          app: { endpoints: ["http://127.0.0.1:9"], ...upstream },
          still: { endpoints: [urls[2]!] },
        },
      },
      {
        createSource: (name, { endpoints }) =>
          name === "app" ? source : new ToldEndpoints(endpoints.map(({ url }) => url)),
      },
    );
    const untilListed = async (listed: readonly string[]): Promise<void> => {
      await eventually(
        async () => {
          const up = (await stage.metrics()).endpoints("millrace_endpoint_up", "app");
          return JSON.stringify(up.toSorted()) === JSON.stringify([...listed].sort());
        },
        () => `the endpoints are ${listed.join(", ")}`,
      );
    };
    try {
      await run({ stage, source, origins, urls, untilListed });
      // That requests were refused is told, and meant.
      const isMeant = (complaint: string): boolean => complaint.startsWith("upstream cannot serve requests");
      assert.deepEqual(
        stage.complaints.filter((complaint) => !isMeant(complaint)),
        [],
      );
      for (const origin of origins) await origin.close();
      await stage.untilEmpty();
    } finally {
      for (const origin of origins) await origin.close();
      await stage.close();
    }
    assert.equal(source.isClosed, true);
  };

  test(`endpoints come and go under load, and no request is lost, ${title}`, async () => {
    await withSource({ balance: "least-connections" }, async ({ stage, source, urls, untilListed }) => {
      const load = new Load({ port: stage.port(), clients: 6 });
      try {
        for (const picked of [[0], [1, 2], [2], [0, 1, 2], [2, 0], [1]]) {
          await load.untilMore(40);
          source.tell(picked.map((at) => ({ url: urls[at]!, weight: 1 + at })));
          await untilListed(picked.map((at) => urls[at]!));
          const before = { ...load.byEndpoint };
          await load.untilMore(60);
          const served = ["a", "b", "c"].filter((name) => (load.byEndpoint[name] ?? 0) > (before[name] ?? 0));
          for (const at of picked) assert.ok(served.includes("abc"[at]!), `${"abc"[at]!} is one of ${served.join()}`);
        }
        await load.stop();
      } finally {
        load.abandon();
      }
      assert.deepEqual(load.failures, []);
    });
  });

  test(`what is known of an endpoint that stays is kept, and its connections are, ${title}`, async () => {
    await withSource({ pool: { maxIdle: 8 }, health: { interval: "60s" } }, async (running) => {
      const { stage, source, origins, urls, untilListed } = running;
      for (let at = 0; at < 8; at++) assert.equal((await ask(stage.port())).status, 200);
      assert.deepEqual((await ask(stage.port(), "/still")).endpoint, "c");
      stage.proxy.endpointControl.apply("app", urls[1]!, { kind: "drain" });
      const [first] = origins;
      const { connectionCount } = first!;
      const checks = async (url: string): Promise<number> =>
        (await stage.metrics()).sum("millrace_health_checks_total", { upstream: "app", endpoint: url });
      const checked = await checks(urls[0]!);
      source.tell([urls[2]!, urls[1]!, urls[0]!]);
      await untilListed(urls);
      const metrics = await stage.metrics();
      assert.equal(metrics.sum("millrace_endpoint_draining", { upstream: "app", endpoint: urls[1]! }), 1);
      assert.equal(await checks(urls[0]!), checked, "it is not checked anew");
      for (let at = 0; at < 8; at++) assert.notEqual((await ask(stage.port())).endpoint, "b");
      assert.ok(first!.connectionCount <= connectionCount + Math.max(1, workers), "connections are used again");
    });
  });

  test(`an endpoint that is gone finishes what it has begun, and its connections are closed, ${title}`, async () => {
    let waiting: ServerResponse | null = null;
    const listenerOf =
      (name: string): Parameters<typeof Origin.start>[0] =>
      (request, response) => {
        if (request.url === "/slow") waiting = response;
        else echo(name)(request, response);
      };
    await withSource(
      {},
      async ({ stage, source, origins, urls, untilListed }) => {
        source.tell([urls[0]!]);
        await untilListed([urls[0]!]);
        const client = await RawClient.connect(stage.port());
        client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
        await eventually(
          () => waiting !== null,
          () => "the request has come",
        );
        source.tell([urls[1]!]);
        await untilListed([urls[1]!]);
        assert.equal((await ask(stage.port())).endpoint, "b");
        echo("a")({ url: "/done" } as Parameters<Parameters<typeof Origin.start>[0]>[0], waiting!);
        const answer = await client.response();
        assert.deepEqual([answer.status, answer.body.toString()], [200, "/done"]);
        await client.close();
        await eventually(
          () => origins[0]!.openCount === 0,
          () => "its connections are closed",
        );
        source.tell([urls[0]!]);
        await untilListed([urls[0]!]);
        assert.equal((await ask(stage.port())).endpoint, "a", "it comes back");
      },
      listenerOf,
    );
  });

  test(`no endpoint is 503, until there is one, ${title}`, async () => {
    await withSource({}, async ({ stage, source, urls, untilListed }) => {
      source.tell([]);
      await untilListed([]);
      assert.equal((await ask(stage.port())).status, 503);
      assert.equal((await ask(stage.port(), "/still")).status, 200);
      source.tell([urls[2]!]);
      await untilListed([urls[2]!]);
      assert.deepEqual(await ask(stage.port()), { status: 200, endpoint: "c" });
    });
  });

  test(`the same list changes nothing, and of a burst only the last list counts, ${title}`, async () => {
    await withSource({}, async ({ stage, source, urls, untilListed }) => {
      source.tell([urls[1]!, urls[0]!, urls[1]!]);
      for (let at = 0; at < 100; at++) source.tell([urls[at % 3]!]);
      source.tell([urls[2]!, urls[0]!]);
      await untilListed([urls[2]!, urls[0]!]);
      assert.ok(changesOf(stage) <= 2, `${changesOf(stage)} changes`);
    });
  });

  test(`sticky clients stay where they are, and move when that is gone, ${title}`, async () => {
    await withSource({ sticky: { cookie: {} } }, async ({ stage, source, urls, untilListed }) => {
      const visit = async (cookie: string): Promise<{ endpoint: string; cookie: string }> => {
        const client = await RawClient.connect(stage.port());
        client.send(`GET /x HTTP/1.1\r\nHost: a\r\n${cookie === "" ? "" : `Cookie: ${cookie}\r\n`}\r\n`);
        const answer = await client.response();
        await client.close();
        return {
          endpoint: valuesOf(answer, "x-endpoint")[0] ?? "",
          cookie: valuesOf(answer, "set-cookie")[0]?.split(";")[0] ?? cookie,
        };
      };
      source.tell([urls[0]!]);
      await untilListed([urls[0]!]);
      const first = await visit("");
      assert.equal(first.endpoint, "a");
      source.tell(urls);
      await untilListed(urls);
      for (let at = 0; at < 6; at++) assert.deepEqual(await visit(first.cookie), first);
      source.tell([urls[1]!]);
      await untilListed([urls[1]!]);
      const moved = await visit(first.cookie);
      assert.equal(moved.endpoint, "b");
      assert.notEqual(moved.cookie, first.cookie);
    });
  });

  test(`limits count across a change of the list, ${title}`, async () => {
    const waiting: ServerResponse[] = [];
    const listenerOf = (): Parameters<typeof Origin.start>[0] => (_request, response) => void waiting.push(response);
    await withSource(
      { limits: { maxRequests: 2, maxRequestsPerEndpoint: 1, maxPending: 0 } },
      async ({ stage, source, urls, untilListed }) => {
        const clients = [await RawClient.connect(stage.port()), await RawClient.connect(stage.port())];
        for (const client of clients) client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        await eventually(
          () => waiting.length === 2,
          () => "both have come",
        );
        source.tell([urls[1]!, urls[2]!]);
        await untilListed([urls[1]!, urls[2]!]);
        assert.equal((await ask(stage.port())).status, 503, "both places are taken");
        for (const response of waiting.splice(0)) response.end();
        for (const client of clients) assert.equal((await client.response()).status, 200);
        const next = ask(stage.port());
        await eventually(
          () => waiting.length === 1,
          () => "there is room again",
        );
        for (const response of waiting.splice(0)) response.end();
        assert.equal((await next).status, 200);
        for (const client of clients) await client.close();
      },
      listenerOf,
    );
  });

  test(`a reload keeps the list of a source that it does not change, and starts another for one that it does, ${title}`, async () => {
    const origins = await Promise.all(["a", "b"].map((name) => Origin.start(echo(name))));
    const urls = origins.map(({ url }) => url);
    const sources: ToldEndpoints[] = [];
    const config = (endpoint: string, headFields: number): ConfigInput => ({
      workers,
      listeners: [{ name: "main", address: "127.0.0.1:0", limits: { headFields } }],
      routes: [{ upstream: "app" }],
      upstreams: { app: { endpoints: [endpoint] } },
    });
    const stage = await Stage.start(config(urls[0]!, 100), {
      createSource: (_name, { endpoints }) => {
        const source = new ToldEndpoints(endpoints.map(({ url }) => url));
        sources.push(source);
        return source;
      },
    });
    try {
      sources[0]!.tell([urls[1]!]);
      await eventually(
        async () => (await ask(stage.port())).endpoint === "b",
        () => "b serves",
      );
      await stage.reload(config(urls[0]!, 101));
      assert.deepEqual([(await ask(stage.port())).endpoint, sources.length], ["b", 1]);
      const diff = await stage.reload(config(urls[0]!, 101));
      assert.equal(diff.isEmpty, true, "the list of the source is no change of the configuration");
      await stage.reload(config(origins[1]!.url.replace("127.0.0.1", "localhost"), 101));
      assert.deepEqual([sources.length, sources[0]!.isClosed, sources[1]!.isClosed], [2, true, false]);
      sources[0]!.tell([urls[0]!]);
      sources[1]!.tell([urls[0]!]);
      await eventually(
        async () => (await ask(stage.port())).endpoint === "a",
        () => "a serves",
      );
      assert.deepEqual(stage.complaints, []);
    } finally {
      await stage.close();
      for (const origin of origins) await origin.close();
    }
  });
}

test("a thread that comes later has the list of the others", async () => {
  const origins = await Promise.all(["a", "b"].map((name) => Origin.start(echo(name))));
  const [first, second] = origins.map(({ url }) => url) as [string, string];
  const source = new ToldEndpoints([first]);
  const stage = await Stage.start(
    {
      workers: 1,
      listeners: [{ name: "main", address: "127.0.0.1:0" }],
      routes: [{ upstream: "app" }],
      upstreams: { app: { endpoints: [first] } },
    },
    { createSource: () => source },
  );
  try {
    source.tell([second]);
    await eventually(
      async () => (await ask(stage.port())).endpoint === "b",
      () => "b serves",
    );
    const restarted = async (): Promise<boolean> => (await stage.metrics()).sum("millrace_proxy_threads") === 1;
    await stage.proxy.killThread(0);
    await eventually(restarted, () => "there is a thread again");
    assert.equal((await ask(stage.port())).endpoint, "b");
  } finally {
    await stage.close();
    for (const origin of origins) await origin.close();
  }
});
