import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { listenOnSocketPath } from "./socket-path.ts";

const folder = mkdtempSync(join(tmpdir(), "millrace-socket-"));
after(() => rmSync(folder, { recursive: true, force: true }));

async function listenOn(server: Server, path: string): Promise<void> {
  server.listen(path);
  await once(server, "listening");
}

const close = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

test("the socket that a killed process left behind is taken over", async () => {
  const path = join(folder, "stale.sock");
  const dead = createServer();
  await listenOn(dead, path);
  // Closing removes the path that was bound, so the file is kept under another name meanwhile.
  renameSync(path, `${path}.kept`);
  await close(dead);
  renameSync(`${path}.kept`, path);
  assert.ok(existsSync(path));
  const server = createServer();
  await listenOnSocketPath(path, () => listenOn(server, path));
  assert.equal(server.address(), path);
  await close(server);
});

test("a socket at which somebody answers is left alone", async () => {
  const path = join(folder, "busy.sock");
  const owner = createServer((socket) => socket.destroy());
  await listenOn(owner, path);
  await assert.rejects(listenOnSocketPath(path, () => listenOn(createServer(), path)), { code: "EADDRINUSE" });
  assert.ok(existsSync(path));
  await close(owner);
});

test("a file that is no socket is never removed", async () => {
  const path = join(folder, "notes.txt");
  writeFileSync(path, "precious");
  await assert.rejects(listenOnSocketPath(path, () => listenOn(createServer(), path)), { code: "EADDRINUSE" });
  assert.equal(readFileSync(path, "utf8"), "precious");
});
