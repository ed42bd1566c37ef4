/**
 * Logins that hold for a connection (NTLM, Negotiate; RFC 4559 section 6): the connection to the endpoint belongs to
 * the client's connection, so that one can log in through the proxy and nobody else is served as the one who has.
 */
import assert from "node:assert/strict";
import { describe } from "node:test";
import { type Harness, testWithHarness } from "../support/harness.ts";
import { chance, createRandom, oneOf } from "../support/identity-plan.ts";
import { LoginOrigin } from "../support/login-origin.ts";
import type { ProxyOptions, ProxyUnderTest } from "../support/proxy-under-test.ts";
import type { RawClient } from "../support/raw-client.ts";
import { eventually } from "../support/signal.ts";

interface Parts {
  readonly origins: readonly LoginOrigin[];
  readonly origin: LoginOrigin;
  readonly proxy: ProxyUnderTest;
  /** A client connection that the test need not close. */
  connect(): Promise<LoginClient>;
}

/** Asks and reads, one request after the other. */
class LoginClient {
  readonly raw: RawClient;

  constructor(raw: RawClient) {
    this.raw = raw;
  }

  send(fields = "", { method = "GET", target = "/", body = "" } = {}): void {
    this.raw.send(
      `${method} ${target} HTTP/1.1\r\nHost: a\r\n${fields}${body === "" ? "" : `Content-Length: ${body.length}\r\n`}\r\n${body}`,
    );
  }

  /** @returns the status, and who the endpoint takes the client for */
  async answer(method = "GET"): Promise<string> {
    const response = await this.raw.response(method);
    return `${response.status} ${response.status === 200 ? response.body.toString() : ""}`.trim();
  }

  ask(fields?: string, more?: { method?: string; target?: string; body?: string }): Promise<string> {
    this.send(fields, more);
    return this.answer(more?.method);
  }

  /** Logs in as `name`. */
  async logIn(name: string, scheme = "NTLM", target = "/"): Promise<void> {
    assert.equal(await this.ask("", { target }), "401");
    assert.equal(await this.ask(`Authorization: ${scheme} hello\r\n`, { target }), "401");
    assert.equal(await this.ask(`Authorization: ${scheme} proof-${name}\r\n`, { target }), `200 ${name}`);
  }
}

async function start(
  harness: Harness,
  options: (origins: readonly LoginOrigin[]) => ProxyOptions,
  { count = 1, offer = "NTLM" } = {},
): Promise<Parts> {
  const origins = await Promise.all(Array.from({ length: count }, () => LoginOrigin.start(offer)));
  for (const origin of origins) harness.atEnd(() => origin.close());
  const proxy = await harness.proxy(options(origins));
  return { origins, origin: origins[0]!, proxy, connect: async () => new LoginClient(await harness.raw(proxy)) };
}

const one = (origins: readonly LoginOrigin[]): ProxyOptions => ({ endpoints: origins.map(({ url }) => url) });
const pipelining = (origins: readonly LoginOrigin[]): ProxyOptions => ({
  ...one(origins),
  upstream: { pool: { pipelining: 8 } },
});

/** What an endpoint offers, and the scheme that its clients use. */
const offers: readonly (readonly [offer: string, scheme: string])[] = [
  ["NTLM", "NTLM"],
  ["Negotiate", "Negotiate"],
  ["ntlm", "ntlm"],
  ["NEGOTIATE", "Negotiate"],
  ["Negotiate, NTLM", "NTLM"],
  ['Basic realm="a, b", NTLM', "NTLM"],
  ["Basic realm=x,Negotiate", "Negotiate"],
  ['Basic realm="a"\r\nWWW-Authenticate: NTLM', "NTLM"],
];

