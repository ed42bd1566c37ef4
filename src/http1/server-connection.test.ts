/** A client connection on time that stands still: what happens at once, and what only a deadline would do. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { ManualClock } from "../base/clock.ts";
import { TimerWheel } from "../base/timer-wheel.ts";
import { TurnQueue } from "../base/turn-queue.ts";
import type { Exchange, ExchangeListener } from "../http/exchange.ts";
import { ServerConnection } from "./server-connection.ts";
import type { ServerContext } from "./server-context.ts";

/** A client whose request is held by `listener`; null = it is answered at once. */
async function open(listener: ExchangeListener | null): Promise<{ client: Socket; connection: ServerConnection; clock: ManualClock; wheel: TimerWheel; ended: Promise<Exchange> }> {
  const clock = new ManualClock();
  const wheel = new TimerWheel({ clock });
  const begun = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<Exchange>();
  const context: ServerContext = {
    wheel, turns: new TurnQueue(), listenerName: "main", scheme: "http", isDraining: false,
    limits: { headBytes: 16_384, headFields: 100, requestsPerConnection: 0, bodyBytes: 0 },
    timeouts: { head: 0, body: 0, write: 0, keepAlive: 0 },
    isTrusted: () => false,
    onExchange(exchange) {
      if (listener === null) exchange.responder.fail("NO_ROUTE");
      else exchange.listener = listener;
      begun.resolve();
    },
    onExchangeStart: () => {}, onExchangeEnd: ended.resolve, onClosed: () => {},
    onInternalError: ended.reject,
  };
  let connection: ServerConnection | null = null;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    server.close();
    connection = new ServerConnection(socket, context);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1" });
  client.on("error", () => {}).resume();
  client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await begun.promise;
  return { client, connection: connection!, clock, wheel, ended: ended.promise };
}

const cancelled: string[] = [];
const listener = (isQueued: boolean): ExchangeListener => ({ isQueued, onWritable: () => {}, onCancel: (code) => void cancelled.push(code) });

test("a client that ends its side while its request stands in a queue is gone at once", async () => {
  cancelled.length = 0;
  const { client, ended } = await open(listener(true));
  client.end();
  const { status, reason } = await ended;
  assert.deepEqual([status, reason, cancelled], [499, "CLIENT_GONE", ["CLIENT_GONE"]]);
  client.destroy();
});

test("one whose request is under way has half a second in which its answer may begin", async () => {
  cancelled.length = 0;
  const { client, ended, clock, wheel } = await open(listener(false));
  client.end();
  // The deadline is there as soon as its end is seen.
  while (wheel.linkedCount === 0) await new Promise((resolve) => setImmediate(resolve));
  clock.advance(400);
  wheel.advance();
  assert.deepEqual(cancelled, []);
  clock.advance(400);
  wheel.advance();
  assert.deepEqual([(await ended).status, cancelled], [499, ["CLIENT_GONE"]]);
  client.destroy();
});

test("draining ends a connection that was in use within the grace when no request can be on its way any more, and any other at once", async () => {
  for (const [graceMs, idleMs, waitMs] of [[300, 0, 400], [300, 350, 0], [0, 0, 0]] as const) {
    const { client, connection, clock, wheel, ended } = await open(null);
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
