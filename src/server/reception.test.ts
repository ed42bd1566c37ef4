/** What stands between an accepted connection and its protocol: steps of the test's own before HTTP/1.1, and an echo. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { ManualClock } from "../base/clock.ts";
import { SharedMemory } from "../base/shared-memory.ts";
import { TimerWheel } from "../base/timer-wheel.ts";
import { TurnQueue } from "../base/turn-queue.ts";
import type { Exchange } from "../http/exchange.ts";
import { ListeningSocket } from "../net/listening-socket.ts";
import { ContextCache } from "../net/tls/context-cache.ts";
import { ServerContexts } from "../net/tls/server-contexts.ts";
import { tlsStep } from "../net/tls/tls-step.ts";
import { TlsTrafficWatch } from "../net/tls/traffic-watch.ts";
import { HandshakeGate } from "../net/tls/handshake-gate.ts";
import type { ListenerOptions } from "../net/options.ts";
import type { Protocol, WireStep } from "../net/protocol.ts";
import type { Wire } from "../net/wire.ts";
import type { ListenerMetrics } from "../observe/exchange-metrics.ts";
import { ConnectionCount } from "./connection-count.ts";
import { maxReceptionMs } from "./reception.ts";
import { Listener, type ListenerHost } from "./listener.ts";
import { plainHttp1, type WireService } from "./wire-service.ts";

const headTimeoutMs = 10_000;

interface Scene {
  readonly listener: Listener;
  readonly exchanges: readonly Exchange[];
  readonly bugs: readonly unknown[];
  readonly clock: ManualClock;
  readonly wheel: TimerWheel;
  /** What the listener says is open. */
  readonly openCount: () => number;
  connect(): Promise<Socket>;
  /** Resolves when the connection of `client` is gone. */
  closed(client: Socket): Promise<void>;
}

