/** `rateLimit` from outside: what passes, what the answers say, and what is left as it is. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, test, type TestContext } from "node:test";
import type { ConfigInput } from "../../src/index.ts";
import { Origin } from "../support/origin.ts";
import { modes, Stage } from "../support/stage.ts";

let received = 0;
const origin = await Origin.start((_incoming, outgoing) => {
  received++;
  outgoing.end("fine");
});
after(() => origin.close());

type RateLimit = Record<string, unknown>;

function configuration(rateLimit: RateLimit, workers = 0): ConfigInput {
  return {
    workers,
    listeners: [{ name: "front", address: "127.0.0.1:0", trustedProxies: ["127.0.0.1"] }],
    routes: [
      { name: "limited", match: { path: "/limited" }, middlewares: [{ rateLimit }], upstream: "app" },
      { name: "free", upstream: "app" },
    ],
    upstreams: { app: { endpoints: [origin.url] } },
  } as ConfigInput;
}

async function start(t: TestContext, rateLimit: RateLimit, workers = 0): Promise<Stage> {
  const stage = await Stage.start(configuration(rateLimit, workers));
  t.after(() => stage.close());
  return stage;
}

function ask(stage: Stage, path = "/limited", headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`http://127.0.0.1:${stage.port()}${path}`, { headers });
}

async function statuses(stage: Stage, count: number, headers: Record<string, string> = {}): Promise<number[]> {
  const found: number[] = [];
  for (let at = 0; at < count; at++) {
    const response = await ask(stage, "/limited", headers);
    await response.text();
    found.push(response.status);
  }
  return found;
}

for (const [title, workers] of modes) {
  test(`${title}: so many pass as the burst says, over all connections`, async (t) => {
    const stage = await start(t, { rate: "1/h", burst: 40 }, workers);
    const before = received;
    const all = await Promise.all(Array.from({ length: 20 }, () => statuses(stage, 5)));
    assert.equal(all.flat().filter((status) => status === 200).length, 40);
    assert.equal(all.flat().filter((status) => status === 429).length, 60);
    assert.equal(received - before, 40);
    const metrics = await stage.metrics();
    assert.equal(metrics.sum("millrace_rate_limited_total", { route: "limited", mode: "enforced" }), 60);
    assert.equal(metrics.sum("millrace_rejected_total", { reason: "RATE_LIMITED" }), 60);
  });
}

test("answers say how much is left, and refusals when to come again", async (t) => {
  const stage = await start(t, { rate: "2/m", burst: 2 });
  const [first, second, third] = [await ask(stage), await ask(stage), await ask(stage)];
  assert.deepEqual([first.status, second.status, third.status], [200, 200, 429]);
  assert.equal(first.headers.get("ratelimit-policy"), '"limited";q=2;w=60');
  assert.equal(first.headers.get("ratelimit"), '"limited";r=1;t=30');
  assert.equal(second.headers.get("ratelimit"), '"limited";r=0;t=30');
  assert.equal(third.headers.get("ratelimit"), '"limited";r=0;t=30');
  assert.equal(third.headers.get("ratelimit-policy"), '"limited";q=2;w=60');
  assert.equal(third.headers.get("retry-after"), "30");
  assert.match(await third.text(), /RATE_LIMITED/);
  assert.equal((await ask(stage, "/")).headers.get("ratelimit"), null);
});

test("keys are counted apart, and requests without a key together", async (t) => {
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
    const stage = await start(t, { rate: "1/h", burst: 1, key });
    const found: number[] = [];
    for (const one of headers) found.push(...(await statuses(stage, 1, one)));
    assert.deepEqual(found, expected, key);
  }
});

test("limits of one name count together over routes; others each for itself", async (t) => {
  const route = (path: string, name?: string): object => ({
    name: path.slice(1),
    match: { path },
    middlewares: [{ rateLimit: { rate: "1/h", burst: 2, key: "listener", ...(name && { name }) } }],
    respond: { body: "fine" },
  });
  const stage = await Stage.start({
    workers: 0,
    listeners: [{ address: "127.0.0.1:0" }],
    routes: [route("/a", "all"), route("/b", "all"), route("/c")],
  } as unknown as ConfigInput);
  t.after(() => stage.close());
  const found: number[] = [];
  for (const path of ["/a", "/b", "/a", "/b", "/c", "/c", "/c"]) found.push((await ask(stage, path)).status);
  assert.deepEqual(found, [200, 200, 429, 429, 200, 200, 429]);
  assert.equal((await ask(stage, "/a")).headers.get("ratelimit-policy"), '"all";q=2;w=7200');
});

test("of several limits the first that is reached decides, and all are told", async (t) => {
  const stage = await Stage.start({
    ...configuration({}),
    routes: [
      {
        name: "limited",
        middlewares: [
          { rateLimit: { rate: "1/h", burst: 3 } },
          { rateLimit: { rate: "1/h", burst: 2, key: "header:x-user" } },
        ],
        upstream: "app",
      },
    ],
  } as unknown as ConfigInput);
  t.after(() => stage.close());
  assert.deepEqual(await statuses(stage, 3, { "x-user": "a" }), [200, 200, 429]);
  assert.deepEqual(await statuses(stage, 1, { "x-user": "b" }), [429]);
  const answer = await ask(stage, "/", { "x-user": "c" });
  assert.equal(answer.headers.get("ratelimit"), '"limited";r=0;t=3600');
});

test("a reload keeps the counts, also with another rate", async (t) => {
  const stage = await start(t, { rate: "1/h", burst: 2 });
  assert.deepEqual(await statuses(stage, 3), [200, 200, 429]);
  await stage.reload(configuration({ rate: "1/h", burst: 3 }));
  assert.deepEqual(await statuses(stage, 2), [200, 429]);
});

test("a dry run counts and changes nothing", async (t) => {
  const stage = await start(t, { rate: "1/h", burst: 1, dryRun: true });
  const answers = [await ask(stage), await ask(stage), await ask(stage)];
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200],
  );
  assert.ok(answers.every(({ headers }) => !headers.has("ratelimit") && !headers.has("ratelimit-policy")));
  assert.equal((await stage.metrics()).sum("millrace_rate_limited_total", { mode: "dry-run" }), 2);
});

test("the refusal comes before the body is read, and the connection serves on", async (t) => {
  const stage = await start(t, { rate: "1/h", burst: 1 });
  await statuses(stage, 1);
  const socket = connect(stage.port(), "127.0.0.1");
  t.after(() => socket.destroy());
  let text = "";
  const until = (pattern: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (pattern.test(text)) resolve();
      };
      socket
        .on("data", look)
        .once("error", reject)
        .once("end", () => reject(new Error(`ended after ${text}`)));
    });
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
  });
  socket.write("POST /limited HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n");
  await until(/^HTTP\/1\.1 429 /);
  text = "";
  socket.write("0123456789GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await until(/HTTP\/1\.1 200 [^]*fine$/);
});
