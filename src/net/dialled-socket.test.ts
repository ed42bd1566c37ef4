import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { DialledSocket } from "./dialled-socket.ts";

interface Pair {
  readonly near: DialledSocket;
  readonly far: Socket;
  readonly received: () => string;
}

async function withPair(run: (pair: Pair) => Promise<void>): Promise<void> {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  let received = "";
  const near = new DialledSocket();
  near.startReading({ onRead: (byteCount, bytes) => void (received += bytes.latin1Slice(0, byteCount)) });
  near.connect({ host: "127.0.0.1", port: (server.address() as AddressInfo).port });
  const [[far]] = await Promise.all([once(server, "connection") as Promise<[Socket]>, once(near, "connect")]);
  try {
    await run({ near, far, received: () => received });
  } finally {
    near.destroy();
    far.destroy();
    server.close();
    await once(server, "close");
  }
}

test("what came before a reset is read, although a write fails first", () =>
  withPair(async ({ near, far, received }) => {
    const answer = "an answer of more than one read ".repeat(20);
    const failed = once(near, "error");
    far.write(answer);
    far.resetAndDestroy();
    near.write("more");
    near.write("and more");
    await failed;
    assert.equal(received(), answer);
  }));

test("a failed write ends the socket if nothing is to be read", () =>
  withPair(async ({ near, far }) => {
    far.resetAndDestroy();
    near.write("more");
    const [error] = (await once(near, "error")) as [NodeJS.ErrnoException];
    assert.match(error.code ?? "", /^(EPIPE|ECONNRESET)$/);
    assert.equal(near.destroyed, true);
  }));

test("it can be destroyed while it fails", () =>
  withPair(async ({ near, far }) => {
    far.resetAndDestroy();
    near.write("more");
    const closed = once(near, "close");
    near.destroy();
    await closed;
  }));
