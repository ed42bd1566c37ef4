/** Sticky sessions over real connections, in one thread and in two. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { test, type TestContext } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { Origin } from "../support/origin.ts";
import { eventually } from "../support/signal.ts";
import { modes, Stage } from "../support/stage.ts";

/** Endpoints that answer with their number, until the end of the test. */
async function startOrigins(context: TestContext, count: number): Promise<Origin[]> {
  const origins = await Promise.all(
    Array.from({ length: count }, (_, number) => Origin.start((_request, response) => response.end(String(number)))),
  );
  context.after(() => Promise.all(origins.map((origin) => origin.close())));
  return origins;
}

/** A proxy until the end of the test. */
async function startStage(context: TestContext, config: Parameters<typeof Stage.start>[0]): Promise<Stage> {
  const stage = await Stage.start(config);
  context.after(() => stage.close());
  return stage;
}

/**
 * A browser with one cookie jar, for one upstream. Each request has a connection of its own, so that any thread may get
 * it.
 */
class Visitor {
  cookie: string | null = null;
  /** The Set-Cookie field of the last answer. */
  told: string | null = null;
  readonly #port: number;

  constructor(stage: Stage) {
    this.#port = stage.port();
  }

  async visit(): Promise<string> {
    const answer = await fetch(`http://127.0.0.1:${this.#port}/`, {
      headers: { connection: "close", ...(this.cookie === null ? {} : { cookie: `theme=dark; ${this.cookie}` }) },
    });
    this.told = answer.headers.get("set-cookie");
    if (this.told !== null) this.cookie = this.told.split(";")[0]!;
    return `${answer.status === 200 ? "" : answer.status}${await answer.text()}`;
  }
}

const config = (workers: number, origins: readonly Origin[], upstream: object = {}) => ({
  workers,
  listeners: [{ address: "127.0.0.1:0" }],
  routes: [{ upstream: "app" }],
  upstreams: {
    app: { endpoints: origins.map((origin) => origin.url), sticky: { cookie: { name: "sid" } }, ...upstream },
  },
});

for (const [title, workers] of modes) {
  test(`${title}: clients come back to their endpoint, are told so once, and new ones spread`, async (context) => {
    const origins = await startOrigins(context, 3);
    const stage = await startStage(context, config(workers, origins));
    const homes = new Set<string>();
    for (let client = 0; client < 6; client++) {
      const visitor = new Visitor(stage);
      const home = await visitor.visit();
      homes.add(home);
      assert.match(visitor.told ?? "", /^sid=[\w.-]+; Path=\/; HttpOnly; SameSite=Lax$/);
      for (let visit = 0; visit < 5; visit++) {
        assert.equal(await visitor.visit(), home);
        assert.equal(visitor.told, null);
      }
    }
    assert.deepEqual([...homes].sort(), ["0", "1", "2"]);
    const metrics = await stage.metrics();
    assert.deepEqual(metrics.by("millrace_sticky_requests_total", "result"), { kept: 30, assigned: 6, moved: 0 });
  });

  test(`${title}: an endpoint that dies hands its clients over once; they stay where they went`, async (context) => {
    const origins = await startOrigins(context, 2);
    const stage = await startStage(context, config(workers, origins));
    const visitor = new Visitor(stage);
    const home = Number(await visitor.visit());
    const other = String(1 - home);
    const first = visitor.cookie;
    await origins[home]!.close();
    assert.equal(await visitor.visit(), other, "a retry, unseen by the client");
    assert.notEqual(visitor.told, null);
    assert.notEqual(visitor.cookie, first);
    origins[home] = await Origin.start((_request, response) => response.end(String(home)), origins[home]!.port);
    for (let visit = 0; visit < 4; visit++) assert.equal(await visitor.visit(), other);
    assert.deepEqual((await stage.metrics()).by("millrace_sticky_requests_total", "result"), {
      kept: 4,
      assigned: 1,
      moved: 1,
    });
  });

  test(`${title}: a draining endpoint, and one of weight 0, keep their clients and get no new ones`, async (context) => {
    const origins = await startOrigins(context, 2);
    const stage = await startStage(context, config(workers, origins));
    const visitor = new Visitor(stage);
    const home = await visitor.visit();
    const url = origins[Number(home)]!.url;
    const changes = [{ kind: "drain" }, { kind: "enable" }, { kind: "weight", weight: 0 }] as const;
    for (const change of changes) {
      stage.proxy.endpointControl.apply("app", url, change);
      for (let visit = 0; visit < 4; visit++) assert.equal(await visitor.visit(), home);
      if (change.kind !== "enable")
        for (let client = 0; client < 6; client++) assert.notEqual(await new Visitor(stage).visit(), home, change.kind);
    }
  });

  test(`${title}: sessions outlive a reload, and an endpoint that it removes gives them up`, async (context) => {
    const origins = await startOrigins(context, 2);
    const stage = await startStage(context, config(workers, origins));
    const visitor = new Visitor(stage);
    const home = await visitor.visit();
    await stage.reload(config(workers, origins, { balance: "random" }));
    assert.equal(await visitor.visit(), home);
    assert.equal(visitor.told, null);
    await stage.reload(
      config(
        workers,
        origins.filter((_, number) => String(number) !== home),
      ),
    );
    assert.notEqual(await visitor.visit(), home);
    assert.notEqual(visitor.told, null);
  });
}

