/** `rateLimit` from outside: what passes, what the answers say, and what is left as it is. */
import assert from "node:assert/strict";
import { type Harness, testOverProtocols } from "../support/harness.ts";
import type { ReceivedAnswer } from "../support/message.ts";
import { eventually } from "../support/signal.ts";
import { modes, type ProxyOptions, type ProxyUnderTest } from "../support/proxy-under-test.ts";
import type { Endpoint } from "../support/endpoint.ts";

type RateLimit = Record<string, unknown>;

const listener = { name: "front", trustedProxies: ["127.0.0.1"] };

/** Routes of which one is limited. */
const limitedBy = (...rateLimits: readonly RateLimit[]): ProxyOptions["routes"] & object => [
  {
    name: "limited",
    match: { path: "/limited" },
    middlewares: rateLimits.map((rateLimit) => ({ rateLimit })),
    upstream: "app",
  },
  { name: "free", upstream: "app" },
];

async function start(
  harness: Harness,
  rateLimit: RateLimit,
  threads = 0,
): Promise<{ endpoint: Endpoint; proxy: ProxyUnderTest }> {
  const endpoint = await harness.endpoint({ body: "fine" });
  const proxy = await harness.proxy({ threads, endpoints: [endpoint.url], listener, routes: limitedBy(rateLimit) });
  return { endpoint, proxy };
}

const ask = (harness: Harness, path = "/limited", fields: Record<string, string> = {}): Promise<ReceivedAnswer> =>
  harness.ask({ path, fields });

/** The statuses of requests by one connection. */
async function statuses(harness: Harness, count: number, fields: Record<string, string> = {}): Promise<number[]> {
  const client = await harness.speaker();
  const found: number[] = [];
  for (let at = 0; at < count; at++) found.push((await client.ask({ path: "/limited", fields })).status);
  return found;
}

for (const [title, threads] of modes) {
  testOverProtocols(`${title}: so many pass as the burst says, over all connections`, async (harness) => {
    const { endpoint, proxy } = await start(harness, { rate: "1/h", burst: 40 }, threads);
    const all = await Promise.all(Array.from({ length: 20 }, () => statuses(harness, 5)));
    assert.equal(all.flat().filter((status) => status === 200).length, 40);
    assert.equal(all.flat().filter((status) => status === 429).length, 60);
    assert.equal(endpoint.requests.length, 40);
    // A thread counts just behind the answer.
    const counted = async (name: string, labels: Record<string, string>): Promise<void> =>
      eventually(async () => (await proxy.metrics()).sum(name, labels) === 60, `${name} is 60`);
    await counted("millrace_rate_limited_total", { route: "limited", mode: "enforced" });
    await counted("millrace_rejected_total", { reason: "RATE_LIMITED" });
  });
}

testOverProtocols("answers say how much is left, and refusals when to come again", async (harness) => {
  await start(harness, { rate: "2/m", burst: 2 });
  const [first, second, third] = [await ask(harness), await ask(harness), await ask(harness)];
  assert.deepEqual([first.status, second.status, third.status], [200, 200, 429]);
  assert.equal(first.value("ratelimit-policy"), '"limited";q=2;w=60');
  assert.equal(first.value("ratelimit"), '"limited";r=1;t=30');
  assert.equal(second.value("ratelimit"), '"limited";r=0;t=30');
  assert.equal(third.value("ratelimit"), '"limited";r=0;t=30');
  assert.equal(third.value("ratelimit-policy"), '"limited";q=2;w=60');
  assert.equal(third.value("retry-after"), "30");
  assert.match(third.text, /RATE_LIMITED/);
  assert.equal((await ask(harness, "/")).value("ratelimit"), null);
});

