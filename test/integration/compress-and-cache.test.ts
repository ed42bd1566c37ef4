/** `compress` and `cache` in one list, in both orders. */
import assert from "node:assert/strict";
import { decode } from "../support/decoding.ts";
import { testOverProtocols } from "../support/harness.ts";

const cache = { cache: {} };
const compress = { compress: {} };
const through = (...middlewares: object[]) => ({ routes: [{ name: "r", upstream: "app", middlewares }] });
const text = Array.from({ length: 3_000 }, (_, at) => `${at}: what is said again\n`).join("");
const short = text.slice(0, 5_000);
const fields = { "content-type": "text/plain", "cache-control": "max-age=100", etag: '"v1"' };

for (const [order, middlewares, fetches] of [
  ["in front of", [cache, compress], 3],
  ["behind", [compress, cache], 1],
] as const)
  for (const body of [text, short, [text]]) {
    const length = Array.isArray(body) ? "unknown length" : `${body.length} bytes`;
    testOverProtocols(
      `with the cache ${order} compression, ${length} are fetched once for each form stored`,
      async (h) => {
        const { client, endpoint } = await h.trio({ ...through(...middlewares), behaviour: { fields, body } });
        for (let round = 0; round < 3; round++)
          for (const [accepted, coding] of [
            ["gzip, br", "br"],
            ["br, deflate, gzip;q=0.9", "br"],
            ["gzip", "gzip"],
            ["x-gzip, sdch", "gzip"],
            ["", null],
            ["identity;q=1, *;q=0", null],
          ] as const) {
            const answer = await client.ask({ fields: { "accept-encoding": accepted } });
            assert.equal(answer.value("content-encoding"), coding);
            assert.equal(decode(answer.body, coding).toString(), Array.isArray(body) ? text : body);
            assert.deepEqual(
              [answer.value("vary"), answer.value("etag")],
              ["Accept-Encoding", coding === null ? '"v1"' : 'W/"v1"'],
            );
          }
        assert.equal(endpoint.requests.length, fetches);
        for (const [tag, accepted] of [
          ['W/"v1"', "br, gzip"],
          ['"v1"', ""],
        ] as const) {
          const answer = await client.ask({ fields: { "accept-encoding": accepted, "if-none-match": tag } });
          assert.deepEqual([answer.status, answer.value("etag")], [304, tag]);
          // Of a 304 that tells no type, to a client that has no coding, it is not known whether its 200 varied.
          if (order === "in front of" || accepted !== "") assert.equal(answer.value("vary"), "Accept-Encoding");
        }
        assert.equal(endpoint.requests.length, fetches);
      },
    );
  }

testOverProtocols("a compressed answer in the cache is validated, and stays compressed", async (harness) => {
  const { client, endpoint } = await harness.trio({
    ...through(cache, compress),
    behaviour: (exchange) => {
      const known = exchange.request.value("if-none-match");
      if (known === null) exchange.answer({ fields: { ...fields, "cache-control": "max-age=0" }, body: text });
      else exchange.answer({ status: 304, fields: { etag: '"v1"', "cache-control": "max-age=0" }, body: "" });
    },
  });
  for (let round = 0; round < 4; round++) {
    const answer = await client.ask({ fields: { "accept-encoding": "zstd" } });
    assert.equal(decode(answer.body, answer.value("content-encoding")).toString(), text);
    assert.deepEqual([answer.status, answer.value("etag"), answer.value("vary")], [200, 'W/"v1"', "Accept-Encoding"]);
  }
  assert.deepEqual(
    endpoint.requests.map((request) => request.value("if-none-match")),
    [null, 'W/"v1"', 'W/"v1"', 'W/"v1"'],
  );
});

testOverProtocols("a client that wants a part has the cache keep what all others get", async (harness) => {
  const { client, endpoint } = await harness.trio({ ...through(cache, compress), behaviour: { fields, body: text } });
  const accepts = { "accept-encoding": "br" };
  await client.ask({ fields: { ...accepts, range: "bytes=0-9" } });
  const answer = await client.ask({ fields: accepts });
  assert.equal(answer.value("content-encoding"), "br");
  assert.equal(decode(answer.body, "br").toString(), text);
  assert.equal(endpoint.requests.length, 1);
});
