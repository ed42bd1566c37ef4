/** A client connection on time that stands still: what happens at once, and what only a deadline would do. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { ManualClock } from "../../base/clock.ts";
import { TimerWheel } from "../../base/timer-wheel.ts";
import { TurnQueue, type TurnTask } from "../../base/turn-queue.ts";
import { continueHead } from "../../http/answer.ts";
import { emptySource, nowhere } from "../../http/body.ts";
import type { Answerer, Exchange } from "../../http/exchange.ts";
import { BareSocket } from "../../net/bare-socket.ts";
import type { KernelSocket } from "../../net/kernel-socket.ts";
import { onAccepted } from "../../net/node-internals.ts";
import { PlainSocket } from "../../net/plain-socket.ts";
import { acceptedWire } from "../../net/socket-wire.ts";
import { ClientConnection } from "./client-connection.ts";
import type { ClientContext } from "./client-context.ts";

const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/** Turns that come when the test says so. */
class HeldTurns extends TurnQueue {
  readonly held: TurnTask[] = [];

  override add(task: TurnTask): void {
    this.held.push(task);
  }

  run(): void {
    for (const task of this.held.splice(0)) task.runInTurn();
  }
}

/** What a client sends, and how its connection is looked after. */
interface Scene {
  readonly sent?: string;
  /** Holds the first request, and each further one; null = it is answered at once. */
  readonly answerers?: readonly (Answerer | null)[];
  readonly turns?: TurnQueue;
  /** Told of each exchange that begins. */
  readonly begun?: (exchange: Exchange) => void;
  /** Takes what must not happen; default: the test fails. */
  readonly onBug?: (error: unknown) => void;
  /** Whose memory the connection is read into. */
  readonly memory?: "ours" | "Node's";
}

/** A client connection that has begun the first exchange. */
interface Opened {
  readonly client: Socket;
  readonly connection: ClientConnection;
  readonly clock: ManualClock;
  readonly wheel: TimerWheel;
  /** The first exchange, when it is over. */
  readonly ended: Promise<Exchange>;
  /** Those that are over. */
  readonly exchanges: readonly Exchange[];
}