testOverProtocols("keys are counted apart, and requests without a key together", async (harness) => {
  const cases: readonly (readonly [
    key: string,
    headers: readonly Record<string, string>[],
    expected: readonly number[],
  ])[] = [
    [
      "header:x-user",
      [{ "x-user": "a" }, { "x-user": "b" }, { "x-user": "a" }, {}, {}, { "x-user": "" }, { "x-user": "" }],
      [200, 200, 429, 200, 429, 429, 429],
    ],
    [
      "cookie:sid",
      [
        { cookie: "sid=a" },
        { cookie: "x=1; sid=b" },
        { cookie: "sid=a; y=2" },
        { cookie: "x=1" },
        { cookie: "sid=" },
        {},
      ],
      [200, 200, 429, 200, 429, 429],
    ],
    [
      "clientIp",
      [{ "x-forwarded-for": "192.0.2.1" }, { "x-forwarded-for": "192.0.2.2" }, { "x-forwarded-for": "192.0.2.1" }],
      [200, 200, 429],
    ],
    [
      "clientIp",
      [
        { "x-forwarded-for": "2001:db8::1" },
        { "x-forwarded-for": "2001:db8:0:0:ffff::2" },
        { "x-forwarded-for": "2001:db8:0:1::1" },
      ],
      [200, 429, 200],
    ],
    ["route", [{ "x-forwarded-for": "192.0.2.1" }, { "x-forwarded-for": "192.0.2.2" }], [200, 429]],
    ["listener", [{ "x-forwarded-for": "192.0.2.1" }, { "x-forwarded-for": "192.0.2.2" }], [200, 429]],
  ];
  for (const [key, headers, expected] of cases) {
    await start(harness, { rate: "1/h", burst: 1, key });
    const found: number[] = [];
    for (const one of headers) found.push(...(await statuses(harness, 1, one)));
    assert.deepEqual(found, expected, key);
  }
});

testOverProtocols("limits of one name count together over routes; others each for itself", async (harness) => {
  const route = (path: string, name?: string): object => ({
    name: path.slice(1),
    match: { path },
    middlewares: [{ rateLimit: { rate: "1/h", burst: 2, key: "listener", ...(name && { name }) } }],
    respond: { body: "fine" },
  });
  await harness.proxy({ routes: [route("/a", "all"), route("/b", "all"), route("/c")] });
  const found: number[] = [];
  for (const path of ["/a", "/b", "/a", "/b", "/c", "/c", "/c"]) found.push((await ask(harness, path)).status);
  assert.deepEqual(found, [200, 200, 429, 429, 200, 200, 429]);
  assert.equal((await ask(harness, "/a")).value("ratelimit-policy"), '"all";q=2;w=7200');
});

testOverProtocols("of several limits the first that is reached decides, and all are told", async (harness) => {
  const endpoint = await harness.endpoint({ body: "fine" });
  await harness.proxy({
    endpoints: [endpoint.url],
    listener,
    routes: limitedBy({ rate: "1/h", burst: 3 }, { rate: "1/h", burst: 2, key: "header:x-user" }),
  });
  assert.deepEqual(await statuses(harness, 3, { "x-user": "a" }), [200, 200, 429]);
  assert.deepEqual(await statuses(harness, 1, { "x-user": "b" }), [429]);
  const answer = await ask(harness, "/limited", { "x-user": "c" });
  assert.equal(answer.value("ratelimit"), '"limited";r=0;t=3600');
});

testOverProtocols("a reload keeps the counts, also with another rate", async (harness) => {
  const { endpoint, proxy } = await start(harness, { rate: "1/h", burst: 2 });
  assert.deepEqual(await statuses(harness, 3), [200, 200, 429]);
  await proxy.reload({ endpoints: [endpoint.url], listener, routes: limitedBy({ rate: "1/h", burst: 3 }) });
  assert.deepEqual(await statuses(harness, 2), [200, 429]);
});

testOverProtocols("a dry run counts and changes nothing", async (harness) => {
  const { proxy } = await start(harness, { rate: "1/h", burst: 1, dryRun: true });
  const answers = [await ask(harness), await ask(harness), await ask(harness)];
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200],
  );
  assert.ok(answers.every((answer) => answer.value("ratelimit") === null && answer.value("ratelimit-policy") === null));
  assert.equal((await proxy.metrics()).sum("millrace_rate_limited_total", { mode: "dry-run" }), 2);
});

testOverProtocols("the refusal comes before the body is read, and the connection serves on", async (harness) => {
  await start(harness, { rate: "1/h", burst: 1 });
  await statuses(harness, 1);
  const client = await harness.speaker();
  const exchange = client.begin({ method: "POST", path: "/limited", length: 10 });
  assert.equal((await exchange.answer()).status, 429);
  exchange.send("0123456789");
  const next = await client.ask();
  assert.deepEqual([next.status, next.text], [200, "fine"]);
});
