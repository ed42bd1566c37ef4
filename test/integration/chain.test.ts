/** Millrace behind Millrace: what one writes, the other reads; and a proxy that is its own endpoint finds out. */
import assert from "node:assert/strict";
import { type Harness, testOverProtocols, testWithHarness } from "../support/harness.ts";
import type { ProxyUnderTest } from "../support/proxy-under-test.ts";
import type { ScriptedUpstream } from "../support/scripted-upstream.ts";
import { valuesOf } from "../support/wire-reader.ts";
import { chunkFixtures } from "../wire/request-chunks.ts";
import { fieldFixtures } from "../wire/request-fields.ts";
import { framingFixtures } from "../wire/request-framing.ts";
import { targetFixtures } from "../wire/request-targets.ts";
import { validFixtures } from "../wire/request-valid.ts";
import { validResponses } from "../wire/response-valid.ts";

async function startChain(harness: Harness): Promise<{ upstream: ScriptedUpstream; front: ProxyUnderTest }> {
  const upstream = await harness.scripted();
  const back = await harness.proxy({ endpoints: [upstream.url], listener: { trustedProxies: ["127.0.0.0/8"] } });
  return { upstream, front: await harness.proxy({ endpoints: [back.url] }) };
}

testWithHarness("every request that one forwards, the next forwards alike", async (harness) => {
  const { upstream, front } = await startChain(harness);
  for (const { name, request, forwarded } of [
    framingFixtures,
    chunkFixtures,
    fieldFixtures,
    targetFixtures,
    validFixtures,
  ].flat()) {
    if (forwarded === undefined) continue;
    upstream.forget();
    const client = await harness.raw(front);
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
});

testWithHarness("every answer that one passes on, the next passes on alike", async (harness) => {
  const { upstream, front } = await startChain(harness);
  for (const { name, response, received, method, request, endsOutput } of validResponses) {
    if (received === undefined || request !== undefined) continue;
    upstream.script = {
      onRequest: (connection) => {
        connection.send(response);
        if (endsOutput === true) connection.end();
      },
    };
    const client = await harness.raw(front);
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
});

testWithHarness("a proxy that is its own endpoint answers 508 instead of asking itself for ever", async (harness) => {
  const proxy = await harness.proxy({ endpoints: ["http://127.0.0.1:1"] });
  const client = await harness.speaker();
  await proxy.reload({ endpoints: [proxy.url] });
  assert.equal((await client.ask()).status, 508);
  // It holds an idle connection to itself.
  await proxy.reload({ endpoints: ["http://127.0.0.1:1"] });
  const [lines] = await harness.end();
  assert.deepEqual(
    lines!.map(({ status }) => status),
    [508, 508],
  );
});

const ways: readonly (readonly [name: string, upstream: Record<string, unknown>, middlewares: readonly unknown[]])[] = [
  ["via: false", { via: false }, []],
  ["via as a field to remove", {}, [{ headers: { request: { remove: ["Via"] } } }]],
];
for (const [name, upstream, middlewares] of ways) {
  testWithHarness(
    `${name}: the endpoint sees no Via of ours, and a loop through two proxies ends with 508 all the same`,
    async (harness) => {
      const endpoint = await harness.scripted();
      const routes = [{ upstream: "app", middlewares }];
      const first = await harness.proxy({ endpoints: [endpoint.url], upstream, routes });
      const second = await harness.proxy({ endpoints: [first.url], upstream, routes });
      const client = await harness.raw(second);
      client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: cdn-loop, via\r\n\r\n");
      assert.equal((await client.response()).status, 200);
      const { fields } = endpoint.requests[0]!;
      assert.deepEqual(valuesOf({ fields }, "via"), []);
      assert.equal(valuesOf({ fields }, "cdn-loop").join().split(",").length, 2, "both proxies have said who they are");
      await first.reload({ endpoints: [second.url], upstream, routes });
      client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: cdn-loop, via\r\n\r\n");
      assert.equal((await client.response()).status, 508);
      // Each holds idle connections to the other.
      await first.reload({ endpoints: [endpoint.url], upstream, routes });
      const [lines] = await harness.end();
      assert.ok(lines!.length <= 3, `${lines!.length} requests`);
    },
  );
}

testOverProtocols("an endpoint's Via reaches the client as it came, unless the route removes it", async (harness) => {
  const { client } = await harness.trio({
    behaviour: { fields: { via: "1.1 other" } },
    routes: [
      { match: { path: "/removed" }, middlewares: [{ headers: { response: { remove: ["via"] } } }], upstream: "app" },
      { upstream: "app" },
    ],
  });
  for (const [path, expected] of [
    ["/", ["1.1 other"]],
    ["/removed", []],
  ] as const)
    assert.deepEqual((await client.ask({ path })).values("via"), expected);
});
