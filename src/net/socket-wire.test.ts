/** What holds for every wire on a socket, whoever reads it: who is told what, once, and who has the account of it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { BareSocket } from "./bare-socket.ts";
import { type KernelSocket, WireMemory } from "./kernel-socket.ts";
import { onAccepted } from "./node-internals.ts";
import { PlainSocket } from "./plain-socket.ts";
import { acceptedWire, type SocketWire } from "./socket-wire.ts";
import type { Wire, WireReader } from "./wire.ts";

interface Scene {
  readonly wire: SocketWire;
  readonly client: Socket;
  /** How often the wire was said to be closed. */
  readonly closings: () => number;
  readonly bugs: readonly unknown[];
}

async function accept(t: TestContext, memory: "ours" | "Node's"): Promise<Scene> {
  const accepted = Promise.withResolvers<KernelSocket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => accepted.resolve(new PlainSocket(socket))).listen(
    0,
    "127.0.0.1",
  );
  await once(server, "listening");
  if (memory === "ours") onAccepted(server, (handle) => accepted.resolve(BareSocket.accepted(handle)));
  const client = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", allowHalfOpen: true });
  client.on("error", () => {});
  let closings = 0;
  const bugs: unknown[] = [];
  const wire = acceptedWire(await accepted.promise, {
    onWireClosed: () => void closings++,
    onInternalError: (error) => void bugs.push(error),
  });
  t.after(() => {
    wire.destroy();
    client.destroy();
    server.close();
    assert.equal(closings, 1);
  });
  return { wire, client, closings: () => closings, bugs };
}

/** Notes what it is told. */
class Notes implements WireReader {
  readonly told: string[] = [];
  onBytes(bytes: Buffer, byteCount: number): void {
    this.told.push(bytes.latin1Slice(0, byteCount));
  }
  onWritable(): void {
    this.told.push("writable");
  }
  onEnd(): void {
    this.told.push("end");
  }
  onFinish(): void {
    this.told.push("finish");
  }
  onGone(): void {
    this.told.push("gone");
  }
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turns(1);
}

for (const memory of ["ours", "Node's"] as const) {
  test(`while nobody has what was put back, nothing more is read (${memory} memory)`, async (t) => {
    const { wire, client } = await accept(t, memory);
    const first = new Notes();
    first.onBytes = (bytes, byteCount) => {
      first.told.push(bytes.latin1Slice(0, byteCount));
      wire.putBack(bytes.subarray(1, byteCount));
    };
    wire.handTo(first);
    client.write("abc");
    await until(() => first.told.length === 1);
    client.write("d".repeat(2_000_000));
    await turns(20);
    assert.ok(wire.kernelSocket.bytesRead < 300_000, `${wire.kernelSocket.bytesRead} bytes were read`);
    const second = new Notes();
    wire.handTo(second);
    assert.deepEqual(second.told, [], "no callback comes before it is handed over");
    await until(() => second.told.join("").length === 2_000_002);
    assert.equal(second.told[0], "bc");
    assert.deepEqual(first.told, ["abc"]);
  });

  test(`a reader gets a wire unpaused, and can pause it (${memory} memory)`, async (t) => {
    const { wire, client } = await accept(t, memory);
    const first = new Notes();
    wire.handTo(first);
    await turns(2);
    wire.pause();
    client.write("one");
    await turns(20);
    assert.deepEqual(first.told, []);
    const second = new Notes();
    wire.handTo(second);
    await until(() => second.told.length === 1);
    const third = new Notes();
    wire.handTo(third);
    await turns(2);
    wire.pause();
    client.write("two");
    await turns(20);
    assert.deepEqual([second.told, third.told], [["one"], []]);
    wire.resume();
    await until(() => third.told.length === 1);
    assert.deepEqual(third.told, ["two"]);
  });

  test(`a wire that is paused by its first reader at once reads once at most (${memory} memory)`, async (t) => {
    const { wire, client } = await accept(t, memory);
    const reader = new Notes();
    wire.handTo(reader);
    wire.pause();
    for (let piece = 0; piece < 10; piece++) {
      client.write("x".repeat(10_000));
      await turns(5);
    }
    assert.ok(reader.told.length <= 1, `${reader.told.length} reads were made`);
  });

  test(`bytes of others do not run over what was put back (${memory} memory)`, async (t) => {
    const scenes = [await accept(t, memory), await accept(t, memory)];
    const letters = ["a", "b"];
    const readers = scenes.map(({ wire }) => {
      const reader = new Notes();
      reader.onBytes = (bytes, byteCount) => {
        wire.putBack(bytes.subarray(0, byteCount));
        reader.told.push("read");
      };
      wire.handTo(reader);
      return reader;
    });
    for (const [at, { client }] of scenes.entries()) client.write(letters[at]!.repeat(1_000));
    await until(() => readers.every(({ told }) => told.length === 1));
    for (const [at, { wire }] of scenes.entries()) {
      const next = new Notes();
      wire.handTo(next);
      await until(() => next.told.length === 1);
      assert.equal(next.told[0], letters[at]!.repeat(1_000));
    }
  });
}

test("whose memory bytes lie in is said", async (t) => {
  assert.equal((await accept(t, "Node's")).wire.memory, WireMemory.given);
  const { wire } = await accept(t, "ours");
  assert.ok(wire.memory === WireMemory.shared || (process.env["MILLRACE_PLAIN_SOCKETS"] ?? "") !== "");
});

test("a lost connection is told once, to whoever has the wire", async (t) => {
  const { wire, client, closings } = await accept(t, "ours");
  const [first, second] = [new Notes(), new Notes()];
  wire.handTo(first);
  wire.handTo(second);
  client.resetAndDestroy();
  await until(() => second.told.length > 0);
  await turns(5);
  assert.deepEqual([first.told, second.told, closings()], [[], ["gone"], 1]);
  const late = new Notes();
  wire.handTo(late);
  assert.deepEqual(late.told, []);
  await until(() => late.told.length > 0);
  assert.deepEqual(late.told, ["gone"]);
});

test("who closes a wire is told nothing more, and its account is closed within the call", async (t) => {
  for (const end of ["destroy", "reset"] as const) {
    const { wire, closings } = await accept(t, "ours");
    const reader = new Notes();
    wire.handTo(reader);
    wire[end]();
    wire[end]();
    assert.equal(closings(), 1);
    await turns(20);
    assert.deepEqual(reader.told, []);
  }
});

test("a bug in a reader, whatever it was told, ends its wire", async (t) => {
  const bug = new Error("a bug");
  const fail = (): never => {
    throw bug;
  };
  const ways: Record<string, (wire: Wire, client: Socket) => void> = {
    onBytes: (_wire, client) => client.write("x"),
    onEnd: (_wire, client) => client.end(),
    onGone: (_wire, client) => client.resetAndDestroy(),
    onFinish: (wire) => {
      wire.awaitFinish();
      wire.end();
    },
  };
  for (const [method, provoke] of Object.entries(ways)) {
    const { wire, client, closings, bugs } = await accept(t, "ours");
    wire.handTo(Object.assign(new Notes(), { [method]: fail }));
    provoke(wire, client);
    await until(() => closings() === 1);
    assert.deepEqual(bugs, [bug], method);
  }
});
