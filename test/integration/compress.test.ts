/** What `compress` sends, whatever is spoken on its two sides. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Reply } from "../support/endpoint-server.ts";
import { decode, encode, StreamDecoder } from "../support/decoding.ts";
import { testOverProtocols } from "../support/harness.ts";
import type { Ask } from "../support/speaker.ts";

const codings = ["zstd", "br", "gzip"] as const;
const through = (options: object = {}, ...others: object[]) => ({
  routes: [{ upstream: "app", middlewares: [{ compress: options }, ...others] }],
});
const sentences = (bytes: number): string => {
  let text = "";
  for (let line = 0; text.length < bytes; line++) text += `${line}: what is said again and again, ${line % 7} times\n`;
  return text.slice(0, bytes);
};
const text = { "content-type": "text/plain" };
const all = { "accept-encoding": "gzip, deflate, br, zstd" };
const page = sentences(8_000);

for (const length of [1_024, 8_000, 32_768, 32_769, 65_536, 131_072, 131_073, 1_000_000]) {
  testOverProtocols(`${length} bytes arrive in each coding, whatever their length is called`, async (harness) => {
    const body = sentences(length);
    const { client, endpoint, proxy } = await harness.trio({ ...through() });
    for (const coding of codings)
      for (const content of [body, [body], [body.slice(0, 700), body.slice(700)]]) {
        endpoint.behaviour = {
          fields: { ...text, etag: '"v1"', "accept-ranges": "bytes", vary: "Origin" },
          body: content,
        };
        const answer = await client.ask({ fields: { "accept-encoding": coding } });
        assert.equal(answer.value("content-encoding"), coding);
        assert.equal(decode(answer.body, coding).toString(), body);
        assert.ok(answer.body.length < length / 2);
        assert.deepEqual(
          [answer.status, answer.value("etag"), answer.value("vary"), answer.value("accept-ranges")],
          [200, 'W/"v1"', "Origin, Accept-Encoding", null],
        );
        const said = answer.value("content-length");
        assert.ok(said === null || Number(said) === answer.body.length);
      }
    const metrics = await proxy.metrics();
    assert.equal(metrics.sum("millrace_compressed_answers_total"), 9);
    assert.equal(metrics.sum("millrace_compress_input_bytes_total"), 9 * length);
  });
}

testOverProtocols("a short body that comes whole has a length", async (harness) => {
  const { client } = await harness.trio({ ...through(), behaviour: { fields: text, body: page } });
  for (const coding of codings) {
    const answer = await client.ask({ fields: { "accept-encoding": coding } });
    assert.equal(Number(answer.value("content-length")), answer.body.length);
  }
});

type Row = readonly [what: string, reply: Reply, ask?: Ask, vary?: string | null];

/** What is sent as it came. The last column is Vary: only if another request may get it compressed. */
const untouched: readonly Row[] = [
  ["nothing that is too short", { fields: text, body: sentences(1_023) }],
  ["no pictures", { fields: { "content-type": "image/png" }, body: page }],
  ["nothing without a type", { body: page }],
  ["no gRPC", { fields: { "content-type": "application/grpc+json" }, body: page }],
  ["nothing twice", { fields: { ...text, "content-encoding": "br" }, body: encode(page, "br") }],
  ["nothing that is called identity", { fields: { ...text, "content-encoding": "identity" }, body: page }],
  ["nothing against `no-transform`", { fields: { ...text, "cache-control": "public, No-Transform" }, body: page }],
  [
    "nothing if the client says `no-transform`",
    { fields: text, body: page },
    { fields: { ...all, "cache-control": "no-transform" } },
  ],
  [
    "no part",
    { status: 206, fields: { ...text, "content-range": "bytes 0-7999/9000" }, body: page },
    {},
    "Accept-Encoding",
  ],
  ["nothing for those who accept nothing", { fields: text, body: page }, { fields: {} }, "Accept-Encoding"],
  [
    "nothing for those who refuse it",
    { fields: { ...text, vary: "origin, ACCEPT-encoding" }, body: page },
    { fields: { "accept-encoding": "gzip;q=0, br;q=0.000" } },
    "origin, ACCEPT-encoding",
  ],
  [
    "nothing for those who prefer it plain",
    { fields: { ...text, vary: "*" }, body: page },
    { fields: { "accept-encoding": "identity;q=1, *;q=0" } },
    "*",
  ],
  [
    "nothing for those who have refused everything",
    { fields: text, body: page },
    { fields: { "accept-encoding": "identity;q=0, *;q=0" } },
    "Accept-Encoding",
  ],
  [
    "nothing for those who asked for a part",
    { fields: text, body: page },
    { fields: { ...all, range: "bytes=0-", "if-range": '"x"' } },
    "Accept-Encoding",
  ],
  ["nothing that gets no shorter", { fields: text, body: createRandomText() }, {}, "Accept-Encoding"],
];