for (const options of [one, pipelining]) {
  describe(
    options === one ? "a login that holds for a connection" : "a login that holds for a connection, with pipelining",
    () => {
      for (const [offer, scheme] of offers) {
        testWithHarness(
          `works through the proxy, for that client connection alone: ${JSON.stringify(offer)}`,
          async (harness) => {
            const { connect } = await start(harness, options, { offer });
            const alice = await connect();
            const bob = await connect();
            await alice.logIn("alice", scheme);
            for (let turn = 0; turn < 3; turn++) {
              assert.equal(await bob.ask(), "401");
              assert.equal(await alice.ask(), "200 alice");
            }
            await bob.logIn("bob", scheme);
            const stranger = await connect();
            for (let turn = 0; turn < 3; turn++)
              assert.deepEqual(await Promise.all([alice.ask(), bob.ask(), stranger.ask()]), [
                "200 alice",
                "200 bob",
                "401",
              ]);
          },
        );
      }
    },
  );
}

testWithHarness("what is logged in by the first request, without an offer, is bound as well", async (harness) => {
  const { connect } = await start(harness, one);
  const alice = await connect();
  assert.equal(await alice.ask("Authorization: Negotiate proof-alice\r\n", { target: "/public" }), "200 alice");
  const bob = await connect();
  assert.equal(await bob.ask("", { target: "/public" }), "200 nobody");
  assert.equal(await alice.ask("", { target: "/public" }), "200 alice");
});

testWithHarness("a login is used by POST and HEAD, too, and survives both", async (harness) => {
  const { connect, origin } = await start(harness, one);
  const alice = await connect();
  await alice.logIn("alice");
  assert.equal(await alice.ask("", { method: "POST", body: "x" }), "200 alice");
  assert.equal(await alice.ask("", { method: "HEAD" }), "200");
  assert.equal(await alice.ask("", { method: "POST", body: "x" }), "200 alice");
  assert.equal(origin.connections.length, 1);
});

for (const [name, leave] of Object.entries({
  closes: (raw: RawClient) => raw.socket.end(),
  "breaks off": (raw: RawClient) => raw.reset(),
})) {
  testWithHarness(`the endpoint's connection goes when the client ${name}`, async (harness) => {
    const { connect, proxy, origin } = await start(harness, one);
    const alice = await connect();
    await alice.logIn("alice");
    leave(alice.raw);
    await proxy.untilOpen(
      ({ connections, upstreamConnections }) => connections === 0 && upstreamConnections === 0,
      "both are gone",
    );
    assert.equal(await (await connect()).ask(), "401");
    assert.equal(origin.connections.length, 2);
  });
}

testWithHarness(
  "a client whose connection to the endpoint was closed has to log in again, and can",
  async (harness) => {
    const { connect, proxy, origin } = await start(harness, one);
    const alice = await connect();
    await alice.logIn("alice");
    origin.open[0]!.socket.end();
    await proxy.untilOpen(({ upstreamConnections }) => upstreamConnections === 0, "the connection is gone");
    assert.equal(await alice.ask("", { method: "POST", body: "x" }), "401");
    await alice.logIn("alice");
  },
);

testWithHarness("a connection that dies under a request takes it with it: nobody else is asked", async (harness) => {
  const { connect, origins } = await start(harness, one, { count: 2 });
  const alice = await connect();
  await alice.logIn("alice");
  for (const origin of origins) {
    origin.onRequest = (connection) => {
      connection.socket.destroy();
      return true;
    };
  }
  const before = origins.reduce((sum, { connections }) => sum + connections.length, 0);
  assert.equal(await alice.ask(), "502");
  assert.equal(
    origins.reduce((sum, { connections }) => sum + connections.length, 0),
    before,
  );
});

