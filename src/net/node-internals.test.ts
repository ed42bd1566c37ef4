import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";
import { test } from "node:test";
import { descriptorOf, mayUseHandles, onAccepted, testedVersions, writeQueueBytesOf } from "./node-internals.ts";

/** The door is shut for this run: nothing can be said of what is behind it. */
const skip = !mayUseHandles(process.versions.node, process.env);

type OnConnection = (error: unknown, accepted: object) => void;

const handleOf = (server: Server): { onconnection: OnConnection | null } =>
  (server as unknown as { _handle: { onconnection: OnConnection | null } })._handle;

/** How a connection to a server comes that gives handles if it can. @param change what is different with its handle */
async function howItComes(change: (server: Server) => void): Promise<"as a handle" | "as an event"> {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { promise, resolve } = Promise.withResolvers<"as a handle" | "as an event">();
  server.on("connection", (socket) => {
    socket.destroy();
    resolve("as an event");
  });
  onAccepted(server, (handle) => {
    handle.close();
    resolve("as a handle");
  });
  change(server);
  const address = server.address();
  const client = connect((address as { port: number }).port, "127.0.0.1").on("error", () => {});
  try {
    return await promise;
  } finally {
    client.destroy();
    server.close();
    await once(server, "close");
  }
}

test("what a server accepts comes as a handle, and its server can close", { skip }, async () => {
  assert.equal(await howItComes(() => {}), "as a handle");
});

test("if what the kernel accepted cannot be read into memory of ours, Node's own socket comes", async () => {
  const hide = (server: Server): void => {
    const handle = handleOf(server);
    const before = handle.onconnection!;
    handle.onconnection = (error, accepted) => {
      Object.defineProperty(accepted, "useUserBuffer", { value: undefined });
      before.call(handle, error, accepted);
    };
  };
  assert.equal(await howItComes(hide), "as an event");
});

test("if servers have other handles, everything stays as it was", () => {
  const server = createServer();
  onAccepted(server, () => assert.fail("nothing is accepted"));
  Reflect.set(server, "_handle", { onconnection: null });
  onAccepted(server, () => assert.fail("nothing is accepted"));
  assert.equal(handleOf(server).onconnection, null);
});

test("handles are used on tested major versions only, and nowhere if the environment forbids it", () => {
  for (const major of testedVersions) assert.ok(mayUseHandles(`${major}.1.0`, {}));
  assert.ok(mayUseHandles(process.versions.node, {}), "the version that runs the tests is a tested one");
  assert.ok(!mayUseHandles("25.0.0", {}));
  assert.ok(!mayUseHandles("220.0.0", {}));
  assert.ok(!mayUseHandles("26.10.0", { MILLRACE_PLAIN_SOCKETS: "1" }));
});

test("of a socket whose inside looks otherwise nothing is known", () => {
  for (const socket of [{}, { _handle: null }, { _handle: {} }, { _handle: { fd: "7", writeQueueSize: null } }]) {
    assert.equal(descriptorOf(socket), -1);
    assert.equal(writeQueueBytesOf(socket), 0);
  }
  assert.equal(descriptorOf({ _handle: { fd: 7 } }), 7);
  assert.equal(writeQueueBytesOf({ _handle: { writeQueueSize: 9 } }), 9);
});