function createRandomText(): Buffer {
  return Buffer.concat(Array.from({ length: 40 }, (_, at) => createHash("sha256").update(String(at)).digest()));
}

for (const [what, reply, ask = {}, vary = null] of untouched) {
  testOverProtocols(`compressed is ${what}`, async (harness) => {
    const fields = { etag: '"v1"', "content-digest": "sha-256=:x:", ...reply.fields };
    const { client } = await harness.trio({ ...through(), behaviour: { ...reply, fields } });
    const answer = await client.ask({ fields: all, ...ask });
    assert.deepEqual(answer.body, Buffer.from(reply.body as string));
    assert.deepEqual(
      [answer.status, answer.value("etag"), answer.value("content-digest"), answer.value("vary")],
      [reply.status ?? 200, '"v1"', "sha-256=:x:", vary],
    );
    assert.equal(answer.value("content-encoding"), (fields as Record<string, string>)["content-encoding"] ?? null);
  });
}

testOverProtocols("digests of what the endpoint sent go no further, as trailers neither", async (harness) => {
  const digests = { "content-digest": "a", "repr-digest": "b", digest: "c", "content-md5": "d" };
  const { client } = await harness.trio({
    ...through(),
    behaviour: { fields: { ...text, ...digests }, body: [page], trailers: { "repr-digest": "x", "x-sum": "1" } },
  });
  const answer = await client.ask({ fields: { ...all, te: "trailers" } });
  assert.deepEqual(
    answer.fields.filter(([name]) => Object.hasOwn(digests, name)),
    [],
  );
  assert.equal(decode(answer.body, "zstd").toString(), page);
  assert.deepEqual(
    answer.trailers.filter(([name]) => name !== "x-sum"),
    [],
  );
});

testOverProtocols("HEAD has the fields of GET, and no length that is not true", async (harness) => {
  const { client } = await harness.trio({
    ...through(),
    behaviour: { fields: { ...text, etag: '"v1"' }, body: page },
  });
  const [get, head] = [await client.ask({ fields: all }), await client.ask({ method: "HEAD", fields: all })];
  for (const name of ["content-encoding", "vary", "etag", "content-type"])
    assert.equal(head.value(name), get.value(name));
  assert.equal(head.value("content-length"), null);
  const plain = await client.ask({ method: "HEAD" });
  assert.deepEqual(
    ["content-encoding", "vary", "etag", "content-length"].map((name) => plain.value(name)),
    [null, "Accept-Encoding", '"v1"', "8000"],
  );
});

for (const [what, ifNoneMatch, fields, etag, vary] of [
  ["the weak form", '"x", W/"v1"', {}, 'W/"v1"', "Accept-Encoding"],
  ["the weak form, among others", 'W/"v0",W/"v1"', { vary: "Origin" }, 'W/"v1"', "Origin, Accept-Encoding"],
  ["the strong form", '"v1"', {}, '"v1"', null],
  ["the strong form of what is never compressed", '"v1"', { vary: "Origin" }, '"v1"', "Origin"],
  ["the strong form of text", '"v1"', { "content-type": "text/html" }, '"v1"', "Accept-Encoding"],
  ["no form of it", null, { vary: "Origin" }, '"v1"', "Origin, Accept-Encoding"],
] as const) {
  testOverProtocols(`a 304 to a client that has ${what} says what the 200 said`, async (harness) => {
    const { client } = await harness.trio({
      ...through(),
      behaviour: { status: 304, fields: { etag: '"v1"', ...fields }, body: "" },
    });
    const answer = await client.ask({
      fields: { ...all, ...(ifNoneMatch === null ? { "if-modified-since": "x" } : { "if-none-match": ifNoneMatch }) },
    });
    assert.deepEqual([answer.status, answer.value("etag"), answer.value("vary")], [304, etag, vary]);
  });
}

