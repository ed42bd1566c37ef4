/** Sticky sessions over real connections, in one thread and in two. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { WebSocket, WebSocketServer } from "ws";
import type { Endpoint } from "../support/endpoint.ts";
import { freePort } from "../support/free-port.ts";
import { type Harness, testOverProtocols, testWithHarness } from "../support/harness.ts";
import { modes, type ProxyOptions, type ProxyUnderTest } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";

/** Endpoints that answer with their number. */
const startEndpoints = (harness: Harness, count: number): Promise<Endpoint[]> =>
  Promise.all(Array.from({ length: count }, (_, number) => harness.endpoint({ body: String(number) })));

/**
 * A browser with one cookie jar, for one upstream. Each request has a connection of its own, so that any thread may get
 * it.
 */
class Visitor {
  cookie: string | null = null;
  /** The Set-Cookie field of the last answer. */
  told: string | null = null;
  readonly #harness: Harness;
  readonly #proxy: ProxyUnderTest | undefined;

  constructor(harness: Harness, proxy?: ProxyUnderTest) {
    this.#harness = harness;
    this.#proxy = proxy;
  }

  async visit(): Promise<string> {
    const fields: Record<string, string> = this.cookie === null ? {} : { cookie: `theme=dark; ${this.cookie}` };
    const answer = await this.#harness.ask({ fields }, this.#proxy);
    this.told = answer.value("set-cookie");
    if (this.told !== null) this.cookie = this.told.split(";")[0]!;
    return `${answer.status === 200 ? "" : answer.status}${answer.text}`;
  }
}

const options = (
  threads: number,
  endpoints: readonly { readonly url: string }[],
  upstream: Record<string, unknown> = {},
): ProxyOptions => ({
  threads,
  endpoints: endpoints.map(({ url }) => url),
  upstream: { sticky: { cookie: { name: "sid" } }, ...upstream },
});

for (const [title, threads] of modes) {
  testOverProtocols(
    `${title}: clients come back to their endpoint, are told so once, and new ones spread`,
    async (harness) => {
      const endpoints = await startEndpoints(harness, 3);
      const proxy = await harness.proxy(options(threads, endpoints));
      const homes = new Set<string>();
      for (let client = 0; client < 6; client++) {
        const visitor = new Visitor(harness);
        const home = await visitor.visit();
        homes.add(home);
        const { scheme } = harness.protocols.client;
        assert.match(visitor.told ?? "", /^sid=[\w.-]+; Path=\/; HttpOnly; SameSite=Lax(?:; Secure)?$/);
        assert.equal(visitor.told?.endsWith("; Secure"), scheme === "https");
        for (let visit = 0; visit < 5; visit++) {
          assert.equal(await visitor.visit(), home);
          assert.equal(visitor.told, null);
        }
      }
      assert.deepEqual([...homes].sort(), ["0", "1", "2"]);
      const metrics = await proxy.metrics();
      assert.deepEqual(metrics.by("millrace_sticky_requests_total", "result"), { kept: 30, assigned: 6, moved: 0 });
    },
  );

  testOverProtocols(
    `${title}: an endpoint that dies hands its clients over once; they stay where they went`,
    async (harness) => {
      const ports = [await freePort(), await freePort()];
      const endpoints = await Promise.all(ports.map((port, at) => harness.endpoint({ body: String(at) }, port)));
      const proxy = await harness.proxy(options(threads, endpoints));
      const visitor = new Visitor(harness);
      const home = Number(await visitor.visit());
      const other = String(1 - home);
      const first = visitor.cookie;
      await endpoints[home]!.close();
      assert.equal(await visitor.visit(), other, "a retry, unseen by the client");
      assert.notEqual(visitor.told, null);
      assert.notEqual(visitor.cookie, first);
      endpoints[home] = await harness.endpoint({ body: String(home) }, ports[home]);
      for (let visit = 0; visit < 4; visit++) assert.equal(await visitor.visit(), other);
      assert.deepEqual((await proxy.metrics()).by("millrace_sticky_requests_total", "result"), {
        kept: 4,
        assigned: 1,
        moved: 1,
      });
    },
  );

  testOverProtocols(
    `${title}: a draining endpoint, and one of weight 0, keep their clients and get no new ones`,
    async (harness) => {
      const endpoints = await startEndpoints(harness, 2);
      const proxy = await harness.proxy(options(threads, endpoints));
      const visitor = new Visitor(harness);
      const home = await visitor.visit();
      const url = endpoints[Number(home)]!.url;
      const changes = [{ kind: "drain" }, { kind: "enable" }, { kind: "weight", weight: 0 }] as const;
      for (const change of changes) {
        proxy.proxy.endpointControl.apply("app", url, change);
        for (let visit = 0; visit < 4; visit++) assert.equal(await visitor.visit(), home);
        if (change.kind !== "enable")
          for (let client = 0; client < 6; client++)
            assert.notEqual(await new Visitor(harness).visit(), home, change.kind);
      }
    },
  );

  testOverProtocols(
    `${title}: sessions outlive a reload, and an endpoint that it removes gives them up`,
    async (harness) => {
      const endpoints = await startEndpoints(harness, 2);
      const proxy = await harness.proxy(options(threads, endpoints));
      const visitor = new Visitor(harness);
      const home = await visitor.visit();
      await proxy.reload(options(threads, endpoints, { balance: "random" }));
      assert.equal(await visitor.visit(), home);
      assert.equal(visitor.told, null);
      await proxy.reload(
        options(
          threads,
          endpoints.filter((_, number) => String(number) !== home),
        ),
      );
      assert.notEqual(await visitor.visit(), home);
      assert.notEqual(visitor.told, null);
    },
  );
}

