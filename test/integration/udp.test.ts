/** Listeners with `mode: udp`: the datagrams of a client's address and port are a session, whose end is silence. */
import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { freePort } from "../support/free-port.ts";
import { type Harness, testWithHarness } from "../support/harness.ts";
import { modes, type ProxyUnderTest } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";

interface Peer {
  readonly socket: Socket;
  readonly received: Buffer[];
  readonly url: string;
  send(datagram: Buffer | string): void;
}

/** A socket of UDP. @param serve answers, to who sent it */
async function peer(harness: Harness, serve?: (datagram: Buffer) => Buffer | null, port = 0): Promise<Peer> {
  const socket = createSocket({ type: "udp4", recvBufferSize: 4 * 1024 * 1024 });
  const received: Buffer[] = [];
  socket.on("message", (datagram, { address, port: from }) => {
    received.push(datagram);
    const answer = serve?.(datagram) ?? null;
    if (answer !== null) socket.send(answer, from, address);
  });
  await new Promise<void>((resolve) => socket.bind(port, "127.0.0.1", resolve));
  harness.endWithClients(() => socket.close());
  const { port: own } = socket.address();
  return { socket, received, url: `udp://127.0.0.1:${own}`, send: () => assert.fail("it has no target") };
}

async function client(harness: Harness, proxy: ProxyUnderTest): Promise<Peer> {
  const one = await peer(harness);
  return { ...one, send: (datagram) => one.socket.send(datagram, proxy.port, "127.0.0.1") };
}

const echo = (datagram: Buffer): Buffer => datagram;

const options = (endpoints: readonly string[], more: Record<string, unknown> = {}): Record<string, unknown> => ({
  listener: { name: "main", mode: "udp", timeouts: { idle: "300ms" }, ...(more["listener"] as object) },
  routes: [{ name: "all", match: { listener: "main" }, upstream: "app" }],
  endpoints,
  upstream: more["upstream"],
  threads: more["threads"] ?? 0,
});

for (const [title, threads] of modes)
  testWithHarness(`datagrams go and come whole, and each client gets its own answers, ${title}`, async (harness) => {
    const endpoint = await peer(harness, echo);
    const proxy = await harness.proxy(options([endpoint.url], { threads }));
    const clients = await Promise.all([1, 2, 3].map(() => client(harness, proxy)));
    const sizes = [1, 0, 1_400, 8_192, 8_193, 40_000, 65_507];
    for (const [at, one] of clients.entries()) {
      for (const [index, size] of sizes.entries()) {
        one.send(Buffer.alloc(size, at));
        // The kernel has room for a few at a time.
        await eventually(() => one.received.length > index, `${size} bytes came back`);
      }
      assert.deepEqual(
        one.received.map(({ length }) => length).toSorted((a, b) => a - b),
        sizes.toSorted((a, b) => a - b),
      );
      assert.ok(one.received.every((datagram) => datagram.every((byte) => byte === at)));
    }
    await proxy.untilQuiet();
    const [lines] = await harness.end();
    assert.equal(lines!.length, 3);
    for (const line of lines!) {
      const { protocol, status, reason, requestBytes, responseBytes } = line;
      const bytes = sizes.reduce((sum, size) => sum + size, 0);
      assert.deepEqual([protocol, status, reason, requestBytes, responseBytes], ["udp", 200, null, bytes, bytes]);
    }
  });

testWithHarness("an endpoint that is away for a while does not end a session", async (harness) => {
  const port = await freePort();
  const proxy = await harness.proxy(options([`udp://127.0.0.1:${port}`], { listener: { timeouts: { idle: "1s" } } }));
  const one = await client(harness, proxy);
  for (let count = 0; count < 3; count++) {
    one.send("lost");
    await proxy.untilOpen(({ upstreamConnections }) => upstreamConnections === 1, "there is a session");
  }
  const endpoint = await peer(harness, echo, port);
  await eventually(() => {
    one.send("found");
    return one.received.length > 0;
  }, "it answers");
  assert.equal((await proxy.inspect()).upstreamConnections, 1);
  assert.ok(endpoint.received.length > 0);
});

const bounded = { listener: { limits: { connections: 2 }, timeouts: { idle: "3s" } } };

async function ask(one: Peer, what: string): Promise<void> {
  const before = one.received.length;
  one.send(what);
  await eventually(() => one.received.length > before, `${what} is answered`);
}

testWithHarness("sessions are bounded; whoever was answered and sent again keeps its place", async (harness) => {
  const endpoint = await peer(harness, echo);
  const proxy = await harness.proxy(options([endpoint.url], bounded));
  const [first, second, late] = await Promise.all([1, 2, 3].map(() => client(harness, proxy)));
  for (const one of [first!, second!]) for (const what of ["once", "again"]) await ask(one, what);
  late!.send("x");
  await eventually(
    async () => (await proxy.metrics()).sum("millrace_connections_refused_total") === 1,
    "there is no room",
  );
  await ask(first!, "still here");
  assert.equal(late!.received.length, 0);
});

testWithHarness("of clients that may be nobody the oldest gives way to a new one", async (harness) => {
  const endpoint = await peer(harness, echo);
  const proxy = await harness.proxy(options([endpoint.url], bounded));
  const [regular, ...others] = await Promise.all([1, 2, 3, 4, 5].map(() => client(harness, proxy)));
  for (const what of ["once", "again"]) await ask(regular!, what);
  for (const one of others) await ask(one, "x");
  await ask(regular!, "still here");
  assert.equal((await proxy.inspect()).upstreamConnections, 2);
  const metrics = await proxy.metrics();
  assert.equal(metrics.sum("millrace_connections", { listener: "main" }), 2);
  assert.equal(metrics.sum("millrace_sessions_total", { result: "CLIENT_GONE" }), 3);
});

testWithHarness("sessions live through a reload, and the next ones go by the new configuration", async (harness) => {
  const [old, next] = [await peer(harness, () => Buffer.from("old")), await peer(harness, () => Buffer.from("new"))];
  const more = { listener: { timeouts: { idle: "2s" } } };
  const proxy = await harness.proxy(options([old.url], more));
  const first = await client(harness, proxy);
  first.send("x");
  await eventually(() => first.received.length === 1, "it is answered");
  await proxy.reload(options([next.url], more));
  const second = await client(harness, proxy);
  first.send("y");
  second.send("y");
  await eventually(() => first.received.length === 2 && second.received.length === 1, "both are answered");
  assert.deepEqual([...first.received, ...second.received].map(String), ["old", "old", "new"]);
});
