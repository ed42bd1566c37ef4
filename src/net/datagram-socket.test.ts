import assert from "node:assert/strict";
import { test } from "node:test";
import { type DatagramDoor, DatagramSocket } from "./datagram-socket.ts";
import { nobodyListens } from "./kernel-socket.ts";

function setUp() {
  const sent: string[] = [];
  const read: string[] = [];
  let closed = 0;
  const door: DatagramDoor = {
    send: (datagram) => void sent.push(datagram.toString()),
    localEnd: () => ({ address: "127.0.0.1", port: 1 }),
    onClosed: () => void closed++,
  };
  const socket = new DatagramSocket({ address: "192.0.2.1", port: 7 }, door);
  socket.listener = { ...nobodyListens, onRead: (count, bytes) => void read.push(bytes.subarray(0, count).toString()) };
  return { socket, sent, read, closed: () => closed };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("datagrams that come while nobody reads wait, in their order; too many are lost", async () => {
  const { socket, read } = setUp();
  for (let at = 0; at < 100; at++) socket.take(Buffer.from(String(at)));
  assert.deepEqual(read, []);
  socket.startReading();
  socket.take(Buffer.from("late"));
  await turn();
  assert.deepEqual(
    read,
    Array.from({ length: 32 }, (_, at) => String(at)),
  );
  socket.take(Buffer.from("next"));
  assert.equal(read.at(-1), "next");
  assert.equal(socket.bytesRead, read.join("").length);
});

test("a reader that pauses within a datagram gets no further one", async () => {
  const { socket, read } = setUp();
  socket.listener = {
    ...nobodyListens,
    onRead: (_count, bytes) => {
      read.push(bytes.toString());
      socket.pause();
    },
  };
  for (const text of ["a", "b"]) socket.take(Buffer.from(text));
  socket.startReading();
  await turn();
  assert.deepEqual(read, ["a"]);
  socket.resume();
  await turn();
  assert.deepEqual(read, ["a", "b"]);
});

test("each write is a datagram, an empty one, too; none follows the end, which is told once", async () => {
  const { socket, sent, closed } = setUp();
  socket.writeBytes(Buffer.from("one"));
  socket.writeBytes(Buffer.alloc(0));
  socket.writeText("three");
  socket.end();
  socket.writeBytes(Buffer.from("late"));
  assert.deepEqual(sent, ["one", "", "three"]);
  socket.destroy();
  socket.reset();
  socket.take(Buffer.from("late"));
  await turn();
  assert.equal(closed(), 1);
  assert.equal(socket.localEnd(), null);
});