testWithHarness("whatever the balancer says, a client stays where it has logged in", async (harness) => {
  const ways: Record<string, unknown>[] = [
    {},
    { balance: "random" },
    { balance: "least-connections" },
    { sticky: { cookie: {} } },
    { limits: { maxRequestsPerEndpoint: 1 } },
    { hedge: { after: "1ms" } },
    { pool: { maxIdle: 0 } },
  ];
  for (const upstream of ways) {
    const { connect, origins } = await start(harness, (origins) => ({ ...one(origins), upstream }), { count: 3 });
    const clients = await Promise.all(
      ["alice", "bob", "carol"].map(async (name) => ({ name, client: await connect() })),
    );
    for (const { name, client } of clients) await logInSomewhere(client, name);
    for (let turn = 0; turn < 4; turn++)
      assert.deepEqual(
        await Promise.all(clients.map(({ client }) => client.ask())),
        ["200 alice", "200 bob", "200 carol"],
        JSON.stringify(upstream),
      );
    assert.equal(await (await connect()).ask(), "401");
    assert.ok(origins.every(({ open }) => open.length <= 5));
  }
});

/** Several endpoints: the offer binds, so the steps go to one of them. */
async function logInSomewhere(client: LoginClient, name: string): Promise<void> {
  assert.equal(await client.ask("Authorization: NTLM hello\r\n"), "401");
  assert.equal(await client.ask(`Authorization: NTLM proof-${name}\r\n`), `200 ${name}`);
}

testWithHarness("a slow request of a client that has logged in is not hedged", async (harness) => {
  const { connect, origins, proxy } = await start(
    harness,
    (origins) => ({ ...one(origins), upstream: { hedge: { after: "1ms" } } }),
    { count: 2 },
  );
  const alice = await connect();
  await logInSomewhere(alice, "alice");
  const count = (): number =>
    origins.reduce(
      (sum, { connections }) => sum + connections.reduce((total, { requests }) => total + requests.length, 0),
      0,
    );
  const before = count();
  for (const origin of origins) {
    origin.onRequest = (connection, request) => {
      setTimeout(() => origin.answer(connection, request), 40);
      return true;
    };
  }
  assert.equal(await alice.ask(), "200 alice");
  assert.equal(count(), before + 1);
  await proxy.untilOpen(({ exchanges }) => exchanges === 0, "it is over");
});

testWithHarness("a client may be logged in at two upstreams, by one connection", async (harness) => {
  const { connect } = await start(
    harness,
    (origins) => ({
      routes: [
        { match: { path: "/a" }, upstream: "a" },
        { match: { path: "/b" }, upstream: "b" },
      ],
      config: { upstreams: { a: { endpoints: [origins[0]!.url] }, b: { endpoints: [origins[1]!.url] } } },
    }),
    { count: 2 },
  );
  const client = await connect();
  await client.logIn("alice", "NTLM", "/a");
  await client.logIn("bob", "NTLM", "/b");
  assert.equal(await client.ask("", { target: "/a" }), "200 alice");
  assert.equal(await client.ask("", { target: "/b" }), "200 bob");
});

testWithHarness(
  "a login outlives a reload that leaves the upstream alone, and ends with its connections if it does not",
  async (harness) => {
    const { connect, proxy, origins } = await start(harness, one);
    const alice = await connect();
    await alice.logIn("alice");
    await proxy.reload({ ...one(origins), listener: { timeouts: { body: "7s" } } });
    assert.equal(await alice.ask(), "200 alice");
    await proxy.reload({ ...one(origins), upstream: { pool: { idleTimeout: "7s" } } });
    assert.equal(await alice.ask(), "401");
    await alice.logIn("alice");
  },
);

testWithHarness(
  "requests that share a connection when one of them is offered a login are all answered, and then it is shared no more",
  async (harness) => {
    const { connect, origin } = await start(harness, pipelining);
    const warm = await connect();
    assert.equal(await warm.ask("", { target: "/public" }), "200 nobody");
    const held: (() => void)[] = [];
    origin.onRequest = (connection, request) => {
      held.push(() => origin.answer(connection, request));
      return true;
    };
    const clients = await Promise.all(Array.from({ length: 4 }, connect));
    for (const [at, client] of clients.entries()) client.send("", { target: at === 1 ? "/" : "/public" });
    await eventually(() => held.length === 4, "all were asked");
    assert.equal(origin.connections.length, 1);
    origin.onRequest = null;
    for (const answer of held) answer();
    assert.deepEqual(await Promise.all(clients.map((client) => client.answer())), [
      "200 nobody",
      "401",
      "200 nobody",
      "200 nobody",
    ]);
    await clients[1]!.logIn("alice");
    for (const client of clients.filter((_, at) => at !== 1))
      assert.equal(await client.ask("", { target: "/public" }), "200 nobody");
  },
);

