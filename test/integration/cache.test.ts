/** `cache` from outside: what is answered from it, what the answers say, and what goes past it. */
import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { type Harness, testOverProtocols } from "../support/harness.ts";
import type { ReceivedAnswer } from "../support/message.ts";
import type { Behaviour, Endpoint } from "../support/endpoint.ts";
import { modes, type ProxyUnderTest } from "../support/proxy-under-test.ts";
import type { Ask } from "../support/speaker.ts";

type Cache = Record<string, unknown>;

/** An origin behind a cache. */
async function start(
  harness: Harness,
  behaviour: Behaviour,
  cache: Cache = {},
): Promise<{ endpoint: Endpoint; proxy: ProxyUnderTest; ask: (request?: Ask) => Promise<ReceivedAnswer> }> {
  const endpoint = await harness.endpoint(behaviour);
  const proxy = await harness.proxy({
    endpoints: [endpoint.url],
    routes: [{ name: "cached", middlewares: [{ cache }], upstream: "app" }],
  });
  const client = await harness.speaker();
  return { endpoint, proxy, ask: (request) => client.ask(request) };
}

const fresh = { "cache-control": "max-age=100" };

/** Answers with its count, for as long as `fields` say. */
function counting(fields: Record<string, string> = fresh): Behaviour {
  let count = 0;
  return (exchange) => exchange.answer({ fields, body: `answer ${++count}` });
}

testOverProtocols("the second request is answered from the cache", async (harness) => {
  const { endpoint, ask } = await start(harness, counting({ ...fresh, "x-own": "1", etag: '"1"' }));
  const first = await ask({ path: "/a?b" });
  const second = await ask({ path: "/a?b" });
  assert.equal(first.text, "answer 1");
  assert.equal(first.value("age"), null);
  assert.equal(second.text, "answer 1");
  assert.equal(second.status, 200);
  assert.equal(second.value("x-own"), "1");
  assert.equal(second.value("age"), "0");
  assert.equal(second.value("date"), first.value("date"));
  assert.equal(second.value("content-length"), "8");
  assert.match(first.value("cache-status") ?? "", /^millrace; fwd=uri-miss; .*stored/);
  assert.match(second.value("cache-status") ?? "", /^millrace; hit; ttl=(?:99|100)$/);
  assert.equal(endpoint.requests.length, 1);
});

testOverProtocols("what the key holds tells answers apart", async (harness) => {
  const { endpoint, ask } = await start(harness, counting(), {
    key: { ignoreQuery: ["utm_*"], headers: ["X-Site"], cookies: ["lang"] },
  });
  const asks: Ask[] = [
    { path: "/a" },
    { path: "/b" },
    { path: "/a?x=1" },
    { path: "/a", authority: "b" },
    { path: "/a", fields: { "x-site": "1" } },
    { path: "/a", fields: { cookie: "lang=de" } },
  ];
  for (const [at, request] of asks.entries()) assert.equal((await ask(request)).text, `answer ${at + 1}`);
  for (const [at, request] of asks.entries()) assert.equal((await ask(request)).text, `answer ${at + 1}`);
  assert.equal((await ask({ path: "/a?utm_source=x" })).text, "answer 1");
  assert.equal((await ask({ path: "/a?utm_source=x&x=1&utm_y" })).text, "answer 3");
  assert.equal((await ask({ path: "/a", authority: "A" })).text, "answer 1");
  assert.equal((await ask({ path: "/a", fields: { cookie: "session=1", "user-agent": "z" } })).text, "answer 1");
  assert.equal(endpoint.requests.length, asks.length);
});

testOverProtocols("a parameter that is not in the key does not reach the endpoint", async (harness) => {
  const { endpoint, ask } = await start(harness, counting(), { key: { query: ["page"] } });
  await ask({ path: "/a?utm_source=%3Cscript%3E&page=2&x" });
  assert.equal(endpoint.requests[0]!.target, "/a?page=2");
});

