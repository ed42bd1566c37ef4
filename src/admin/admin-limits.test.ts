/** What one client may take of the admin listener: answers that it does not read, bodies that it does not send. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test, type TestContext } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { ManualClock } from "../base/clock.ts";
import { TimerWheel } from "../base/timer-wheel.ts";
import { createAdminServer } from "./admin-server.ts";
import type { AdminSources, ReloadResult } from "./admin-sources.ts";

const mebibyte = 1024 * 1024;
const writeTimeoutMs = 10_000;
const probe = "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const askStatus = "GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n";

/** An admin listener whose status has `statusBytes`, on a clock that stands still. */
async function setUp(context: TestContext, statusBytes: number) {
  const clock = new ManualClock();
  const wheel = new TimerWheel({ clock });
  const asked = { status: 0 };
  const reloading = Promise.withResolvers<ReloadResult>();
  const filler = "x".repeat(statusBytes);
  const sources = {
    status: () => {
      asked.status++;
      return { filler };
    },
    reload: () => reloading.promise,
  } as unknown as AdminSources;
  const server = await createAdminServer({
    address: { kind: "tcp", host: "127.0.0.1", port: 0 },
    tokens: [],
    sources,
    wheel,
  });
  const sockets: Socket[] = [];
  context.after(async () => {
    for (const socket of sockets) socket.destroy();
    reloading.resolve({ isApplied: true, report: "" });
    await server.close();
    wheel.close();
  });
  const port = server.address.kind === "tcp" ? server.address.port : 0;
  return {
    clock,
    wheel,
    asked,
    reloading,
    /** Connects and sends `text`; reads nothing until it is told to. */
    open: async (text: string): Promise<Socket> => {
      const socket = connect(port, "127.0.0.1").pause();
      socket.on("error", () => {});
      sockets.push(socket);
      await once(socket, "connect");
      socket.write(text);
      return socket;
    },
  };
}

/** Everything that comes until the connection ends. */
async function readAll(socket: Socket): Promise<string> {
  let text = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    text += chunk;
  });
  // `once` of node:events would reject when the listener resets the connection.
  await new Promise((done) => socket.resume().once("close", done));
  return text;
}

test("a client that asks and never reads is given up, and not before its time", async (context) => {
  const { clock, wheel, asked, open } = await setUp(context, 32 * mebibyte);
  const socket = await open(askStatus);
  while (asked.status === 0) await nextTurn();
  const startedMs = clock.now();
  let isClosed = false;
  // A paused socket is told of a reset by the error of a write.
  socket.once("close", () => {
    isClosed = true;
  });
  while (!isClosed) {
    clock.advance(1_000);
    wheel.advance();
    await nextTurn();
    socket.write("\r\n");
  }
  assert.ok(clock.now() - startedMs >= writeTimeoutMs, `after ${clock.now() - startedMs} ms`);
  assert.equal(wheel.linkedCount, 0);
});

test("a client that reads slowly gets the whole answer", async (context) => {
  const size = 40 * mebibyte;
  const { clock, wheel, open } = await setUp(context, size);
  const socket = await open(askStatus.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
  let received = 0;
  let sinceStep = 0;
  // What fits into the buffers of both kernels is read in a few steps: then progress of the client is progress of ours.
  socket.on("data", (chunk: Buffer) => {
    received += chunk.length;
    sinceStep += chunk.length;
    if (sinceStep < 4 * mebibyte) return;
    sinceStep = 0;
    clock.advance(4_000);
    wheel.advance();
  });
  await once(socket.resume(), "close");
  assert.ok(received > size, `${received} bytes`);
});

test("answers that nobody reads are bounded together: the oldest goes, the youngest is served", async (context) => {
  const { asked, open } = await setUp(context, 8 * mebibyte);
  const clients: { readonly socket: Socket; isClosed: boolean }[] = [];
  for (let count = 1; count <= 20; count++) {
    const client = { socket: await open(askStatus), isClosed: false };
    clients.push(client);
    client.socket.once("close", () => {
      client.isClosed = true;
    });
    while (asked.status < count) await nextTurn();
  }
  const text = await readAll(await open(askStatus.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")));
  assert.ok(text.length > 8 * mebibyte);
  // Eight answers and what goes with them are more than 64 MiB.
  while (clients.filter(({ isClosed }) => isClosed).length < 13) {
    for (const { socket, isClosed } of clients) if (!isClosed) socket.write("\r\n");
    await nextTurn();
  }
  assert.ok(!clients.at(-1)!.isClosed);
});

test("probes are answered however many strangers hold a body back", async (context) => {
  const { open } = await setUp(context, 10);
  for (let count = 0; count < 256; count++) {
    const stranger = await open(
      "POST /api/v1/reload HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n",
    );
    // The interim answer says that the head has been read.
    await once(stranger, "readable");
  }
  assert.match(await readAll(await open(probe)), /^HTTP\/1\.1 200 /);
});

test("a reload that takes long is not given up for others", async (context) => {
  const { open, reloading } = await setUp(context, 10);
  const reload = await open("POST /api/v1/reload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  for (let count = 0; count < 300; count++) await open("GET /livez HTTP/1.1\r\nHost: local");
  assert.match(await readAll(await open(probe)), /^HTTP\/1\.1 200 /);
  reloading.resolve({ isApplied: true, report: "done" });
  assert.match(await readAll(reload), /^HTTP\/1\.1 200 [^]*"report": "done"/);
});

test("pipelined requests are answered one after the other, in order", async (context) => {
  const { asked, open, reloading } = await setUp(context, 10);
  const socket = await open(
    `POST /api/v1/reload HTTP/1.1\r\nHost: localhost\r\n\r\n${askStatus}GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n${probe}`,
  );
  // Another connection has been served meanwhile: the second request had its chance to overtake the first.
  assert.match(await readAll(await open(probe)), /^HTTP\/1\.1 200 /);
  assert.equal(asked.status, 0);
  reloading.resolve({ isApplied: false, report: "" });
  const text = await readAll(socket);
  assert.deepEqual(
    [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status),
    ["422", "200", "404", "200"],
  );
  assert.equal(asked.status, 1);
});

test("a client that pipelines a flood is closed, and costs a few answers at most", async (context) => {
  const { asked, open } = await setUp(context, 10_000);
  const socket = await open(askStatus.repeat(5_000));
  await readAll(socket);
  assert.ok(asked.status <= 17, `${asked.status} answers were made`);
  assert.match(await readAll(await open(probe)), /^HTTP\/1\.1 200 /);
});