testOverProtocols("a thread that takes the place of a dead one reads the cookies of before", async (harness) => {
  const endpoints = await startEndpoints(harness, 3);
  const proxy = await harness.proxy(options(1, endpoints));
  const visitor = new Visitor(harness);
  const home = await visitor.visit();
  await proxy.killThread(0);
  await eventually(
    async () =>
      (await proxy.metrics()).sum("millrace_proxy_thread_restarts_total") === 1 &&
      (await proxy.metrics()).sum("millrace_proxy_threads") === 1,
    "the thread is replaced",
  );
  await eventually(async () => (await visitor.visit().catch(() => "")) === home, "it serves");
  assert.equal(visitor.told, null);
});

testOverProtocols(
  "two instances with one secret read each other's cookies; without it they do not",
  async (harness) => {
    const endpoints = await startEndpoints(harness, 4);
    const secret = "0123456789abcdef0123456789abcdef";
    const sticky = (cookie: object): ProxyOptions =>
      options(0, endpoints, { sticky: { cookie: { name: "sid", ...cookie } } });
    for (const [cookie, isShared] of [
      [{ secret, maxAge: "1h" }, true],
      [{}, false],
    ] as const) {
      const [one, other] = [await harness.proxy(sticky(cookie)), await harness.proxy(sticky(cookie))];
      const visitor = new Visitor(harness, one);
      const home = await visitor.visit();
      const elsewhere = new Visitor(harness, other);
      elsewhere.cookie = visitor.cookie;
      const place = await elsewhere.visit();
      assert.equal(elsewhere.told === null, isShared);
      if (isShared) assert.equal(place, home);
    }
  },
);

testWithHarness("a tunnel is sticky, too: the answer that opens it brings the cookie", async (harness) => {
  const origins = [await harness.origin(() => {}), await harness.origin(() => {})];
  for (const [number, origin] of origins.entries())
    new WebSocketServer({ server: origin.server }).on("connection", (socket) => socket.send(String(number)));
  const proxy = await harness.proxy(options(0, origins));
  const connect = async (cookie: string | null): Promise<{ home: string; told: string | undefined }> => {
    const socket = new WebSocket(`ws://127.0.0.1:${proxy.port}/`, cookie === null ? {} : { headers: { cookie } });
    const [[upgrade], [message]] = await Promise.all([
      once(socket, "upgrade") as Promise<[IncomingMessage]>,
      once(socket, "message") as Promise<[Buffer]>,
    ]);
    socket.terminate();
    return { home: message.toString(), told: upgrade.headers["set-cookie"]?.[0] };
  };
  const first = await connect(null);
  assert.match(first.told ?? "", /^sid=/);
  for (let visit = 0; visit < 4; visit++)
    assert.deepEqual(await connect(first.told!.split(";")[0]!), { home: first.home, told: undefined });
});

testOverProtocols("the hash of a key keeps clients together without a cookie", async (harness) => {
  const endpoints = await startEndpoints(harness, 4);
  await harness.proxy(options(0, endpoints, { sticky: { key: "header:x-user" } }));
  const ask = async (user: string | null): Promise<string> => {
    const answer = await harness.ask({ fields: user === null ? {} : { "x-user": user } });
    assert.equal(answer.value("set-cookie"), null);
    return answer.text;
  };
  const homes = new Set<string>();
  for (let user = 0; user < 20; user++) {
    const home = await ask(`user ${user}`);
    homes.add(home);
    assert.equal(await ask(`user ${user}`), home);
  }
  assert.equal(homes.size, 4);
  assert.deepEqual(
    [await ask(null), await ask(null), await ask(null), await ask(null)].sort(),
    ["0", "1", "2", "3"],
    "without the key they are balanced",
  );
});