testOverProtocols("what only the origin may answer goes past the cache, as it is", async (harness) => {
  const { endpoint, ask } = await start(harness, counting());
  await ask({ path: "/a" });
  const asks: Ask[] = [
    { path: "/a", method: "OPTIONS" },
    { path: "/a", body: "x" },
    { path: "/a", fields: { "if-match": '"x"' } },
    { path: "/a", fields: { "if-unmodified-since": "Sun, 06 Nov 1994 08:49:37 GMT" } },
    { path: "/a", fields: { "x-http-method-override": "DELETE" } },
    { path: "/a", fields: { "x-middleware-subrequest": "1" } },
  ];
  for (const [at, request] of asks.entries()) {
    const answer = await ask(request);
    assert.equal(answer.text, `answer ${at + 2}`, JSON.stringify(request));
    assert.match(answer.value("cache-status") ?? "", /^millrace; fwd=(?:bypass|method|request)$/);
  }
  assert.equal((await ask({ path: "/a" })).text, "answer 1");
  assert.equal(endpoint.requests.length, 1 + asks.length);
});

testOverProtocols("HEAD is answered from a stored GET, and brings nothing itself", async (harness) => {
  const { endpoint, ask } = await start(harness, { fields: fresh, body: "12345" });
  assert.equal((await ask({ method: "HEAD" })).value("content-length"), "5");
  assert.equal((await ask()).text, "12345");
  const head = await ask({ method: "HEAD" });
  assert.equal(head.value("content-length"), "5");
  assert.equal(head.text, "");
  assert.match(head.value("cache-status") ?? "", /hit/);
  assert.deepEqual(
    endpoint.requests.map(({ method }) => method),
    ["HEAD", "GET"],
  );
});

testOverProtocols("conditions and ranges are answered from what is stored", async (harness) => {
  const lastModified = "Sun, 06 Nov 1994 08:49:37 GMT";
  const fields = { ...fresh, etag: '"1"', "last-modified": lastModified, "content-type": "text/x", vary: "x-y" };
  const { endpoint, ask } = await start(harness, { fields, body: "0123456789" });
  await ask();
  const notModified = await ask({ fields: { "if-none-match": 'W/"1"' } });
  assert.equal(notModified.status, 304);
  assert.equal(notModified.value("etag"), '"1"');
  assert.equal(notModified.value("cache-control"), "max-age=100");
  assert.equal(notModified.value("vary"), "x-y");
  assert.ok(notModified.value("date"));
  assert.equal(notModified.value("age"), "0");
  assert.equal(notModified.value("content-type"), null);
  assert.equal((await ask({ fields: { "if-none-match": '"2"' } })).status, 200);
  assert.equal((await ask({ fields: { "if-modified-since": lastModified } })).status, 304);
  assert.equal((await ask({ method: "HEAD", fields: { "if-none-match": "*" } })).status, 304);

  const part = await ask({ fields: { range: "bytes=2-4" } });
  assert.deepEqual([part.status, part.text, part.value("content-range")], [206, "234", "bytes 2-4/10"]);
  assert.equal(part.value("content-length"), "3");
  assert.equal((await ask({ fields: { range: "bytes=-3" } })).text, "789");
  assert.equal((await ask({ fields: { range: "bytes=8-" } })).text, "89");
  assert.equal((await ask({ fields: { range: "bytes=0-0,5-6" } })).status, 200);
  const beyond = await ask({ fields: { range: "bytes=10-" } });
  assert.deepEqual([beyond.status, beyond.value("content-range")], [416, "bytes */10"]);
  assert.equal((await ask({ fields: { range: "bytes=2-4", "if-range": '"1"' } })).status, 206);
  assert.equal((await ask({ fields: { range: "bytes=2-4", "if-range": 'W/"1"' } })).status, 200);
  assert.equal((await ask({ fields: { range: "bytes=2-4", "if-range": '"2"' } })).text, "0123456789");
  assert.equal((await ask({ method: "HEAD", fields: { range: "bytes=2-4" } })).status, 200);
  assert.equal(endpoint.requests.length, 1);
});

testOverProtocols("a miss is fetched whole, whatever the client asks for", async (harness) => {
  const { endpoint, ask } = await start(harness, (exchange) =>
    exchange.answer({ fields: { ...fresh, etag: '"1"' }, body: "0123456789" }),
  );
  await ask({ path: "/range", fields: { range: "bytes=2-4", "if-range": '"1"' } });
  await ask({ path: "/condition", fields: { "if-none-match": '"1"', "if-modified-since": "x" } });
  for (const { path } of [{ path: "/range" }, { path: "/condition" }])
    assert.equal((await ask({ path })).text, "0123456789");
  assert.equal(endpoint.requests.length, 2);
  for (const request of endpoint.requests)
    for (const name of ["range", "if-range", "if-none-match", "if-modified-since"])
      assert.equal(request.value(name), null, name);
});