async function open({
  sent = get,
  answerers = [null],
  turns = new TurnQueue(),
  memory = "Node's",
  begun: onBegun,
  onBug,
}: Scene): Promise<Opened> {
  const clock = new ManualClock();
  const wheel = new TimerWheel({ clock });
  const begun = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<Exchange>();
  ended.promise.catch(() => {});
  const exchanges: Exchange[] = [];
  let count = 0;
  const context: ClientContext = {
    wheel,
    turns,
    listenerName: "main",
    isDraining: false,
    limits: { headBytes: 16_384, headFields: 100, requestsPerConnection: 0, bodyBytes: 0 },
    timeouts: { head: 0, body: 0, write: 0, keepAlive: 0 },
    isTrusted: () => false,
    onExchange(exchange) {
      begun.resolve();
      onBegun?.(exchange);
      const answerer = answerers[Math.min(count++, answerers.length - 1)]!;
      if (answerer === null) exchange.fail("NO_ROUTE");
      else exchange.answerer = answerer;
    },
    onExchangeStart: () => {},
    onExchangeEnd(exchange) {
      exchanges.push(exchange);
      ended.resolve(exchange);
    },
    onInternalError: onBug ?? ended.reject,
  };
  const host = { onWireClosed: () => {}, onInternalError: ended.reject };
  let connection: ClientConnection | null = null;
  const take = (socket: KernelSocket): void => {
    server.close();
    connection = new ClientConnection(acceptedWire(socket, host), context);
  };
  const server = createServer({ allowHalfOpen: true }, (socket) => take(new PlainSocket(socket)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  if (memory === "ours") onAccepted(server, (handle) => take(BareSocket.accepted(handle)));
  const client = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1" });
  client.on("error", () => {}).resume();
  client.write(sent);
  await begun.promise;
  return { client, connection: connection!, clock, wheel, ended: ended.promise, exchanges };
}

const close = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const cancelled: string[] = [];
const answerer = (isQueued: boolean): Answerer => ({
  isQueued,
  cancel: (code) => void cancelled.push(code),
});

test("a client that ends its side while its request stands in a queue is gone at once", async () => {
  cancelled.length = 0;
  const { client, ended } = await open({ answerers: [answerer(true)] });
  client.end();
  const { status, reason } = (await ended).record;
  assert.deepEqual([status, reason, cancelled], [499, "CLIENT_GONE", ["CLIENT_GONE"]]);
  client.destroy();
});

test("one whose request is under way has half a second in which its answer may begin", async () => {
  cancelled.length = 0;
  const { client, ended, clock, wheel } = await open({ answerers: [answerer(false)] });
  client.end();
  // The deadline is there as soon as its end is seen.
  while (wheel.linkedCount === 0) await nextTurn();
  clock.advance(400);
  wheel.advance();
  assert.deepEqual(cancelled, []);
  clock.advance(400);
  wheel.advance();
  assert.deepEqual([(await ended).record.status, cancelled], [499, ["CLIENT_GONE"]]);
  client.destroy();
});

for (const [what, sent, waits] of [
  ["a request without a body that says close is closed at once", `${close}\r\n`, 0],
  ["one of HTTP/1.0, too", "GET / HTTP/1.0\r\n\r\n", 0],
  ["one with a body is waited for: a line end may follow", `${close}Content-Length: 1\r\n\r\nx`, 1],
  [
    "one that asks for a tunnel is waited for",
    `${get.slice(0, -2)}Connection: upgrade, close\r\nUpgrade: tcp\r\n\r\n`,
    1,
  ],
  ["one behind which more has come is waited for", `${close}\r\n${get}`, 1],
] as const) {
  test(`when an answer that is the last is written, the connection of ${what}`, async () => {
    const { client, ended, wheel } = await open({ sent });
    await ended;
    assert.equal(wheel.linkedCount, waits);
    const [answer] = (await once(client, "data")) as [Buffer];
    assert.match(answer.toString("latin1"), /^HTTP\/1\.[01] 404 [^]*not found[^]*$/i);
    await once(client, "close");
  });
}

test("draining ends a connection that was in use within the grace when no request can be on its way any more, and any other at once", async () => {
  for (const [graceMs, idleMs, waitMs] of [
    [300, 0, 400],
    [300, 350, 0],
    [0, 0, 0],
  ] as const) {
    const { client, connection, clock, wheel, ended } = await open({});
    await ended;
    clock.advance(idleMs);
    wheel.advance();
    connection.drain(graceMs);
    assert.equal(wheel.linkedCount, waitMs === 0 ? 0 : 1);
    if (waitMs > 0) {
      clock.advance(waitMs);
      wheel.advance();
      assert.equal(wheel.linkedCount, 0, "nothing is waited for any more");
    }
    await once(client, "close");
  }
});

for (const memory of ["ours", "Node's"] as const) {
  test(`every request of a client that sends many and ends its side is answered, read into ${memory} memory`, async () => {
    const { client, exchanges } = await open({ sent: get.repeat(40), memory });
    client.end();
    await once(client, "close");
    assert.deepEqual(
      exchanges.map(({ record }) => record.status),
      Array.from({ length: 40 }, () => 404),
    );
  });

  test(`a client that ends its side while its request with a body stands in a queue is gone at once, read into ${memory} memory`, async () => {
    cancelled.length = 0;
    const sent = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    const { client, ended } = await open({ sent, answerers: [answerer(true)], memory });
    client.end();
    const { status, reason } = (await ended).record;
    assert.deepEqual([status, reason, cancelled], [499, "CLIENT_GONE", ["CLIENT_GONE"]]);
    client.destroy();
  });
}

test("a client that has ended its side has half a second for the answer to its second request, too", async () => {
  cancelled.length = 0;
  let first: Exchange | null = null;
  const begun = (exchange: Exchange): void => void (first ??= exchange);
  const { client, clock, wheel, exchanges } = await open({ sent: get + get, answerers: [answerer(false)], begun });
  client.end();
  // The deadline is there as soon as its end is seen.
  while (wheel.linkedCount === 0) await nextTurn();
  first!.answerer = null;
  first!.fail("NO_ROUTE");
  assert.equal(exchanges.length, 1);
  clock.advance(800);
  wheel.advance();
  assert.deepEqual([exchanges.map(({ record }) => record.status), cancelled], [[404, 499], ["CLIENT_GONE"]]);
  client.destroy();
});

test("a connection that waits for its turn while draining has no longer than the grace", async () => {
  const turns = new HeldTurns();
  const { client, connection, clock, wheel, exchanges } = await open({ sent: `${get.repeat(16)}\r\n`, turns });
  assert.deepEqual([exchanges.length, turns.held.length], [16, 1]);
  connection.drain(300);
  turns.run();
  clock.advance(400);
  wheel.advance();
  await once(client, "close");
});

test("a client that waits for a 100 gets it after a second, although the time for bodies has no limit", async () => {
  const sent = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
  const sink = { data: () => {}, flush: () => true, end: () => true, abort: () => {} };
  const begun = ({ body }: Exchange): void => void body.open(sink);
  const { client, clock, wheel } = await open({ sent, answerers: [answerer(false)], begun });
  const answer = once(client, "data") as Promise<[Buffer]>;
  clock.advance(1_100);
  wheel.advance();
  assert.equal((await answer)[0].toString(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.destroy();
});

test("a bug in whoever answers is answered by a 500, and the next request of the connection is taken up", async () => {
  const bugs: unknown[] = [];
  let count = 0;
  const begun = (): void => {
    if (++count === 1) throw new Error("a bug");
  };
  const { client, exchanges } = await open({ sent: get + get, begun, onBug: (error) => bugs.push(error) });
  let text = "";
  client.on("data", (chunk: Buffer) => (text += chunk.toString()));
  client.end();
  await once(client, "close");
  assert.match(text, /^HTTP\/1\.1 500 [^]*HTTP\/1\.1 404 /);
  assert.deepEqual([exchanges.map(({ record }) => record.reason), bugs.length], [["INTERNAL_ERROR", "NO_ROUTE"], 1]);
});

for (const [what, isBroken, status, reason, bugCount] of [
  ["gives the answer up", false, 502, "UPSTREAM_BAD_RESPONSE", 0],
  ["hands it on to one that throws", true, 500, "INTERNAL_ERROR", 1],
] as const) {
  test(`a filter that ${what}, later, costs the one answer, and the next request is taken up`, async () => {
    const bugs: unknown[] = [];
    let isBegun = false;
    const begun = (exchange: Exchange): void => {
      if (isBegun) return;
      isBegun = true;
      let isHolding = !isBroken;
      exchange.filterAnswer({
        start(head, source, next) {
          if (isBroken) return thrower();
          if (!isHolding) return next.start(head, source);
          isHolding = false;
          return nowhere;
        },
      });
      let isFirst = true;
      exchange.filterAnswer({
        start(head, source, next) {
          if (!isFirst) return next.start(head, source);
          isFirst = false;
          const sink = isBroken ? nowhere : next.start(head, source);
          setImmediate(() => {
            if (isBroken) next.start(head, source).end(null);
            else source.stop("UPSTREAM_BAD_RESPONSE");
          });
          return sink;
        },
      });
      exchange.start({ ...continueHead, status: 200, body: 3 }, emptySource);
    };
    const { client, exchanges } = await open({
      sent: get + get,
      answerers: [answerer(false), null],
      begun,
      onBug: (error) => bugs.push(error),
    });
    let text = "";
    client.on("data", (chunk: Buffer) => (text += chunk.toString()));
    client.end();
    await once(client, "close");
    assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} [^]*HTTP/1\\.1 404 `));
    assert.deepEqual([exchanges.map(({ record }) => record.reason), bugs.length], [[reason, "NO_ROUTE"], bugCount]);
  });
}

const post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
const thrower = (): never => {
  throw new Error("a bug");
};

for (const part of ["data", "flush", "end"] as const) {
  test(`a bug in the ${part} of whoever takes a request's body is answered by a 500, and the next request is taken up`, async () => {
    const bugs: unknown[] = [];
    const sink = { data: () => {}, flush: () => true, end: () => true, abort: () => {}, [part]: thrower };
    // The last byte comes alone, so that there is a flush before the end.
    const begun = ({ body, request }: Exchange): void => {
      if (request.method === "POST") body.open(sink);
    };
    const { client, exchanges } = await open({
      sent: post.slice(0, -1),
      answerers: [answerer(false), null],
      begun,
      onBug: (error) => bugs.push(error),
    });
    client.end(post.slice(-1) + get);
    await once(client, "close");
    assert.deepEqual([exchanges.map(({ record }) => record.reason), bugs.length], [["INTERNAL_ERROR", "NO_ROUTE"], 1]);
  });
}

for (const [what, body, content] of [
  ["longer", 2, "abc"],
  ["shorter", 4, "abc"],
] as const) {
  test(`an answer that is ${what} than its head says breaks off`, async () => {
    const bugs: unknown[] = [];
    const begun = (exchange: Exchange): void => {
      const sink = exchange.start({ ...continueHead, status: 200, body }, emptySource);
      sink.data(Buffer.from(content));
      sink.end(null);
    };
    const { client, exchanges } = await open({ sent: get + get, begun, onBug: (error) => bugs.push(error) });
    await once(client, "close");
    assert.deepEqual([exchanges.map(({ record }) => record.reason), bugs.length], [["INTERNAL_ERROR"], 1]);
  });
}

test("content behind an answer that has none is left out", async () => {
  const begun = (exchange: Exchange): void => {
    const sink = exchange.start({ ...continueHead, status: 304, body: 3, declaredLength: 3 }, emptySource);
    sink.data(Buffer.from("abc"));
    sink.end(null);
  };
  const { client } = await open({ begun });
  let text = "";
  client.on("data", (chunk: Buffer) => (text += chunk.toString()));
  client.end();
  await once(client, "close");
  assert.match(text, /\r\nContent-Length: 3\r\n\r\n$/);
});