for (const coding of codings) {
  testOverProtocols(`each event of a stream arrives in ${coding} before the next one is sent`, async (harness) => {
    const { client, endpoint } = await harness.trio({ ...through(), behaviour: () => {} });
    const asked = client.begin({ fields: { "accept-encoding": coding } });
    const exchange = await endpoint.asked();
    exchange.start("unknown", { fields: { "content-type": "text/event-stream; charset=utf-8" } });
    const head = await asked.head();
    assert.equal(head.value("content-encoding"), coding);
    const decoder = new StreamDecoder(coding);
    for (let event = 0; event < 20; event++) {
      exchange.send(`data: ${event}\n\n`);
      await decoder.untilText(`data: ${event}\n\n`, () => asked.received);
    }
    exchange.finish();
    const answer = await asked.answer();
    assert.match(decode(answer.body, coding).toString(), /^data: 0\n\n(?:.*\n\n)*data: 19\n\n$/);
    decoder.close();
  });

  testOverProtocols(`what a slow page has sent arrives in ${coding}, head and pieces`, async (harness) => {
    const { client, endpoint } = await harness.trio({ ...through(), behaviour: () => {} });
    const asked = client.begin({ fields: { "accept-encoding": coding } });
    const exchange = await endpoint.asked();
    exchange.start("unknown", { fields: { "content-type": "text/html" } });
    await asked.head();
    const decoder = new StreamDecoder(coding);
    for (const piece of ["<p>short", sentences(30_000), "end</p>"]) {
      exchange.send(piece);
      await decoder.untilText(piece.slice(-8), () => asked.received);
    }
    exchange.finish();
    await asked.answer();
    decoder.close();
  });

  testOverProtocols(
    `a body of known length that stalls is shown as far as it has come, in ${coding}`,
    async (harness) => {
      const { client, endpoint } = await harness.trio({ ...through(), behaviour: () => {} });
      for (const length of [9_000, 90_000]) {
        const body = sentences(length);
        const asked = client.begin({ fields: { "accept-encoding": coding } });
        const exchange = await endpoint.asked(length === 9_000 ? 1 : 2);
        exchange.start(length, { fields: { "content-type": "text/html" } });
        exchange.send(body.slice(0, length - 100));
        const decoder = new StreamDecoder(coding);
        await decoder.untilText(body.slice(length - 150, length - 100), () => asked.received);
        exchange.send(body.slice(length - 100));
        const answer = await asked.answer();
        assert.equal(decode(answer.body, coding).toString(), body);
        decoder.close();
      }
    },
  );
}

testOverProtocols("an answer that breaks off is not taken for complete", async (harness) => {
  const { client, endpoint } = await harness.trio({ ...through(), behaviour: () => {} });
  const asked = client.begin({ fields: all });
  const exchange = await endpoint.asked();
  exchange.start("unknown", { fields: text });
  exchange.send(page);
  await asked.head();
  exchange.abort();
  const answer = await asked.brokenAnswer();
  assert.throws(() => decode(answer!.body, "zstd"));
});

testOverProtocols("a client that leaves is not compressed for any longer", async (harness) => {
  const { client, endpoint, proxy } = await harness.trio({ ...through({ maxEncoders: 1 }), behaviour: () => {} });
  const asked = client.begin({ fields: all });
  const exchange = await endpoint.asked();
  exchange.start("unknown", { fields: text });
  exchange.send(page);
  await asked.head();
  const second = await harness.speaker(proxy);
  const beside = second.begin({ fields: all });
  const other = await endpoint.asked(2);
  other.answer({ fields: text, body: [page, page] });
  const plain = await beside.answer();
  assert.deepEqual([plain.value("content-encoding"), plain.value("vary")], [null, "Accept-Encoding"]);
  assert.equal(plain.text, page + page);
  assert.equal((await proxy.metrics()).sum("millrace_compress_skipped_total"), 1);
  client.abort();
  await exchange.untilGone();
  endpoint.behaviour = { fields: text, body: sentences(100_000) };
  const third = await harness.ask({ fields: all });
  assert.equal(third.value("content-encoding"), "zstd");
});

testOverProtocols("a client that reads slowly is waited for", async (harness) => {
  const { client, endpoint } = await harness.trio({ ...through(), behaviour: () => {} });
  const body = sentences(4_000_000);
  const asked = client.begin({ fields: { "accept-encoding": "gzip" } });
  client.pause();
  const exchange = await endpoint.asked();
  exchange.answer({ fields: text, body });
  await new Promise((resolve) => setImmediate(resolve));
  client.resume();
  const answer = await asked.answer();
  assert.equal(decode(answer.body, "gzip").toString(), body);
});
