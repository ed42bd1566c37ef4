/** What `decompress` sends, alone and together with `compress`, whatever is spoken on its two sides. */
import assert from "node:assert/strict";
import { deflateRawSync, zstdCompressSync } from "node:zlib";
import { decode, encode } from "../support/decoding.ts";
import { testOverProtocols } from "../support/harness.ts";

const through = (...middlewares: object[]) => ({ routes: [{ upstream: "app", middlewares }] });
const only = through({ decompress: {} });
const text = Array.from({ length: 20_000 }, (_, at) => `${at}: what is said again\n`).join("");
const type = { "content-type": "text/plain" };
const tag = { etag: '"v1"', "repr-digest": "x", "accept-ranges": "bytes" };

const sent: readonly (readonly [what: string, coding: string, body: Buffer])[] = [
  ["gzip", "gzip", encode(text, "gzip")],
  ["gzip by its old name", "X-Gzip", encode(text, "gzip")],
  ["gzip in two members", "gzip", Buffer.concat([encode(text.slice(0, 9), "gzip"), encode(text.slice(9), "gzip")])],
  ["brotli", "br", encode(text, "br")],
  ["zstd", "zstd", encode(text, "zstd")],
  ["zstd with an empty frame behind it", "zstd", Buffer.concat([encode(text, "zstd"), zstdCompressSync("")])],
  ["deflate", "deflate", encode(text, "deflate")],
  ["deflate without its frame", "deflate", deflateRawSync(text)],
];

for (const [what, coding, body] of sent) {
  testOverProtocols(`who cannot decode ${what} gets it decoded`, async (harness) => {
    const { client, endpoint, proxy } = await harness.trio({ ...only });
    for (const content of [body, [body], [body.subarray(0, 1), body.subarray(1)]]) {
      endpoint.behaviour = { fields: { ...type, ...tag, "content-encoding": coding, vary: "Origin" }, body: content };
      const answer = await client.ask({ fields: { "accept-encoding": "sdch" } });
      assert.equal(answer.text, text);
      assert.deepEqual(
        ["content-encoding", "etag", "vary", "repr-digest", "accept-ranges"].map((name) => answer.value(name)),
        [null, 'W/"v1"', "Origin, Accept-Encoding", null, null],
      );
    }
    const head = await client.ask({ method: "HEAD" });
    assert.deepEqual([head.value("content-encoding"), head.value("content-length")], [null, null]);
    const asSent = await client.ask({ fields: { "accept-encoding": "*" } });
    assert.deepEqual(asSent.body, body);
    assert.deepEqual([asSent.value("etag"), asSent.value("vary")], ['"v1"', "Origin, Accept-Encoding"]);
    assert.equal((await proxy.metrics()).sum("millrace_decompressed_answers_total"), 3);
  });
}

testOverProtocols("an empty body is empty without a coding, too", async (harness) => {
  const { client, endpoint } = await harness.trio({ ...only });
  for (const body of ["", [""]]) {
    endpoint.behaviour = { fields: { ...type, "content-encoding": "gzip" }, body };
    const answer = await client.ask();
    assert.deepEqual([answer.text, answer.value("content-encoding")], ["", null]);
  }
});

testOverProtocols("what cannot be decoded, or must not be, goes as it is", async (harness) => {
  const { client, endpoint } = await harness.trio({ ...only });
  const body = encode(text, "gzip");
  for (const [fields, status, asked] of [
    [{ "content-encoding": "gzip, br" }, 200, {}],
    [{ "content-encoding": "dcz" }, 200, {}],
    [{ "content-encoding": "identity" }, 200, {}],
    [{ "content-encoding": "gzip", "cache-control": "no-transform" }, 200, {}],
    [{ "content-encoding": "gzip" }, 200, { "cache-control": "no-transform" }],
    [{ "content-encoding": "gzip", "content-range": `bytes 0-${body.length - 1}/*` }, 206, {}],
  ] as const) {
    endpoint.behaviour = { status, fields: { ...type, ...fields }, body };
    const answer = await client.ask({ fields: { ...asked } });
    assert.deepEqual(answer.body, body);
    assert.equal(answer.value("content-encoding"), fields["content-encoding"]);
  }
});

for (const [what, coding, body, detail] of [
  ["is malformed", "gzip", Buffer.from("no gzip, by no means"), /^gzip: incorrect header check$/],
  ["is cut short", "zstd", encode(text, "zstd").subarray(0, 900), /^zstd: unexpected end of file$/],
  ["is a bomb", "gzip", encode(Buffer.alloc(60_000_000), "gzip"), /^the decoded body is too long$/],
  ["is a bomb of brotli", "br", encode(Buffer.alloc(60_000_000), "br"), /^the decoded body is too long$/],
] as const) {
  testOverProtocols(`an answer that ${what} breaks off, and the log says why`, async (harness) => {
    const { client } = await harness.trio({
      ...only,
      behaviour: { fields: { ...type, "content-encoding": coding }, body },
    });
    const answer = await client.begin().brokenAnswer();
    assert.ok((answer?.body.length ?? 0) < 10_000_000);
    const [lines = []] = await harness.end();
    const line = lines.find((one) => one["reason"] === "UPSTREAM_BAD_CODING");
    assert.match(String(line?.["detail"]), detail);
  });
}

testOverProtocols("beyond maxDecoders the answer is 503", async (harness) => {
  const { client, endpoint, proxy } = await harness.trio({
    ...through({ decompress: { maxDecoders: 1 } }),
    behaviour: () => {},
  });
  const asked = client.begin();
  const exchange = await endpoint.asked();
  exchange.start("unknown", { fields: { ...type, "content-encoding": "gzip" } });
  await asked.head();
  endpoint.behaviour = { fields: { ...type, "content-encoding": "gzip" }, body: encode(text, "gzip") };
  const second = await harness.speaker(proxy);
  const refused = await second.ask();
  assert.deepEqual([refused.status, refused.reason], [503, "OVERLOADED"]);
  exchange.send(encode(text, "gzip"));
  exchange.finish();
  assert.equal((await asked.answer()).text, text);
  assert.equal((await second.ask()).text, text);
});

testOverProtocols("behind `compress`, an answer goes from one coding to another", async (harness) => {
  const { client } = await harness.trio({
    ...through({ compress: {} }, { decompress: {} }),
    behaviour: { fields: { ...type, ...tag, "content-encoding": "br" }, body: encode(text, "br") },
  });
  for (const [accepted, coding] of [
    ["gzip", "gzip"],
    ["br", "br"],
    ["", null],
  ] as const) {
    const answer = await client.ask({ fields: { "accept-encoding": accepted } });
    assert.equal(answer.value("content-encoding"), coding);
    assert.equal(answer.value("vary"), "Accept-Encoding");
    assert.equal(decode(answer.body, coding).toString(), text);
  }
});
