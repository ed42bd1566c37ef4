/** Tries to connect: what becomes of each, and that one call comes of each, or none. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { DialTarget } from "./dial-target.ts";
import { type DialFailure, SocketDialer, type WireTaker } from "./dialer.ts";
import { WireMemory } from "./kernel-socket.ts";
import type { Wire, WireReader } from "./wire.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-"));
after(() => rmSync(folder, { recursive: true }));

const idle: WireReader = { onBytes() {}, onWritable() {}, onEnd() {}, onFinish() {}, onGone() {} };

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** @returns the wire, or why there is none */
function dial(target: DialTarget, take: (wire: Wire) => void = (wire) => wire.handTo(idle)) {
  const { promise, resolve } = Promise.withResolvers<Wire | DialFailure>();
  const bugs: unknown[] = [];
  const taker: WireTaker = {
    onWire(wire) {
      resolve(wire);
      take(wire);
    },
    onDialFailed: resolve,
  };
  const dialling = new SocketDialer((bug) => void bugs.push(bug)).dial(target, taker);
  return { promise, bugs, dialling };
}

for (const [what, target] of [
  ["port", null],
  ["Unix socket", { path: join(folder, "socket") }],
] as const) {
  test(`a wire to a ${what} is read, written to and ended by whoever was handed it`, async (t) => {
    const server = createServer({ allowHalfOpen: true });
    if (target === null) server.listen(0, "127.0.0.1");
    else server.listen(target.path);
    t.after(() => server.close());
    await once(server, "listening");
    const accepted = once(server, "connection") as Promise<[Socket]>;
    const events: string[] = [];
    const over = Promise.withResolvers<void>();
    const { promise } = dial(target ?? { host: "127.0.0.1", port: (server.address() as AddressInfo).port }, (wire) => {
      wire.handTo({
        ...idle,
        onBytes(bytes, byteCount) {
          events.push(bytes.latin1Slice(0, byteCount));
        },
        onEnd() {
          events.push("end");
          wire.end();
          wire.awaitFinish();
        },
        onFinish() {
          events.push("finish");
          over.resolve();
        },
      });
      wire.output.text("hello");
      wire.output.flush();
    });
    const wire = (await promise) as Wire;
    assert.equal(wire.memory, WireMemory.lent);
    assert.equal(wire.canReset, target === null);
    const [endpoint] = await accepted;
    assert.equal(String((await once(endpoint, "data"))[0]), "hello");
    endpoint.end("answer");
    await over.promise;
    assert.deepEqual(events, ["answer", "end", "finish"]);
    await once(endpoint, "end");
    wire.destroy();
  });
}

test("a port that nobody listens at, and a path that is none, are the endpoint's failure", async () => {
  for (const target of [{ host: "127.0.0.1", port: await freePort() }, { path: join(folder, "nobody") }]) {
    const failure = (await dial(target).promise) as DialFailure;
    assert.equal(failure.shortage, null);
    assert.match(failure.detail, /^ECONNREFUSED$|^ENOENT$/);
  }
});

test("a try that is given up ends in no call", async (t) => {
  const server = createServer((socket) => socket.on("error", () => {})).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const target = { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
  const calls: string[] = [];
  const taker: WireTaker = {
    onWire: () => void calls.push("wire"),
    onDialFailed: () => void calls.push("failed"),
  };
  const dialer = new SocketDialer(assert.ifError);
  for (const one of [target, { host: "127.0.0.1", port: await freePort() }]) dialer.dial(one, taker).cancel();
  // Another one that comes up behind them.
  ((await dial(target).promise) as Wire).destroy();
  assert.deepEqual(calls, []);
});

test("a bug in whoever takes a wire closes it", async (t) => {
  const server = createServer().listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const { bugs } = dial({ host: "127.0.0.1", port: (server.address() as AddressInfo).port }, () => {
    throw new Error("a bug");
  });
  const [endpoint] = await accepted;
  endpoint.on("error", () => {}).resume();
  await once(endpoint, "close");
  assert.deepEqual(
    bugs.map((bug) => (bug as Error).message),
    ["a bug"],
  );
});