testOverProtocols("variants are kept apart, and several sets of fields beside each other", async (harness) => {
  const { endpoint, ask } = await start(harness, (exchange) => {
    const { request } = exchange;
    const vary = request.value("accept-language") === "de" ? "Accept-Language, X-More" : "accept-language";
    exchange.answer({ fields: { ...fresh, vary }, body: `${request.value("accept-language")}` });
  });
  for (let round = 0; round < 2; round++)
    for (const language of ["en", "de", "fr"])
      assert.equal((await ask({ fields: { "accept-language": language } })).text, language);
  assert.equal((await ask()).text, "null");
  assert.equal((await ask()).text, "null");
  assert.equal(endpoint.requests.length, 4);
});

testOverProtocols("Accept-Encoding goes on reduced to what can be told apart", async (harness) => {
  const { endpoint, ask } = await start(harness, (exchange) =>
    exchange.answer({
      fields: { ...fresh, vary: "accept-encoding" },
      body: exchange.request.value("accept-encoding") ?? "none",
    }),
  );
  const asked = async (value: string): Promise<string> => (await ask({ fields: { "accept-encoding": value } })).text;
  assert.equal(await asked("gzip, deflate, br"), "br, gzip");
  assert.equal(await asked("br;q=0.5,gzip , x"), "br, gzip");
  assert.equal(await asked("gzip;q=0, br"), "br");
  assert.equal(await asked("deflate"), "identity");
  assert.equal((await ask()).text, "identity");
  assert.equal(endpoint.requests.length, 3);
});

testOverProtocols("languages that say the same are one variant, and go on in one spelling", async (harness) => {
  const { endpoint, ask } = await start(harness, (exchange) =>
    exchange.answer({
      fields: { ...fresh, vary: "accept-language" },
      body: exchange.request.value("accept-language") ?? "none",
    }),
  );
  const asked = async (value: string): Promise<string> => (await ask({ fields: { "accept-language": value } })).text;
  // Whoever comes first does not choose what the others get from an endpoint that knows `en-US` and not `EN-us`.
  assert.equal(await asked("EN-us , en ; q=0.9"), "en-US,en;q=0.9");
  assert.equal(await asked("en-US,en;q=0.9"), "en-US,en;q=0.9");
  assert.equal(await asked("en,en-US;q=0.9"), "en,en-US;q=0.9");
  assert.equal((await ask()).text, "none");
  assert.equal(endpoint.requests.length, 3);
});

testOverProtocols("what is private, or says nothing, is not stored", async (harness) => {
  const cases: Record<string, string>[] = [
    {},
    { "cache-control": "private, max-age=100" },
    { "cache-control": "no-store, max-age=100" },
    { ...fresh, "set-cookie": "a=b" },
    { ...fresh, vary: "*" },
  ];
  for (const fields of cases) {
    const { endpoint, ask } = await start(harness, counting(fields));
    await ask();
    const second = await ask();
    assert.equal(second.text, "answer 2", JSON.stringify(fields));
    assert.doesNotMatch(second.value("cache-status") ?? "", /stored|hit/);
    assert.equal(endpoint.requests.length, 2);
  }
});

testOverProtocols("who says who he is gets only what is for everybody", async (harness) => {
  const fields = { authorization: "Basic eDp5" };
  const { endpoint, ask } = await start(harness, (exchange) =>
    exchange.answer({
      fields: { "cache-control": exchange.request.target === "/public" ? "public, max-age=100" : "max-age=100" },
      body: exchange.request.value("authorization") ?? "nobody",
    }),
  );
  assert.equal((await ask({ path: "/private", fields })).text, "Basic eDp5");
  assert.equal((await ask({ path: "/private" })).text, "nobody");
  assert.equal((await ask({ path: "/private", fields })).text, "Basic eDp5");
  assert.equal((await ask({ path: "/private" })).text, "nobody");
  assert.equal(endpoint.requests.length, 3);
  assert.equal((await ask({ path: "/public", fields })).text, "Basic eDp5");
  assert.equal((await ask({ path: "/public" })).text, "Basic eDp5");
});

