/** What holds for a socket on a bare handle and for one over Node's own, accepted or dialled. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type ListenOptions, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { BareSocket } from "./bare-socket.ts";
import type { DialTarget } from "./dial-target.ts";
import { type KernelSocket, WireMemory } from "./kernel-socket.ts";
import { onAccepted, streamDoor } from "./node-internals.ts";
import { PlainSocket } from "./plain-socket.ts";
import { SocketNotes, turns } from "./testing/socket-notes.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-"));
after(() => rmSync(folder, { recursive: true }));

interface Pair {
  readonly socket: KernelSocket;
  readonly notes: SocketNotes;
  readonly peer: Socket;
  /** What the peer has received. */
  readonly received: () => string;
}

function watch(t: TestContext, socket: KernelSocket, peer: Socket): Pair {
  const notes = new SocketNotes();
  let received = "";
  socket.listener = notes;
  peer.on("error", () => {}).on("data", (chunk: Buffer) => void (received += chunk.toString("latin1")));
  t.after(() => {
    socket.destroy();
    peer.destroy();
  });
  return { socket, notes, peer, received: () => received };
}

async function accepted(t: TestContext, way: Way, options: ListenOptions): Promise<Pair> {
  const { promise, resolve } = Promise.withResolvers<KernelSocket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => resolve(new PlainSocket(socket)));
  server.listen(options);
  await once(server, "listening");
  t.after(() => server.close());
  if (way === "bare") onAccepted(server, (handle) => resolve(BareSocket.accepted(handle)));
  const address = server.address();
  const peer = new Socket({ allowHalfOpen: true });
  peer.connect(typeof address === "string" ? { path: address } : { port: address!.port, host: "127.0.0.1" });
  return watch(t, await promise, peer);
}

async function dialled(t: TestContext, way: Way, options: ListenOptions): Promise<Pair> {
  const server = createServer({ allowHalfOpen: true }).listen(options);
  await once(server, "listening");
  t.after(() => server.close());
  const address = server.address();
  const target =
    typeof address === "string" ? { path: address } : { host: "127.0.0.1", port: (address as AddressInfo).port };
  const socket = toConnect(way, target);
  const up = Promise.withResolvers<void>();
  socket.startReading();
  socket.connect(target, up.resolve);
  const [[peer]] = await Promise.all([once(server, "connection") as Promise<[Socket]>, up.promise]);
  return watch(t, socket, peer);
}

const toConnect = (way: Way, target: DialTarget): BareSocket | PlainSocket =>
  way === "bare" ? BareSocket.toConnect(target) : PlainSocket.toConnect();

type Way = "bare" | "plain";

const tcp: ListenOptions = { port: 0, host: "127.0.0.1" };