async function listen(t: TestContext, service: WireService): Promise<Scene> {
  const clock = new ManualClock();
  const wheel = new TimerWheel({ clock });
  const exchanges: Exchange[] = [];
  const bugs: unknown[] = [];
  const instruments = { connections: 0, accepted: 0, inFlight: 0 };
  const instrument = (name: keyof typeof instruments): object => ({
    add: (count: number): void => void (instruments[name] += count),
  });
  const metrics = {
    connections: instrument("connections"),
    accepted: instrument("accepted"),
    inFlight: instrument("inFlight"),
  } as unknown as ListenerMetrics;
  const count = new ConnectionCount(new SharedMemory(), "main", 0, 1);
  const host: ListenerHost = {
    wheel,
    turns: new TurnQueue(),
    handshakes: new HandshakeGate(),
    tlsTraffic: new TlsTrafficWatch(wheel),
    pseudonym: "test",
    tcpRoutes: { asksForName: () => false, match: () => null },
    tcpForwarding: {} as ListenerHost["tcpForwarding"],
    answer(exchange) {
      exchanges.push(exchange);
      exchange.fail("NO_ROUTE");
    },
    observer: {
      onExchangeEnd: () => {},
      onSessionEnd: () => {},
      onInternalError: (error) => void bugs.push(error),
      onListenerError: (_listener, problem, error) => void bugs.push([problem, error]),
      onShortage: () => {},
      onShortageOver: () => {},
      onProxyHeaderRefused: () => {},
      onHandshakeFailed: () => {},
      onTlsFlood: () => {},
      metricsOf: () => metrics,
    },
    connectionCountOf: () => count,
    contextsOf: () => new ServerContexts(new ContextCache()),
  };
  const options = {
    name: "main",
    address: { kind: "tcp", host: "127.0.0.1", port: 0 },
    trustedProxies: [],
    limits: { headBytes: 16_384, headFields: 100, requestsPerConnection: 0, bodyBytes: 0, connections: 0 },
    timeouts: { head: headTimeoutMs, body: 0, write: 0, keepAlive: 0 },
  } as unknown as ListenerOptions;
  const listener = new Listener(options, host, () => service);
  const socket = new ListeningSocket(options.address as { kind: "tcp"; host: string; port: number });
  await socket.listen(null);
  listener.serve(socket);
  const clients: Socket[] = [];
  const closed = new Map<Socket, Promise<void>>();
  t.after(() => {
    for (const client of clients) client.destroy();
    listener.close();
    assert.equal(listener.connectionCount, 0);
    assert.equal(instruments.connections, 0);
    assert.equal(instruments.inFlight, 0);
    assert.equal(count.total, 0);
  });
  return {
    listener,
    exchanges,
    bugs,
    clock,
    wheel,
    openCount: () => listener.connectionCount,
    closed: (client) => closed.get(client.resume().once("end", () => client.end()))!,
    async connect() {
      const client = connect({ port: socket.port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
      clients.push(client);
      client.on("error", () => {});
      const isClosed = new Promise<void>((resolve) => client.once("close", () => resolve()));
      closed.set(client, isClosed);
      await once(client, "connect");
      return client;
    },
  };
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turns(1);
}

/** Collects what a client is sent. */
function receiving(client: Socket): () => string {
  let text = "";
  client.on("data", (chunk) => (text += chunk.toString("latin1")));
  return () => text;
}

/**
 * Reads a line, `FROM address port`, which says who the peer is, as the header of the PROXY protocol does.
 * @param proceed when it goes on after the line
 */
function lineStep(proceed: (next: () => void) => void): WireStep {
  return (wire, next) => {
    let text = "";
    wire.handTo({
      onBytes(bytes, byteCount) {
        text += bytes.latin1Slice(0, byteCount);
        const end = text.indexOf("\r\n");
        if (end === -1) return;
        const [, peerAddress = "", port = ""] = text.slice(0, end).split(" ");
        wire.origin = { ...wire.origin, peerAddress, peerPort: Number(port) };
        const rest = text.length - end - 2;
        if (rest > 0) wire.putBack(bytes.subarray(byteCount - rest, byteCount));
        proceed(() => next(wire));
      },
      onWritable() {},
      onEnd: () => wire.destroy(),
      onFinish() {},
      onGone() {},
    });
  };
}

const atOnce = (next: () => void): void => next();
const later = (next: () => void): void => void setImmediate(() => setImmediate(next));
const line = "FROM 203.0.113.9 4711\r\n";
const request = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

for (const [when, proceed] of [
  ["at once", atOnce],
  ["later", later],
] as const) {
  test(`a step that hands its wire on ${when} loses nothing of what came with its line`, async (t) => {
    const { exchanges, connect: open } = await listen(t, { ...plainHttp1, steps: [lineStep(proceed)] });
    const sent = line + request("/one") + request("/two");
    for (let split = 1; split <= sent.length; split++) {
      const client = await open();
      const received = receiving(client);
      const before = exchanges.length;
      client.write(sent.slice(0, split));
      // The rest comes in a read of its own.
      await turns(3);
      client.write(sent.slice(split));
      await until(() => exchanges.length === before + 2 && received().split("HTTP/1.1 404").length === 3);
      assert.deepEqual(
        exchanges.slice(before).map((exchange) => [exchange.request.target, exchange.peerAddress, exchange.peerPort]),
        [
          ["/one", "203.0.113.9", 4711],
          ["/two", "203.0.113.9", 4711],
        ],
      );
      client.destroy();
    }
  });

  test(`steps stand one behind the other, each with what the one before has left (${when})`, async (t) => {
    const { exchanges, connect: open } = await listen(t, {
      ...plainHttp1,
      steps: [lineStep(proceed), lineStep(proceed), lineStep(proceed)],
    });
    const client = await open();
    client.write(`FROM 192.0.2.1 1\r\nFROM 192.0.2.2 2\r\nFROM 192.0.2.3 3\r\n${request("/")}`);
    await until(() => exchanges.length === 1);
    assert.equal(exchanges[0]!.peerAddress, "192.0.2.3");
  });

  test(`an end that comes with the line is told to the protocol, behind what came before it (${when})`, async (t) => {
    const { exchanges, connect: open, openCount } = await listen(t, { ...plainHttp1, steps: [lineStep(proceed)] });
    const client = await open();
    const received = receiving(client);
    client.end(line + request("/"));
    await once(client, "end");
    assert.match(received(), /^HTTP\/1\.1 404 /);
    assert.equal(exchanges.length, 1);
    await until(() => openCount() === 0);
  });
}

test("a body that comes with the line is read whole, whatever else is read meanwhile", async (t) => {
  const { exchanges, connect: open } = await listen(t, { ...plainHttp1, steps: [lineStep(later)] });
  const [one, other] = [await open(), await open()];
  const post = (letter: string): string =>
    `${line}POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\nX-Letter: ${letter}\r\n\r\n`;
  one.write(post("a") + "a".repeat(5_000) + request("/a"));
  other.write(post("b") + "b".repeat(5_000) + request("/b"));
  await until(() => exchanges.length === 4);
  assert.deepEqual(exchanges.map((exchange) => exchange.request.target).toSorted(), ["/", "/", "/a", "/b"]);
});

test("a client that does not send what a step waits for is let go when its time is over", async (t) => {
  const {
    clock,
    wheel,
    openCount,
    closed,
    connect: open,
  } = await listen(t, { ...plainHttp1, steps: [lineStep(atOnce)] });
  const client = await open();
  client.write("FROM 203.");
  await until(() => openCount() === 1);
  for (let ms = 0; ms <= headTimeoutMs + 200; ms += 100) {
    clock.advance(100);
    wheel.advance();
  }
  assert.equal(openCount(), 0);
  await closed(client);
});

test("the time of the steps does not run on behind them", async (t) => {
  const {
    exchanges,
    clock,
    wheel,
    openCount,
    connect: open,
  } = await listen(t, {
    ...plainHttp1,
    steps: [lineStep(atOnce)],
  });
  const client = await open();
  client.write(line + request("/"));
  await until(() => exchanges.length === 1);
  for (let ms = 0; ms <= 3 * headTimeoutMs; ms += 100) {
    clock.advance(100);
    wheel.advance();
  }
  assert.equal(openCount(), 1);
});

test("a step that fails ends its wire and nothing else", async (t) => {
  const failing: WireStep = () => {
    throw new Error("a bug in a step");
  };
  const failingLater: WireStep = (wire) =>
    wire.handTo({
      onBytes() {
        throw new Error("a bug in a reader");
      },
      onWritable() {},
      onEnd() {},
      onFinish() {},
      onGone() {},
    });
  for (const [step, message] of [
    [failing, "a bug in a step"],
    [failingLater, "a bug in a reader"],
  ] as const) {
    const { bugs, openCount, closed, connect: open } = await listen(t, { ...plainHttp1, steps: [step] });
    const client = await open();
    client.write("hello");
    await closed(client);
    assert.deepEqual(
      bugs.map((bug) => (bug as Error).message),
      [message],
    );
    assert.equal(openCount(), 0);
  }
});

test("a client that goes away, and one that is drained, leave no account behind while a step waits", async (t) => {
  const {
    listener,
    openCount,
    clock,
    wheel,
    connect: open,
  } = await listen(t, {
    ...plainHttp1,
    steps: [lineStep(atOnce)],
  });
  const gone = await open();
  gone.write("FROM");
  await until(() => openCount() === 1);
  gone.resetAndDestroy();
  await until(() => openCount() === 0);
  const drained = await open();
  drained.write("FROM");
  await until(() => openCount() === 1);
  const isDrained = listener.drain(300);
  assert.equal(openCount(), 1);
  clock.advance(500);
  wheel.advance();
  await isDrained;
});

/** Sends back what comes. */
const echo: Protocol<unknown> = (wire: Wire) => {
  wire.handTo({
    onBytes(bytes, byteCount) {
      wire.output.bytes(Buffer.from(bytes.subarray(0, byteCount)));
      if (!wire.output.flush()) wire.pause();
    },
    onWritable: () => wire.resume(),
    onEnd() {
      wire.end();
      wire.awaitFinish();
    },
    onFinish: () => wire.destroy(),
    onGone() {},
  });
  return { drain: () => wire.destroy(), close: () => wire.destroy() };
};

for (const [what, steps] of [
  ["on its own", []],
  ["behind a step", [lineStep(later)]],
] as const) {
  test(`another protocol serves a wire, ${what}`, async (t) => {
    const { openCount, connect: open } = await listen(t, { steps, protocol: echo });
    const client = await open();
    const text = `${"echo ".repeat(200_000)}end`;
    client.end((steps.length > 0 ? line : "") + text);
    // The peer is slow: what it has not taken is not read on.
    await turns(20);
    const received = receiving(client);
    await once(client, "end");
    assert.equal(received(), text);
    await until(() => openCount() === 0);
  });
}

test("a ClientHello that does not come in time is told as too slow, whatever the limit of heads is", async (t) => {
  const failed: string[] = [];
  const step = tlsStep({
    contexts: null as unknown as ServerContexts,
    alpn: [],
    gate: new HandshakeGate(),
    traffic: new TlsTrafficWatch(new TimerWheel()),
    onHandshake: () => {},
    onFlood: () => {},
    onHandshakeFailed: (_wire, { failure, detail }) => void failed.push(`${failure} (${detail})`),
    onInternalError: () => {},
  });
  const { openCount, closed, connect: open, clock, wheel } = await listen(t, { ...plainHttp1, steps: [step] });
  const [silent, slow] = [await open(), await open()];
  slow.write(Buffer.of(22, 3, 1, 2));
  await until(() => openCount() === 2);
  await turns(5);
  clock.advance(maxReceptionMs - 200);
  wheel.advance();
  assert.equal(openCount(), 2);
  clock.advance(400);
  wheel.advance();
  await Promise.all([closed(silent), closed(slow)]);
  assert.equal(openCount(), 0);
  assert.deepEqual(failed, ["timeout (no ClientHello)", "timeout (no ClientHello)"]);
});
