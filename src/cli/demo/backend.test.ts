import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import WebSocket from "ws";
import { backendPaths, type DemoBackend, startBackend } from "./backend.ts";

let backend: DemoBackend;
let base: string;

before(async () => {
  backend = await startBackend("one");
  base = `http://127.0.0.1:${backend.port}`;
});
after(() => backend.close());

test("the greeting names the backend, as text and as JSON", async () => {
  assert.match(await (await fetch(base)).text(), /^Hello from backend one \(its request \d+\)\.\n$/);
  const json = (await (await fetch(base, { headers: { accept: "application/json" } })).json()) as { backend: string };
  assert.equal(json.backend, "one");
});

test("every path that the help lists exists", async () => {
  for (const [path] of backendPaths) {
    if (path === "/events" || path.startsWith("/slow") || path.startsWith("/sick")) continue;
    const response = await fetch(base + path, path === "/upload" ? { method: "POST", body: "" } : {});
    await response.arrayBuffer();
    assert.notEqual(response.status, 404, path);
  }
});

test("an unknown path is not found", async () => {
  const response = await fetch(`${base}/nothing`);
  assert.equal(response.status, 404);
  assert.match(await response.text(), /has no \/nothing/);
});

test("a backend that was made sick fails its health check until it is well again", async () => {
  assert.equal((await fetch(`${base}/health`)).status, 200);
  await (await fetch(`${base}/sick?seconds=60`)).text();
  assert.equal((await fetch(`${base}/health`)).status, 503);
  await (await fetch(`${base}/sick?seconds=0`)).text();
  assert.equal((await fetch(`${base}/health`)).status, 200);
});

test("the error path answers with the status asked for, within the errors", async () => {
  for (const [asked, answered] of [
    ["404", 404],
    ["503", 503],
    ["200", 400],
    ["junk", 500],
  ] as const) {
    const response = await fetch(`${base}/error?status=${asked}`);
    await response.text();
    assert.equal(response.status, answered, asked);
  }
});

test("the slow path answers after its wait", async () => {
  assert.match(await (await fetch(`${base}/slow?ms=1`)).text(), /1 ms/);
});

test("an upload is answered with its length and digest", async () => {
  const body = Buffer.alloc(300_000, "abc");
  const answer = await (await fetch(`${base}/upload`, { method: "POST", body })).json();
  assert.deepEqual(answer, { backend: "one", bytes: 300_000, sha256: createHash("sha256").update(body).digest("hex") });
});

test("a big answer has exactly the length asked for", async () => {
  for (const bytes of [0, 1, 65_536, 1_000_001]) {
    const body = await (await fetch(`${base}/big?bytes=${bytes}`)).arrayBuffer();
    assert.equal(body.byteLength, bytes);
  }
});

test("events arrive one by one", async () => {
  const response = await fetch(`${base}/events`);
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  const reader = response.body?.getReader();
  const first = await reader?.read();
  assert.match(Buffer.from(first?.value ?? []).toString(), /^id: 1\ndata: /);
  await reader?.cancel();
});

test("the WebSocket greets and echoes text and binary messages", async () => {
  const socket = new WebSocket(`${base.replace("http", "ws")}/ws`);
  const received: (string | Buffer)[] = [];
  const closed = Promise.withResolvers<number>();
  const big = Buffer.alloc(70_000, 7);
  socket.on("open", () => {
    socket.send("hello");
    socket.send(big);
  });
  socket.on("message", (data: Buffer, isBinary) => {
    received.push(isBinary ? data : data.toString());
    if (received.length === 3) socket.close(1000);
  });
  socket.on("error", closed.reject);
  socket.on("close", (code) => closed.resolve(code));
  assert.equal(await closed.promise, 1000);
  assert.deepEqual(received, ["You are talking to backend one.", "hello", big]);
});

test("an upgrade elsewhere is refused", async () => {
  const failed = Promise.withResolvers<string>();
  const socket = new WebSocket(`${base.replace("http", "ws")}/other`);
  socket.on("open", () => failed.resolve("open"));
  socket.on("error", (error) => failed.resolve(error.message));
  assert.match(await failed.promise, /404/);
});

test("the WebSocket path asks for an upgrade if there is none", async () => {
  const response = await fetch(`${base}/ws`);
  await response.text();
  assert.equal(response.status, 426);
});
