import assert from "node:assert/strict";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { bindSocketPath, type BoundSocketPath } from "./socket-path.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-socket-"));
after(() => rmSync(folder, { recursive: true, force: true }));

async function listenOn(server: Server, path: string): Promise<void> {
  server.listen(path);
  await once(server, "listening");
}

const bind = (server: Server, path: string, mode = 0o660): Promise<BoundSocketPath> =>
  bindSocketPath({ kind: "unix", path, mode }, (at) => listenOn(server, at));

const close = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

async function isAnswering(path: string): Promise<boolean> {
  const socket = connect(path);
  return new Promise((resolve) =>
    socket
      .once("connect", () => resolve(true))
      .once("error", () => resolve(false))
      .once("connect", () => socket.destroy()),
  );
}

test("a socket has its permissions from its first moment on, whatever the umask", async () => {
  for (const [mode, umask] of [
    [0o600, 0o000],
    [0o660, 0o077],
    [0o666, 0o022],
  ] as const) {
    const path = join(folder, "mode.sock");
    const before = process.umask(umask);
    const server = createServer((socket) => socket.destroy());
    try {
      const bound = await bindSocketPath({ kind: "unix", path, mode }, async (at) => {
        await listenOn(server, at);
        assert.equal(existsSync(path), false, "nobody finds it before");
      });
      assert.equal(statSync(path).mode & 0o777, mode);
      assert.ok(await isAnswering(path));
      bound.setMode(0o640);
      assert.equal(statSync(path).mode & 0o777, 0o640);
      bound.remove();
    } finally {
      process.umask(before);
      await close(server);
    }
    assert.equal(existsSync(path), false);
  }
  assert.deepEqual(readdirSync(folder), [], "nothing else is left");
});

test("a path as long as the system takes works, too", async () => {
  const path = join(folder, "x".repeat(106 - folder.length));
  const server = createServer((socket) => socket.destroy());
  const bound = await bind(server, path, 0o600);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.ok(await isAnswering(path));
  bound.remove();
  await close(server);
});

test("the socket that a killed process left behind is taken over", async () => {
  const path = join(folder, "stale.sock");
  const dead = createServer();
  await listenOn(dead, path);
  // Closing removes the path that was bound, so the file is kept under another name meanwhile.
  renameSync(path, `${path}.kept`);
  await close(dead);
  renameSync(`${path}.kept`, path);
  assert.ok(existsSync(path));
  const server = createServer((socket) => socket.destroy());
  const bound = await bind(server, path);
  assert.ok(await isAnswering(path));
  bound.remove();
  await close(server);
});

test("a socket at which somebody answers is left alone", async () => {
  const path = join(folder, "busy.sock");
  const owner = createServer((socket) => socket.destroy());
  await listenOn(owner, path);
  await assert.rejects(bind(createServer(), path), { code: "EADDRINUSE", address: path });
  assert.ok(existsSync(path));
  await close(owner);
});

test("what is no socket is never removed, and said to be there", async () => {
  const path = join(folder, "notes.txt");
  writeFileSync(path, "precious");
  await assert.rejects(bind(createServer(), path), { code: "EEXIST", address: path });
  assert.equal(readFileSync(path, "utf8"), "precious");
  mkdirSync(join(folder, "sub"));
  await assert.rejects(bind(createServer(), join(folder, "sub")), { code: "EEXIST" });
  await assert.rejects(bind(createServer(), join(folder, "missing", "a.sock")), {
    code: "ENOENT",
    address: join(folder, "missing"),
  });
});

test("a socket that another has put in the place of ours is not removed with ours", async () => {
  const path = join(folder, "replaced.sock");
  const first = createServer();
  const bound = await bind(first, path);
  rmSync(path);
  const second = createServer((socket) => socket.destroy());
  await listenOn(second, path);
  bound.remove();
  await close(first);
  assert.ok(await isAnswering(path));
  await close(second);
});