testOverProtocols("unsafe methods make invalid what is stored, unless they fail", async (harness) => {
  let count = 0;
  const { ask } = await start(harness, (exchange) => {
    const { method, target } = exchange.request;
    if (method === "GET") exchange.answer({ fields: { ...fresh, vary: "x-v" }, body: `answer ${++count}` });
    else if (target === "/fails") exchange.answer({ status: 500 });
    else exchange.answer({ status: 201, fields: { location: "/made", "content-location": "http://b/elsewhere" } });
  });
  const all = async (): Promise<string> => {
    const texts: string[] = [];
    for (const path of ["/a", "/made", "/elsewhere", "/fails"])
      for (const value of ["1", "2"]) texts.push((await ask({ path, fields: { "x-v": value } })).text.slice(7));
    return texts.join(" ");
  };
  assert.equal(await all(), "1 2 3 4 5 6 7 8");
  await ask({ path: "/fails", method: "POST", body: "x" });
  await ask({ path: "/a", method: "OPTIONS" });
  assert.equal(await all(), "1 2 3 4 5 6 7 8");
  await ask({ path: "/a", method: "POST", body: "x" });
  assert.equal(await all(), "9 10 11 12 5 6 7 8");
  await ask({ path: "/elsewhere", method: "UNHEARD-OF" });
  assert.equal(await all(), "9 10 13 14 15 16 7 8");
});

testOverProtocols("a request may forbid to ask the origin, and to use what is stored", async (harness) => {
  const { endpoint, ask } = await start(harness, counting());
  const missing = await ask({ fields: { "cache-control": "only-if-cached" } });
  assert.equal(missing.status, 504);
  assert.equal(missing.reason, "NOT_CACHED");
  assert.equal(missing.value("cache-status"), "millrace; detail=NOT_CACHED");
  assert.equal(endpoint.requests.length, 0);
  assert.equal((await ask()).text, "answer 1");
  assert.equal((await ask({ fields: { "cache-control": "only-if-cached" } })).text, "answer 1");
  assert.equal((await ask({ fields: { "cache-control": "no-cache" } })).text, "answer 2");
  assert.equal((await ask()).text, "answer 2");
  assert.equal((await ask({ fields: { "cache-control": "no-store" } })).text, "answer 3");
  assert.equal((await ask()).text, "answer 2");
});

testOverProtocols("requests cannot make a cache ask the origin that ignores what they say", async (harness) => {
  const { ask } = await start(harness, counting(), { requestDirectives: "ignore", statusField: false });
  assert.equal((await ask()).text, "answer 1");
  const answer = await ask({ fields: { "cache-control": "no-cache", pragma: "no-cache" } });
  assert.equal(answer.text, "answer 1");
  assert.equal(answer.value("cache-status"), null);
});

testOverProtocols(
  "what stands before the cache sees every answer, what stands behind it what is stored",
  async (harness) => {
    const endpoint = await harness.endpoint(counting({}));
    const headers = (set: Record<string, string>) => ({ headers: { response: { set } } });
    await harness.proxy({
      endpoints: [endpoint.url],
      routes: [
        {
          name: "cached",
          middlewares: [
            { rateLimit: { rate: "1/h", burst: 3 } },
            { rewrite: { stripPrefix: "/v1" } },
            headers({ "x-before": "yes" }),
            { cache: {} },
            headers({ "x-behind": "yes", ...fresh }),
            { rateLimit: { rate: "1/h", burst: 1, name: "fills" } },
          ],
          upstream: "app",
        },
      ],
    });
    const asked: ReceivedAnswer[] = [];
    for (let count = 0; count < 4; count++) asked.push(await harness.ask({ path: "/v1/a" }));
    assert.deepEqual(
      asked.map(({ status, text }) => [status, text.slice(0, 8)]),
      [
        [200, "answer 1"],
        [200, "answer 1"],
        [200, "answer 1"],
        [429, "429 Too "],
      ],
    );
    for (const answer of asked.slice(0, 3)) {
      assert.equal(answer.value("x-before"), "yes");
      assert.equal(answer.value("x-behind"), "yes");
      assert.equal(answer.value("ratelimit-policy")?.includes('"cached"'), true);
    }
    assert.equal(endpoint.requests.length, 1);
  },
);

