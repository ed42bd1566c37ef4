import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { PlainProgress } from "./plain-socket.ts";
import { SendQueues, type TableReader } from "./send-queues.ts";

const size = 500_000;

/** A connection whose server has written what its client does not take. */
async function open(host: string): Promise<{ client: Socket; server: Socket; close: () => void }> {
  const listener = createServer({ allowHalfOpen: true }).listen(0, host);
  await once(listener, "listening");
  const client = connect({ port: (listener.address() as AddressInfo).port, host });
  client.pause();
  const [server] = (await once(listener, "connection")) as [Socket];
  listener.close();
  return {
    client,
    server,
    close: () => {
      client.destroy();
      server.destroy();
    },
  };
}

const ask = (queues: SendQueues, socket: Socket): Promise<number> =>
  new Promise((resolve) => queues.ask({ socket: new PlainProgress(socket), onSendQueue: resolve }));

const isLinux = process.platform === "linux";

for (const host of ["127.0.0.1", "::1"]) {
  test(`what a client on ${host} has not taken is told, until it has`, {
    skip: !isLinux && "the kernel's table is Linux's",
  }, async (context) => {
    const { client, server, close } = await open(host);
    context.after(close);
    // A clock that stands still: no look rests after the one before.
    const queues = new SendQueues(undefined, () => 0);
    assert.equal(await ask(queues, server), 0);
    for (let written = 0; (await ask(queues, server)) === 0; written++) {
      assert.ok(written < 200, "the kernel's buffers are full at last");
      server.write(Buffer.alloc(size));
      await new Promise((resolve) => setImmediate(resolve));
    }
    client.resume();
    while ((await ask(queues, server)) > 0 || server.writableLength > 0)
      await new Promise((resolve) => setImmediate(resolve));
  });
}

test("who cannot be looked up is told so: a closed socket, or if there is no table", async (context) => {
  const { server, close } = await open("127.0.0.1");
  context.after(close);
  const missing: TableReader = (_path, _onPiece, onEnd) => setImmediate(() => onEnd(new Error("ENOENT")));
  assert.equal(await ask(new SendQueues(missing), server), -1);
  server.destroy();
  assert.equal(await ask(new SendQueues(), server), -1);
});

test("one look answers all who ask, and looks take no more than a tenth of the time", {
  skip: !isLinux && "inodes are read from /proc",
}, async (context) => {
  const { server, close } = await open("127.0.0.1");
  context.after(close);
  let now = 0;
  let looks = 0;
  const slow: TableReader = (_path, _onPiece, onEnd) => {
    looks++;
    now += 3;
    setImmediate(() => onEnd(null));
  };
  const queues = new SendQueues(slow, () => now);
  await Promise.all([ask(queues, server), ask(queues, server), ask(queues, server)]);
  assert.equal(looks, 1);
  const waits = context.mock.method(globalThis, "setTimeout");
  const asked = [ask(queues, server), ask(queues, server)];
  assert.equal(waits.mock.calls[0]?.arguments[1], 30);
  await Promise.all(asked);
  assert.equal(looks, 2);
});
