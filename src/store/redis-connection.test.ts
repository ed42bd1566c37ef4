/** A connection to servers that know no more of Redis than to answer each command with their address. */
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test, type TestContext } from "node:test";
import { type Sites, startSites } from "../../test/support/sites.ts";
import { type NameWatcher, RedisConnection, type ServerNames } from "./redis-connection.ts";

/** Servers on one port of several loopback addresses. */
async function serve(context: TestContext, ...addresses: string[]): Promise<Sites> {
  const sites = await startSites(
    (address) =>
      createServer((socket) => {
        let received = "";
        socket.on("data", (chunk) => {
          received += chunk.toString("latin1");
          // A command is an array of strings: "*2\r\n$3\r\nGET\r\n$1\r\na\r\n".
          for (let command = readCommand(received); command !== null; command = readCommand(received)) {
            received = received.slice(command);
            socket.write(`$${address.length}\r\n${address}\r\n`);
          }
        });
      }),
    ...addresses,
  );
  context.after(() => sites.close());
  return sites;
}

/** The length of the command at the start of `text`; null if it is not complete. */
function readCommand(text: string): number | null {
  const head = /^\*(\d+)\r\n/.exec(text);
  if (head === null) return null;
  let at = head[0].length;
  for (let left = Number(head[1]); left > 0; left--) {
    const length = /^\$(\d+)\r\n/.exec(text.slice(at));
    if (length === null) return null;
    at += length[0].length + Number(length[1]) + 2;
  }
  return at <= text.length ? at : null;
}

/** Names whose addresses the test says. */
function createNames(): ServerNames & {
  addresses: string[];
  watchers: Set<NameWatcher>;
  change(addresses: string[]): void;
} {
  const watchers = new Set<NameWatcher>();
  const names = {
    addresses: [] as string[],
    watchers,
    lookup: ((_host, _options, onDone) =>
      process.nextTick(() =>
        onDone(
          null,
          names.addresses.map((address) => ({ address, family: 4 })),
        ),
      )) as ServerNames["lookup"],
    watch: (_host: string, watcher: NameWatcher) => void watchers.add(watcher),
    unwatch: (_host: string, watcher: NameWatcher) => void watchers.delete(watcher),
    change(addresses: string[]) {
      names.addresses = addresses;
      for (const watcher of watchers) watcher.onAddresses(addresses);
    },
  };
  return names;
}

async function untilTrue(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("a connection to an address that the name no longer stands for is replaced, and no command fails meanwhile", async (context) => {
  const { port, openAt } = await serve(context, "127.0.0.1", "127.0.0.2");
  const names = createNames();
  names.addresses = ["127.0.0.1"];
  const connection = await RedisConnection.open({ url: `redis://redis.test:${port}` }, { names, onError: () => {} });
  context.after(() => connection.close());
  await connection.connected;
  assert.equal(String(await connection.send(["PING"])), "127.0.0.1");
  names.change(["127.0.0.1", "127.0.0.2"]);
  assert.equal(openAt("127.0.0.2"), 0, "the address is still one of them");
  names.change(["127.0.0.2"]);
  await untilTrue(async () => String(await connection.send(["PING"])) === "127.0.0.2");
  await untilTrue(() => openAt("127.0.0.1") === 0);
  connection.close();
  assert.equal(names.watchers.size, 0);
  await untilTrue(() => openAt("127.0.0.2") === 0);
});

test("if one of several addresses does not answer, the next opening takes the next", async (context) => {
  const { port } = await serve(context, "127.0.0.2");
  const names = createNames();
  names.addresses = ["127.0.0.1", "127.0.0.2"];
  const connection = await RedisConnection.open({ url: `redis://redis.test:${port}` }, { names, onError: () => {} });
  context.after(() => connection.close());
  await connection.connected;
  assert.equal(String(await connection.send(["PING"])), "127.0.0.2");
});

test("an address needs no name", async (context) => {
  const { port } = await serve(context, "127.0.0.1");
  const names = createNames();
  const connection = await RedisConnection.open({ url: `redis://127.0.0.1:${port}` }, { names, onError: () => {} });
  context.after(() => connection.close());
  await connection.connected;
  assert.equal(names.watchers.size, 0);
  assert.equal(String(await connection.send(["PING"])), "127.0.0.1");
});

test("a connection that has gone silent is replaced, and what waits for it ends", async (context) => {
  let connections = 0;
  let isSilent = false;
  const server = createServer((socket) => {
    const isFirst = ++connections === 1;
    let received = "";
    socket.on("data", (chunk) => {
      received += chunk.toString("latin1");
      for (let command = readCommand(received); command !== null; command = readCommand(received)) {
        received = received.slice(command);
        if (!isFirst || !isSilent) socket.write(`+${isFirst ? "first" : "second"}\r\n`);
      }
    });
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => server.close());
  const { port } = server.address() as { port: number };
  const connection = await RedisConnection.open(
    { url: `redis://127.0.0.1:${port}` },
    { names: createNames(), onError: () => {} },
  );
  context.after(() => connection.close());
  await connection.connected;
  assert.equal(String(await connection.send(["PING"])), "first");
  isSilent = true;
  const waiting = assert.rejects(connection.send(["PING"]));
  connection.renew();
  connection.renew();
  await waiting;
  assert.equal(String(await connection.send(["PING"])), "second");
  assert.equal(connections, 2);
});