testOverProtocols("the log and the metric say what was done", async (harness) => {
  const { endpoint, proxy } = await start(harness, counting());
  for (const method of ["GET", "GET", "HEAD", "POST"]) await harness.ask({ method });
  const metrics = await proxy.metrics();
  const counted = (result: string): number => metrics.sum("millrace_cache_requests_total", { route: "cached", result });
  assert.deepEqual(["hit", "miss", "bypass", "stale"].map(counted), [2, 1, 1, 0]);
  assert.equal(endpoint.requests.length, 2);
  assert.deepEqual(
    (await harness.end())[0]!.map((line) => line["cache"]),
    ["miss", "hit", "hit", "bypass"],
  );
});

for (const [title, threads] of modes)
  testOverProtocols(`${title}: what one connection has fetched, all get`, async (harness) => {
    const endpoint = await harness.endpoint(counting());
    await harness.proxy({
      threads,
      endpoints: [endpoint.url],
      routes: [{ name: "cached", middlewares: [{ cache: {} }], upstream: "app" }],
    });
    await harness.ask();
    const texts = new Set<string>();
    for (let at = 0; at < 20; at++) texts.add((await harness.ask()).text);
    assert.deepEqual([...texts], ["answer 1"]);
    assert.equal(endpoint.requests.length, 1);
  });

testOverProtocols("a part of an answer that is still coming goes out as soon as it is there", async (harness) => {
  const endpoint = await harness.endpoint((exchange) => {
    exchange.start(20, { fields: { ...fresh, etag: '"1"' } });
    exchange.send("0123456789");
  });
  await harness.proxy({
    endpoints: [endpoint.url],
    routes: [{ name: "cached", middlewares: [{ cache: {} }], upstream: "app" }],
  });
  const first = (await harness.speaker()).begin();
  await first.untilReceived("0123456789");
  const part = await harness.ask({ fields: { range: "bytes=2-4" } });
  assert.deepEqual([part.status, part.text, part.value("content-range")], [206, "234", "bytes 2-4/20"]);
  const last = (await harness.speaker()).begin({ fields: { range: "bytes=8-11" } });
  await last.untilReceived("89");
  endpoint.exchanges[0]!.send("0123456789");
  endpoint.exchanges[0]!.finish();
  assert.equal((await last.answer()).text, "8901");
  assert.equal((await first.answer()).text, "01234567890123456789");
  assert.equal(endpoint.requests.length, 1);
});

testOverProtocols("a client cannot put an answer of its own into the cache", async (harness) => {
  const { endpoint, ask } = await start(
    harness,
    (exchange) => {
      const { request } = exchange;
      const said = ["x-forwarded-host", "x-forwarded-port", "x-host", "x-original-url", "x-forwarded-prefix"]
        .map((name) => `${name}=${request.value(name) ?? ""}`)
        .join(" ");
      exchange.answer({ fields: fresh, body: `${request.target} ${said}` });
    },
    { key: { ignoreQuery: ["utm_*"] } },
  );
  const attempts: Ask[] = [
    { path: "/a?utm_x=<script>".replaceAll("<", "%3C").replaceAll(">", "%3E") },
    ...["x-forwarded-host", "x-forwarded-port", "x-host", "x-original-url", "x-forwarded-prefix"].map((name) => ({
      path: "/a",
      fields: { [name]: "evil.test" },
    })),
    { path: "/a", fields: { "x-http-method-override": "DELETE" } },
  ];
  for (const attempt of attempts) await ask(attempt);
  assert.doesNotMatch((await ask({ path: "/a" })).text, /evil|script/);
  assert.ok(endpoint.requests.length < attempts.length);
});

testOverProtocols("nothing is stored because of what its path looks like", async (harness) => {
  const { endpoint, ask } = await start(harness, counting({ "content-type": "text/css" }));
  for (const path of ["/account/x.css", "/account;x.css", "/account%2fx.css", "/account/x.js?y.css"]) {
    const [first, second] = [await ask({ path }), await ask({ path })];
    assert.notEqual(first.text, second.text, path);
    assert.equal(endpoint.requests.at(-1)!.target, path);
  }
});