test("a thread that takes the place of a dead one reads the cookies of before", async (context) => {
  const origins = await startOrigins(context, 3);
  const stage = await startStage(context, config(1, origins));
  const visitor = new Visitor(stage);
  const home = await visitor.visit();
  await stage.proxy.killThread(0);
  await eventually(
    async () =>
      (await stage.metrics()).sum("millrace_proxy_thread_restarts_total") === 1 &&
      (await stage.metrics()).sum("millrace_proxy_threads") === 1,
    "the thread is replaced",
  );
  await eventually(async () => (await visitor.visit().catch(() => "")) === home, "it serves");
  assert.equal(visitor.told, null);
});

test("two instances with one secret read each other's cookies; without it they do not", async (context) => {
  const origins = await startOrigins(context, 4);
  const secret = "0123456789abcdef0123456789abcdef";
  const sticky = (cookie: object) => config(0, origins, { sticky: { cookie: { name: "sid", ...cookie } } });
  for (const [cookie, isShared] of [
    [{ secret, maxAge: "1h" }, true],
    [{}, false],
  ] as const) {
    const [one, other] = [await startStage(context, sticky(cookie)), await startStage(context, sticky(cookie))];
    const visitor = new Visitor(one);
    const home = await visitor.visit();
    const elsewhere = new Visitor(other);
    elsewhere.cookie = visitor.cookie;
    const place = await elsewhere.visit();
    assert.equal(elsewhere.told === null, isShared);
    if (isShared) assert.equal(place, home);
  }
});

test("a tunnel is sticky, too: the answer that opens it brings the cookie", async (context) => {
  const origins = await startOrigins(context, 2);
  for (const [number, origin] of origins.entries())
    new WebSocketServer({ server: origin.server }).on("connection", (socket) => socket.send(String(number)));
  const stage = await startStage(context, config(0, origins));
  const connect = async (cookie: string | null): Promise<{ home: string; told: string | undefined }> => {
    const socket = new WebSocket(`ws://127.0.0.1:${stage.port()}/`, cookie === null ? {} : { headers: { cookie } });
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

test("the hash of a key keeps clients together without a cookie", async (context) => {
  const origins = await startOrigins(context, 4);
  const stage = await startStage(context, config(0, origins, { sticky: { key: "header:x-user" } }));
  const ask = async (user: string | null): Promise<string> => {
    const answer = await fetch(`http://127.0.0.1:${stage.port()}/`, {
      headers: user === null ? {} : { "x-user": user },
    });
    assert.equal(answer.headers.get("set-cookie"), null);
    return answer.text();
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
