import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type ListenOptions, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readIntoSharedMemory } from "./shared-read-memory.ts";

async function accept(options: ListenOptions, use: (accepted: Socket, client: Socket, server: Server) => Promise<void>): Promise<void> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  server.listen(options);
  await once(server, "listening");
  const address = server.address();
  const client = typeof address === "object" && address !== null ? connect(address.port, "127.0.0.1") : connect(address ?? "");
  try {
    const [accepted] = await once(server, "connection") as [Socket];
    await use(accepted, client, server);
  } finally {
    client.destroy();
    server.close();
    await once(server, "close");
  }
}

const countOf = (server: Server): Promise<number> => new Promise((resolve, reject) => {
  server.getConnections((error, count) => {
    if (error === null) resolve(count);
    else reject(error);
  });
});

const folder = mkdtempSync(join(tmpdir(), "millrace-"));
process.on("exit", () => rmSync(folder, { recursive: true }));

for (const [name, options] of [["TCP", { port: 0, host: "127.0.0.1" }], ["Unix", { path: join(folder, "socket") }]] as const) {
  test(`an accepted ${name} connection reads, half-closes and writes as before, and its server can close`, () => accept(options, async (accepted, client, server) => {
    let text = "";
    const { promise: hasRead, resolve } = Promise.withResolvers<void>();
    const socket = readIntoSharedMemory(accepted, (byteCount, bytes) => {
      text += bytes.latin1Slice(0, byteCount);
      if (text.length === 200_000) resolve();
    });
    assert.ok(socket !== null, "this Node.js reads into memory of ours");
    assert.equal(await countOf(server), 0);
    const ended = once(socket, "end");
    client.end(`${"a".repeat(199_999)}b`);
    await hasRead;
    assert.equal(text, `${"a".repeat(199_999)}b`);
    // Only a socket that was asked for more notices the end.
    socket.resume();
    await ended;
    const answered = once(client, "data");
    socket.write("answer");
    assert.equal(String((await answered)[0]), "answer");
    assert.equal(socket.remoteAddress, name === "TCP" ? "127.0.0.1" : undefined);
    socket.destroy();
    await once(socket, "close");
  }));
}

test("a connection whose handle knows nothing of it stays as it is", () => accept({ port: 0, host: "127.0.0.1" }, async (accepted, client) => {
  Object.defineProperty((accepted as unknown as { _handle: object })._handle, "useUserBuffer", { value: undefined });
  assert.equal(readIntoSharedMemory(accepted, () => {}), null);
  client.write("hello");
  accepted.resume();
  assert.equal(String((await once(accepted, "data"))[0]), "hello");
  accepted.destroy();
}));