for (const [title, middlewares, fetches] of [
  ["behind the cache each coding is stored once", [{ cache: {} }, { compress: {} }], 2],
  ["before the cache one answer serves all codings", [{ compress: {} }, { cache: {} }], 1],
] as const)
  testOverProtocols(`compression: ${title}`, async (harness) => {
    const body = "0123456789".repeat(500);
    const endpoint = await harness.endpoint({ fields: { ...fresh, "content-type": "text/plain", etag: '"1"' }, body });
    await harness.proxy({ endpoints: [endpoint.url], routes: [{ name: "cached", middlewares, upstream: "app" }] });
    for (let round = 0; round < 2; round++) {
      for (const codings of ["gzip", "gzip;q=0.5, x"]) {
        const answer = await harness.ask({ fields: { "accept-encoding": codings } });
        assert.equal(answer.value("content-encoding"), "gzip");
        assert.equal(gunzipSync(answer.body).toString(), body);
        assert.equal(answer.value("etag"), 'W/"1"');
        assert.equal(answer.value("vary")?.toLowerCase(), "accept-encoding");
      }
      const plain = await harness.ask();
      assert.equal(plain.value("content-encoding"), null);
      assert.equal(plain.text, body);
    }
    assert.equal(endpoint.requests.length, fetches);
    const known = await harness.ask({ fields: { "accept-encoding": "gzip", "if-none-match": 'W/"1"' } });
    assert.equal(known.status, 304);
    const part = await harness.ask({ fields: { range: "bytes=0-1" } });
    assert.deepEqual([part.status, part.text], [206, "01"]);
    assert.equal(endpoint.requests.length, fetches);
  });

testOverProtocols(
  "clients that are slow, or leave in the middle, keep nothing from being stored afterwards",
  async (harness) => {
    const length = 3_000_000;
    const { endpoint, ask } = await start(
      harness,
      (exchange) => exchange.answer({ fields: fresh, body: Buffer.alloc(length, exchange.request.target.at(-1)) }),
      { maxBytes: "8MiB" },
    );
    await ask({ path: "/a" });
    for (let at = 0; at < 10; at++) {
      const leaving = (await harness.speaker()).begin({ path: "/a" });
      await leaving.untilReceived(100_000);
      leaving.abort();
    }
    const slow = await harness.speaker();
    const reading = slow.begin({ path: "/a" });
    await reading.untilReceived(100_000);
    slow.pause();
    for (const path of ["/b", "/c", "/b", "/c", "/d", "/d"]) {
      const { body } = await ask({ path });
      assert.equal(body.length, length);
      assert.ok(body.equals(Buffer.alloc(length, path.at(-1))), path);
    }
    slow.resume();
    const answer = await reading.answer();
    assert.ok(answer.body.equals(Buffer.alloc(length, "a")));
    assert.match((await ask({ path: "/d" })).value("cache-status") ?? "", /hit/);
    assert.ok(endpoint.requests.length < 7, `${endpoint.requests.length} requests`);
  },
);

testOverProtocols("a part of something long that is not stored comes from the origin as a part", async (harness) => {
  const whole = Buffer.alloc(200_000, "0123456789");
  const { endpoint, ask } = await start(harness, (exchange) => {
    const { request } = exchange;
    const fields = { "cache-control": "no-store", ...(request.target !== "/no-parts" && { "accept-ranges": "bytes" }) };
    if (request.value("range") !== "bytes=100003-100005") exchange.answer({ fields, body: whole });
    else exchange.answer({ status: 206, fields: { "content-range": "bytes 100003-100005/200000" }, body: "345" });
  });
  const asked = async (path: string): Promise<unknown[]> => {
    const { status, body } = await ask({ path, fields: { range: "bytes=100003-100005" } });
    return [status, body.length, endpoint.requests.splice(0).map((request) => request.value("range"))];
  };
  assert.deepEqual(await asked("/long"), [206, 3, [null, "bytes=100003-100005"]]);
  // It is known now that it is not stored.
  assert.deepEqual(await asked("/long"), [206, 3, ["bytes=100003-100005"]]);
  assert.deepEqual(await asked("/no-parts"), [200, 200_000, [null]]);
});