for (const way of ["bare", "plain"] as const) {
  const skip = way === "bare" && streamDoor === null;
  for (const make of [accepted, dialled]) {
    const kind = `${way} ${make.name}`;
    for (const place of ["TCP", "Unix"]) {
      test(`${kind}: what is corked goes out before the FIN, over ${place}`, { skip }, async (t) => {
        const options = place === "TCP" ? tcp : { path: join(folder, `${way}-${make.name}-corked`) };
        const { socket, peer, received } = await make(t, way, options);
        const ended = once(peer, "end");
        socket.cork();
        socket.writeText("text, ");
        socket.writeBytes(Buffer.from("bytes"));
        socket.end();
        await ended;
        assert.equal(received(), "text, bytes");
      });
      test(`${kind}: bytes go both ways until both have ended, over ${place}`, { skip }, async (t) => {
        const options = place === "TCP" ? tcp : { path: join(folder, `${way}-${make.name}`) };
        const { socket, notes, peer, received } = await make(t, way, options);
        if (make === accepted) socket.startReading();
        assert.equal(socket.remoteAddress, place === "TCP" ? "127.0.0.1" : undefined);
        assert.ok(socket.descriptor > 2);
        const sent = `${"a".repeat(199_999)}b`;
        peer.end(sent);
        await notes.until(() => notes.told.includes("end"));
        assert.equal(notes.received, sent);
        assert.equal(socket.bytesRead, 200_000);
        const answered = once(peer, "end");
        socket.writeText("text, ");
        socket.cork();
        socket.writeText("more, ");
        socket.writeBytes(Buffer.from("bytes"));
        // Whoever gave it must not write over it yet.
        assert.deepEqual([socket.unsentBytes, socket.bytesWritten], [11, 17], "what is corked is unsent");
        socket.uncork();
        assert.equal(socket.unsentBytes, 0);
        socket.end();
        assert.ok(socket.isEnding);
        socket.writeText("too late");
        await answered;
        assert.equal(received(), "text, more, bytes");
        assert.equal(socket.bytesWritten, 17);
        await notes.until(() => notes.told.length === 3);
        assert.deepEqual(notes.told, ["end", "finish", "lost: nothing"]);
        assert.ok(socket.isFinished && socket.isDestroyed);
        assert.equal(socket.descriptor, -1);
      });
    }

    test(`${kind}: what the kernel does not take is sent later, in order, and that is told once`, {
      skip,
    }, async (t) => {
      const { socket, notes, peer, received } = await make(t, way, tcp);
      if (make === accepted) socket.startReading();
      peer.pause();
      await turns(5);
      const large = Buffer.alloc(20_000_000, "x");
      socket.writeBytes(large);
      assert.ok(socket.unsentBytes > 1_000_000);
      socket.writeText("<text>");
      socket.cork();
      socket.writeBytes(Buffer.from("<bytes>"));
      socket.writeText("<more text>");
      socket.uncork();
      socket.awaitSent();
      await turns(20);
      assert.deepEqual(notes.told, []);
      const before = [socket.unsentBytes, socket.partlySentMark];
      peer.resume();
      await notes.until(() => notes.told.includes("sent"));
      assert.equal(socket.unsentBytes, 0);
      assert.notDeepEqual([socket.unsentBytes, socket.partlySentMark], before);
      assert.equal(socket.bytesWritten, 20_000_024);
      while (received().length < 20_000_024) await once(peer, "data");
      assert.equal(received().slice(20_000_000), "<text><bytes><more text>");
      socket.writeText("at once");
      assert.equal(socket.unsentBytes, 0);
      while (received().length < 20_000_031) await once(peer, "data");
      assert.deepEqual(notes.told, ["sent"]);
    });

    test(`${kind}: it reads nothing while it is paused, and nothing is told of one that is destroyed`, {
      skip,
    }, async (t) => {
      const { socket, notes, peer } = await make(t, way, tcp);
      if (make === accepted) {
        peer.write("early");
        await turns(20);
        // Node's own sockets read a little of what nobody has asked for.
        if (way === "bare") assert.equal(socket.bytesRead, 0);
        assert.equal(notes.received, "");
        socket.startReading();
        await notes.until(() => notes.received === "early");
      }
      socket.pause();
      peer.write("more");
      await turns(20);
      assert.equal(notes.received, make === accepted ? "early" : "");
      socket.resume();
      await notes.until(() => notes.received.endsWith("more"));
      socket.destroy();
      assert.ok(socket.isDestroyed);
      socket.writeText("nothing");
      socket.pause();
      socket.resume();
      socket.end();
      peer.end("late");
      await once(peer, "end");
      await turns(20);
      assert.deepEqual(notes.told, []);
    });

    test(`${kind}: a reset of the peer is told, and one of ours is one`, { skip }, async (t) => {
      const { socket, notes, peer } = await make(t, way, tcp);
      if (make === accepted) socket.startReading();
      peer.resetAndDestroy();
      await notes.until(() => notes.told.length === 1);
      assert.deepEqual(notes.told, ["lost: ECONNRESET"]);
      assert.ok(socket.isDestroyed);
      const other = await make(t, way, tcp);
      if (make === accepted) other.socket.startReading();
      other.peer.write("x");
      await other.notes.until(() => other.notes.received === "x");
      const failed = once(other.peer, "error");
      other.socket.reset();
      assert.equal(((await failed) as [NodeJS.ErrnoException])[0].code, "ECONNRESET");
      assert.deepEqual(other.notes.told, []);
    });
  }

  test(`${way} accepted: all reads go into one memory, unless each has its own`, { skip }, async (t) => {
    const first = await accepted(t, way, tcp);
    const second = await accepted(t, way, tcp);
    const memories = new Set<ArrayBufferLike>();
    for (const { socket, notes, peer } of [first, second]) {
      socket.startReading();
      peer.end("x".repeat(100_000));
      await notes.until(() => notes.told.includes("end"));
      for (const memory of notes.memories) memories.add(memory);
    }
    if (way === "bare") assert.equal(memories.size, 1);
    assert.equal(first.socket.memory, way === "bare" ? WireMemory.shared : WireMemory.given);
  });

  test(`${way} dialled: what came before a reset is read, although a write fails first`, { skip }, async (t) => {
    const { socket, notes, peer } = await dialled(t, way, tcp);
    const answer = "an answer of more than one read ".repeat(20);
    peer.write(answer);
    peer.resetAndDestroy();
    socket.writeText("more");
    socket.writeText("and more");
    // Node.js may see the end of the connection before it is told why.
    await notes.until(() => notes.told.at(-1)?.startsWith("lost") === true);
    assert.equal(notes.received, answer);
    assert.match(notes.told.at(-1)!, /^lost: (EPIPE|ECONNRESET)$/);
  });

  test(`${way} dialled: it can be destroyed while it fails`, { skip }, async (t) => {
    const { socket, notes, peer } = await dialled(t, way, tcp);
    socket.pause();
    peer.resetAndDestroy();
    while (!socket.hasFailed) {
      socket.writeText("more");
      await new Promise<void>((resolve) => process.nextTick(resolve));
    }
    assert.ok(!socket.isDestroyed);
    socket.writeText("never taken");
    assert.ok(socket.unsentBytes > 0);
    socket.destroy();
    await turns(20);
    assert.deepEqual(notes.told, []);
  });

  test(`${way} dialled: memory that was kept is not read over`, { skip }, async (t) => {
    const { socket, notes, peer } = await dialled(t, way, tcp);
    let kept: Buffer | null = null;
    const { onRead } = notes;
    notes.onRead = (byteCount, bytes) => {
      if (kept === null) {
        kept = bytes.subarray(0, byteCount);
        socket.keepMemory();
      }
      onRead.call(notes, byteCount, bytes);
    };
    peer.write("first");
    await notes.until(() => notes.received === "first");
    peer.write("other");
    await notes.until(() => notes.received === "firstother");
    assert.equal(String(kept), "first");
  });

  for (const target of [{ host: "127.0.0.1", port: 1 }, { host: "::1", port: 1 }, { path: "/nowhere/a.sock" }]) {
    test(`${way} dialled: a connection that fails is told later: ${JSON.stringify(target)}`, { skip }, async () => {
      const socket = toConnect(way, target);
      const notes = new SocketNotes();
      socket.listener = notes;
      socket.startReading();
      socket.connect(target, () => assert.fail("nobody listens"));
      assert.deepEqual(notes.told, []);
      await notes.until(() => notes.told.length > 0);
      assert.match(notes.told.join(), /^lost: (ECONNREFUSED|EADDRNOTAVAIL|ENOENT)$/);
      assert.ok(socket.isDestroyed);
    });
  }

  test(`${way} dialled: one that is given up while it connects is told nothing`, { skip }, async (t) => {
    const server = createServer().listen(tcp);
    await once(server, "listening");
    t.after(() => server.close());
    const target = { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
    const socket = toConnect(way, target);
    const notes = new SocketNotes();
    socket.listener = notes;
    socket.startReading();
    socket.connect(target, () => notes.told.push("connected"));
    socket.destroy();
    await turns(20);
    assert.deepEqual(notes.told, []);
  });
}