const storms: readonly (readonly [name: string, upstream: Record<string, unknown>])[] = [
  ["a plain pool", {}],
  ["pipelining", { pool: { pipelining: 8 } }],
  ["hedges", { hedge: { after: "2ms" } }],
  ["a queue", { limits: { maxRequestsPerEndpoint: 3, pendingTimeout: "60s" } }],
  ["sticky cookies", { sticky: { cookie: {} }, balance: "random" }],
];
for (const [name, upstream] of storms) {
  testWithHarness(
    `in a storm of clients with logins and without, nobody is ever served as another (${name})`,
    async (harness) => {
      const { connect, origins } = await start(
        harness,
        (origins) => ({ ...one(origins), upstream: { ...upstream, outlier: false } }),
        { count: 2 },
      );
      const random = createRandom(7);
      for (const origin of origins) {
        let count = 0;
        const turns = new WeakMap<object, Promise<unknown>>();
        origin.onRequest = (connection, request) => {
          count++;
          // Some answers come late, some refuse an upload before it has come, some connections end without a word.
          // Answers on one connection stay in the order of their requests: others may be pipelined behind a late one.
          const delayMs = count % 5 === 0 ? 5 : 0;
          const before = turns.get(connection);
          if (before === undefined && delayMs === 0) origin.answer(connection, request);
          else {
            const turn = (before ?? Promise.resolve())
              .then(() => (delayMs === 0 ? undefined : new Promise((resolve) => setTimeout(resolve, delayMs))))
              .then(() => {
                origin.answer(connection, request);
                if (turns.get(connection) === turn) turns.delete(connection);
              });
            turns.set(connection, turn);
          }
          if (count % 23 === 0) connection.socket.end();
          return true;
        };
      }
      const live = async (user: string | null, turns: number): Promise<void> => {
        let client = await connect();
        let isLoggedIn = false;
        for (let turn = 0; turn < turns; turn++) {
          if (chance(random, 0.1)) {
            client.raw.destroy();
            client = await connect();
            isLoggedIn = false;
          }
          const method = oneOf(random, ["GET", "GET", "HEAD", "POST"]);
          const isPublic = chance(random, 0.3);
          const fields = user !== null && !isLoggedIn ? `Authorization: NTLM proof-${user}\r\n` : "";
          const answer = await client.ask(fields, {
            method,
            target: isPublic ? "/public" : "/",
            body: method === "POST" ? "x" : "",
          });
          const identity = answer.slice("200 ".length);
          const allowed = user === null ? ["nobody", ""] : [user, "", "nobody"];
          assert.ok(allowed.includes(identity), `${user ?? "nobody"} is served as ${identity}`);
          if (user === null && !isPublic)
            assert.ok(["401", "502"].includes(answer.slice(0, 3)), `a stranger is answered ${answer}`);
          isLoggedIn = user !== null && answer.startsWith("200");
        }
      };
      await Promise.all([
        ...Array.from({ length: 6 }, (_, at) => live(`user${at}`, 40)),
        ...Array.from({ length: 6 }, () => live(null, 40)),
      ]);
    },
  );
}

testWithHarness("a login that the route writes binds as one of the client's does", async (harness) => {
  const { connect } = await start(harness, (origins) => ({
    ...one(origins),
    routes: [
      {
        match: { path: "/service" },
        upstream: "app",
        middlewares: [{ headers: { request: { set: { authorization: "Negotiate proof-service" } } } }],
      },
      { upstream: "app" },
    ],
  }));
  const alice = await connect();
  assert.equal(await alice.ask("", { target: "/service" }), "200 service");
  assert.equal(await (await connect()).ask("", { target: "/public" }), "200 nobody");
});
