/** What a route takes from the header does not come back behind the body, in either direction. */
import assert from "node:assert/strict";
import { type Harness, testOverProtocols } from "../support/harness.ts";
import type { ReceivedAnswer, ReceivedRequest } from "../support/message.ts";
import type { Field } from "../support/wire-reader.ts";

const all: readonly Field[] = [
  ["X-Secret", "1"],
  ["x_secret", "2"],
  ["X-Env", "theirs"],
  ["X-Sum", "3"],
  ["X-Added", "4"],
];
const edits = { remove: ["x-secret"], set: { "x-env": "ours" }, add: { "x-added": "5" } };
const lines = (fields: readonly Field[]): string[] => fields.map(([name, value]) => `${name}: ${value}`);
const allLines = lines(all.map(([name, value]) => [name.toLowerCase(), value]));

async function exchange(
  harness: Harness,
  middlewares: readonly unknown[],
): Promise<{ sent: ReceivedRequest; received: ReceivedAnswer }> {
  const { client, endpoint } = await harness.trio({
    behaviour: { body: ["hello"], trailers: all },
    routes: [{ upstream: "app", middlewares }],
  });
  const received = await client.ask({ method: "PUT", body: ["hello"], trailers: all });
  return { sent: endpoint.requests.at(-1)!, received };
}

testOverProtocols("without a word about fields, all trailers travel", async (harness) => {
  const { sent, received } = await exchange(harness, []);
  assert.deepEqual([lines(sent.trailers), lines(received.trailers)], [allLines, allLines]);
});

for (const [name, more] of [
  ["at once", []],
  ["from a buffer", [{ buffer: { maxRequestBytes: "1MiB" } }]],
] as const) {
  testOverProtocols(
    `of a request that is sent ${name}, what is removed or set is no trailer either`,
    async (harness) => {
      const { sent } = await exchange(harness, [...more, { headers: { request: edits } }]);
      // Of a request, other spellings of a name are taken for it.
      assert.deepEqual(lines(sent.trailers), ["x-sum: 3", "x-added: 4"]);
      assert.ok(lines(sent.fields).includes("x-env: ours"));
      assert.equal(sent.text, "hello");
    },
  );
}

testOverProtocols("of an answer, what is removed or set is no trailer either", async (harness) => {
  const { received } = await exchange(harness, [{ headers: { response: edits } }]);
  assert.deepEqual(lines(received.trailers), ["x_secret: 2", "x-sum: 3", "x-added: 4"]);
  assert.ok(lines(received.fields).includes("x-env: ours"));
});

testOverProtocols("several middlewares all have their say", async (harness) => {
  const { sent, received } = await exchange(harness, [
    { headers: { request: { remove: ["x-secret"] } } },
    { headers: { request: { remove: ["x-sum"] }, response: { remove: ["x-env"] } } },
    { headers: { response: { remove: ["x-sum"] } } },
  ]);
  assert.deepEqual(lines(sent.trailers), ["x-env: theirs", "x-added: 4"]);
  assert.deepEqual(lines(received.trailers), ["x-secret: 1", "x_secret: 2", "x-added: 4"]);
});
