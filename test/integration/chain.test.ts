/** Millrace behind Millrace: what one writes, the other reads; and a proxy that is its own endpoint finds out. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ProxyUnderTest } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerOk, ScriptedUpstream } from "../support/scripted-upstream.ts";
import { valuesOf } from "../support/wire-reader.ts";
import { chunkFixtures } from "../wire/request-chunks.ts";
import { fieldFixtures } from "../wire/request-fields.ts";
import { framingFixtures } from "../wire/request-framing.ts";
import { targetFixtures } from "../wire/request-targets.ts";
import { validFixtures } from "../wire/request-valid.ts";
import { validResponses } from "../wire/response-valid.ts";

async function withChain(
  run: (parts: { upstream: ScriptedUpstream; front: ProxyUnderTest }) => Promise<void>,
): Promise<void> {
  const upstream = await ScriptedUpstream.start(answerOk);
  const back = await ProxyUnderTest.start({ endpoints: [upstream.url], listener: { trustedProxies: ["127.0.0.0/8"] } });
  const front = await ProxyUnderTest.start({ endpoints: [back.url] });
  try {
    await run({ upstream, front });
  } finally {
    await front.untilQuiet();
    await upstream.close();
    await front.close();
    await back.untilEmpty();
    await back.close();
  }
}

test("every request that one forwards, the next forwards alike", () =>
  withChain(async ({ upstream, front }) => {
    for (const { name, request, forwarded } of [
      framingFixtures,
      chunkFixtures,
      fieldFixtures,
      targetFixtures,
      validFixtures,
    ].flat()) {
      if (forwarded === undefined) continue;
      upstream.forget();
      const client = await RawClient.connect(front.port);
      try {
        client.send(request);
        const response = await client.response(request.startsWith("HEAD ") ? "HEAD" : "GET");
        // The second hop has fewer fields and bytes to spare than the first.
        if (response.status === 431) continue;
        assert.equal(response.status, 200, name);
        const [received] = upstream.requests;
        assert.ok(received, name);
        assert.equal(`${received.method} ${received.target}`, forwarded.line, name);
        assert.equal(received.body.toString("latin1"), forwarded.body ?? "", name);
        assert.deepEqual(valuesOf(received, "x-forwarded-for"), ["127.0.0.1, 127.0.0.1"], name);
        assert.match(valuesOf(received, "via").join(), /^1\.\d \S+, 1\.1 \S+$/, name);
      } finally {
        client.destroy();
      }
    }
    assert.deepEqual(upstream.violations, []);
  }));

test("every answer that one passes on, the next passes on alike", () =>
  withChain(async ({ upstream, front }) => {
    for (const { name, response, received, method, request, endsOutput } of validResponses) {
      if (received === undefined || request !== undefined) continue;
      upstream.script = {
        onRequest: (connection) => {
          connection.send(response);
          if (endsOutput === true) connection.end();
        },
      };
      const client = await RawClient.connect(front.port);
      try {
        client.send(`${method ?? "GET"} / HTTP/1.1\r\nHost: a\r\n\r\n`);
        const answer = await client.response(method ?? "GET");
        assert.equal(answer.status, received.status, name);
        assert.equal(answer.body.toString("latin1"), received.body ?? "", name);
        if (received.trailers !== undefined)
          assert.deepEqual(
            answer.trailers.map(([field, value]) => `${field}: ${value}`),
            received.trailers,
            name,
          );
      } finally {
        client.destroy();
      }
    }
  }));

test("a proxy that is its own endpoint answers 508 instead of asking itself for ever", async () => {
  const proxy = await ProxyUnderTest.start({ endpoints: ["http://127.0.0.1:1"] });
  const client = await RawClient.connect(proxy.port);
  try {
    await proxy.reload({ endpoints: [proxy.url] });
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert.equal((await client.response()).status, 508);
  } finally {
    client.destroy();
    const log = await proxy.close();
    assert.deepEqual(
      log.map(({ status }) => status),
      [508, 508],
    );
  }
});

const ways: readonly (readonly [name: string, upstream: Record<string, unknown>, middlewares: readonly unknown[]])[] = [
  ["via: false", { via: false }, []],
  ["via as a field to remove", {}, [{ headers: { request: { remove: ["Via"] } } }]],
];
for (const [name, upstream, middlewares] of ways) {
  test(`${name}: the endpoint sees no Via of ours, and a loop through two proxies ends with 508 all the same`, async () => {
    const endpoint = await ScriptedUpstream.start();
    const routes = [{ upstream: "app", middlewares }];
    const first = await ProxyUnderTest.start({ endpoints: [endpoint.url], upstream, routes });
    const second = await ProxyUnderTest.start({ endpoints: [first.url], upstream, routes });
    const client = await RawClient.connect(second.port);
    try {
      client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: cdn-loop, via\r\n\r\n");
      assert.equal((await client.response()).status, 200);
      const { fields } = endpoint.requests[0]!;
      assert.deepEqual(valuesOf({ fields }, "via"), []);
      assert.equal(valuesOf({ fields }, "cdn-loop").join().split(",").length, 2, "both proxies have said who they are");
      await first.reload({ endpoints: [second.url], upstream, routes });
      client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: cdn-loop, via\r\n\r\n");
      assert.equal((await client.response()).status, 508);
    } finally {
      client.destroy();
      await endpoint.close();
      await second.close();
      const log = await first.close();
      assert.ok(log.length <= 3, `${log.length} requests`);
    }
  });
}

test("an endpoint's Via reaches the client as it came, unless the route removes it", async () => {
  const endpoint = await ScriptedUpstream.start({
    onRequest: (connection) => connection.send("HTTP/1.1 200 OK\r\nVia: 1.1 other\r\nContent-Length: 0\r\n\r\n"),
  });
  const proxy = await ProxyUnderTest.start({
    endpoints: [endpoint.url],
    routes: [
      { match: { path: "/removed" }, middlewares: [{ headers: { response: { remove: ["via"] } } }], upstream: "app" },
      { upstream: "app" },
    ],
  });
  const client = await RawClient.connect(proxy.port);
  try {
    for (const [path, expected] of [
      ["/", ["1.1 other"]],
      ["/removed", []],
    ] as const) {
      client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
      assert.deepEqual(valuesOf(await client.response(), "via"), expected);
    }
  } finally {
    client.destroy();
    await endpoint.close();
    await proxy.close();
  }
});
