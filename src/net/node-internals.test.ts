import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type ListenOptions, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  AcceptedSocket,
  descriptorOf,
  mayMakeSockets,
  onAccepted,
  testedVersions,
  writeQueueBytesOf,
} from "./node-internals.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-"));
after(() => rmSync(folder, { recursive: true }));

/** The door is shut for this run: nothing can be said of what is behind it. */
const skip = !mayMakeSockets(process.versions.node, process.env);

interface Scene {
  readonly client: Socket;
  readonly accepted: Socket;
  /** It came as a `connection` event. */
  readonly isPlain: boolean;
}

type OnConnection = (error: unknown, accepted: object) => void;

const handleOf = (server: Server): { onconnection: OnConnection | null } =>
  (server as unknown as { _handle: { onconnection: OnConnection | null } })._handle;

/** Connections come as those of a Node.js that cannot read into memory that is given to it. */
function hideUserBuffer(server: Server): void {
  const handle = handleOf(server);
  const before = handle.onconnection!;
  handle.onconnection = (error, accepted) => {
    Object.defineProperty(accepted, "useUserBuffer", { value: undefined });
    before.call(handle, error, accepted);
  };
}

async function accept(
  options: ListenOptions,
  use: (scene: Scene) => Promise<void>,
  change: (server: Server) => void = () => {},
): Promise<void> {
  const server = createServer({ allowHalfOpen: true });
  server.listen(options);
  await once(server, "listening");
  const { promise, resolve } = Promise.withResolvers<Omit<Scene, "client">>();
  server.on("connection", (accepted) => resolve({ accepted, isPlain: true }));
  onAccepted(server, (accepted) => resolve({ accepted, isPlain: false }));
  change(server);
  const address = server.address();
  const client =
    typeof address === "object" && address !== null ? connect(address.port, "127.0.0.1") : connect(address ?? "");
  const scene = { client, ...(await promise) };
  try {
    await use(scene);
  } finally {
    client.destroy();
    scene.accepted.destroy();
    server.close();
    await once(server, "close");
  }
}

for (const [name, options] of [
  ["TCP", { port: 0, host: "127.0.0.1" }],
  ["Unix", { path: join(folder, "socket") }],
] as const) {
  test(
    `a ${name} connection is read into one memory, half-closes and is written to, and its server can close`,
    { skip },
    () =>
      accept(options, async ({ client, accepted, isPlain }) => {
        assert.ok(!isPlain && accepted instanceof AcceptedSocket, "this Node.js reads into memory of ours");
        assert.equal(accepted.remoteAddress, name === "TCP" ? "127.0.0.1" : undefined);
        const sent = `${"a".repeat(199_999)}b`;
        let received = "";
        const memories = new Set<Buffer>();
        client.end(sent);
        accepted.startReading({
          onRead(byteCount, bytes) {
            received += bytes.latin1Slice(0, byteCount);
            memories.add(bytes);
          },
        });
        await once(accepted, "end");
        assert.equal(received, sent);
        assert.equal(memories.size, 1);
        const answered = once(client, "data");
        accepted.write("answer");
        assert.equal(String((await answered)[0]), "answer");
      }),
  );
}

test("nothing is read before it is asked for, and while it is paused", { skip }, () =>
  accept({ port: 0, host: "127.0.0.1" }, async ({ client, accepted }) => {
    assert.ok(accepted instanceof AcceptedSocket);
    client.write("early");
    const arrived = Promise.withResolvers<string>();
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(accepted.bytesRead, 0);
    accepted.startReading({ onRead: (byteCount, bytes) => arrived.resolve(bytes.latin1Slice(0, byteCount)) });
    assert.equal(await arrived.promise, "early");
    accepted.pause();
    client.write("more");
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(accepted.bytesRead, 5);
  }),
);

test("if what the kernel accepted cannot be read so, Node's own socket comes", () =>
  accept(
    { port: 0, host: "127.0.0.1" },
    async ({ client, accepted, isPlain }) => {
      assert.ok(isPlain);
      client.write("hello");
      assert.equal(String((await once(accepted, "data"))[0]), "hello");
    },
    hideUserBuffer,
  ));

test("if servers have other handles, everything stays as it was", () => {
  const server = createServer();
  onAccepted(server, () => assert.fail("nothing is accepted"));
  Reflect.set(server, "_handle", { onconnection: null });
  onAccepted(server, () => assert.fail("nothing is accepted"));
  assert.equal(handleOf(server).onconnection, null);
});

test("sockets are made of accepted handles on tested major versions only, and nowhere if the environment forbids it", () => {
  for (const major of testedVersions) assert.ok(mayMakeSockets(`${major}.1.0`, {}));
  assert.ok(mayMakeSockets(process.versions.node, {}), "the version that runs the tests is a tested one");
  assert.ok(!mayMakeSockets("25.0.0", {}));
  assert.ok(!mayMakeSockets("220.0.0", {}));
  assert.ok(!mayMakeSockets("26.10.0", { MILLRACE_PLAIN_SOCKETS: "1" }));
});

test("of a socket whose inside looks otherwise nothing is known", () => {
  for (const socket of [{}, { _handle: null }, { _handle: {} }, { _handle: { fd: "7", writeQueueSize: null } }]) {
    assert.equal(descriptorOf(socket), -1);
    assert.equal(writeQueueBytesOf(socket), 0);
  }
  assert.equal(descriptorOf({ _handle: { fd: 7 } }), 7);
  assert.equal(writeQueueBytesOf({ _handle: { writeQueueSize: 9 } }), 9);
});
