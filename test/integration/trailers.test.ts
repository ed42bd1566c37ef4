/** What a route takes from the header does not come back behind the body, in either direction. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { ProxyUnderTest } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";
import { type Script, ScriptedUpstream } from "../support/scripted-upstream.ts";
import type { Field, WireRequest, WireResponse } from "../support/wire-reader.ts";

const all = ["X-Secret: 1", "x_secret: 2", "X-Env: theirs", "X-Sum: 3", "X-Added: 4"];
const body = `5\r\nhello\r\n0\r\n${all.join("\r\n")}\r\n\r\n`;
const request = `PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`;
const answer = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body}`;
const script: Script = { onRequest: (connection) => connection.send(answer) };
const edits = { remove: ["x-secret"], set: { "x-env": "ours" }, add: { "x-added": "5" } };
const lines = (fields: readonly Field[]): string[] => fields.map(([name, value]) => `${name}: ${value}`);

interface Passed {
  readonly sent: WireRequest;
  readonly received: WireResponse;
}

async function exchange(context: TestContext, middlewares: readonly unknown[]): Promise<Passed> {
  const upstream = await ScriptedUpstream.start(script);
  const routes = [{ upstream: "app", middlewares }];
  const proxy = await ProxyUnderTest.start({ endpoints: [upstream.url], routes });
  const client = await RawClient.connect(proxy.port);
  context.after(async () => {
    client.destroy();
    await upstream.close();
    await proxy.untilEmpty();
    await proxy.close();
  });
  client.send(request);
  const received = await client.response("PUT");
  assert.deepEqual(upstream.violations, []);
  return { sent: upstream.requests.at(-1)!, received };
}

test("without a word about fields, all trailers travel", async (context) => {
  const { sent, received } = await exchange(context, []);
  assert.deepEqual([lines(sent.trailers), lines(received.trailers)], [all, all]);
});

for (const [name, more] of [
  ["at once", []],
  ["from a buffer", [{ buffer: { maxRequestBytes: "1MiB" } }]],
] as const) {
  test(`of a request that is sent ${name}, what is removed or set is no trailer either`, async (context) => {
    const { sent } = await exchange(context, [...more, { headers: { request: edits } }]);
    // Of a request, other spellings of a name are taken for it.
    assert.deepEqual(lines(sent.trailers), ["X-Sum: 3", "X-Added: 4"]);
    assert.ok(lines(sent.fields).includes("x-env: ours"));
    assert.equal(sent.body.toString(), "hello");
  });
}

test("of an answer, what is removed or set is no trailer either", async (context) => {
  const { received } = await exchange(context, [{ headers: { response: edits } }]);
  assert.deepEqual(lines(received.trailers), ["x_secret: 2", "X-Sum: 3", "X-Added: 4"]);
  assert.ok(lines(received.fields).includes("x-env: ours"));
});

test("several middlewares all have their say", async (context) => {
  const { sent, received } = await exchange(context, [
    { headers: { request: { remove: ["x-secret"] } } },
    { headers: { request: { remove: ["x-sum"] }, response: { remove: ["x-env"] } } },
    { headers: { response: { remove: ["x-sum"] } } },
  ]);
  assert.deepEqual(lines(sent.trailers), ["X-Env: theirs", "X-Added: 4"]);
  assert.deepEqual(lines(received.trailers), ["X-Secret: 1", "x_secret: 2", "X-Added: 4"]);
});
