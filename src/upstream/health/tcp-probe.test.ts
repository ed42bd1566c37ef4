import assert from "node:assert/strict";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { systemScheduler } from "../../base/scheduler.ts";
import type { EndpointSpec } from "../endpoint.ts";
import type { ProbeOptions, ProbeResult } from "./http-probe.ts";
import { createProbe } from "./tcp-probe.ts";

async function listen(context: TestContext, serve: (socket: Socket) => void): Promise<EndpointSpec> {
  const server: Server = createServer(serve);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => server.close());
  return endpointAt((server.address() as AddressInfo).port);
}

const endpointAt = (port: number, scheme = "tcp"): EndpointSpec => ({
  url: `${scheme}://127.0.0.1:${port}`,
  host: "127.0.0.1",
  port,
  socketPath: null,
  weight: 1,
  isBackup: false,
});

const check = (endpoint: EndpointSpec, tcp: ProbeOptions["tcp"], timeout = 5_000): Promise<ProbeResult> =>
  new Promise((resolve) =>
    createProbe(systemScheduler)(endpoint, { path: "/", host: null, expect: [], timeout, tcp }, resolve),
  );

const outcome = ({ isSuccess, reason }: ProbeResult): [boolean | null, string] => [isSuccess, reason];

test("a connection is enough for an endpoint of TCP, with or without options", async (context) => {
  const endpoint = await listen(context, (socket) => socket.resume());
  assert.deepEqual(outcome(await check(endpoint, null)), [true, "connected"]);
  assert.deepEqual(outcome(await check(endpoint, { send: "", expect: "" })), [true, "connected"]);
  assert.deepEqual(outcome(await check({ ...endpoint, url: "http://127.0.0.1:1" }, { send: "", expect: "" })), [
    true,
    "connected",
  ]);
});

test("nobody there is a failure", async (context) => {
  const endpoint = await listen(context, () => {});
  const gone = createServer();
  await new Promise<void>((resolve) => gone.listen(0, "127.0.0.1", resolve));
  const { port } = gone.address() as AddressInfo;
  await new Promise((resolve) => gone.close(resolve));
  assert.deepEqual(outcome(await check(endpointAt(port), null)), [false, "ECONNREFUSED"]);
  assert.notEqual(endpoint.port, port);
});

test("what is expected may come in pieces, at once or after a question", async (context) => {
  const endpoint = await listen(context, (socket) => {
    socket.on("data", (chunk) => {
      socket.write(chunk.toString() === "PING\r\n" ? "+PO" : "-ERR");
      setImmediate(() => socket.write("NG\r\n"));
    });
  });
  assert.deepEqual(outcome(await check(endpoint, { send: "PING\r\n", expect: "PONG" })), [
    true,
    "answered as expected",
  ]);
  const greeter = await listen(context, (socket) => socket.write("220 ready\r\n"));
  assert.deepEqual(outcome(await check(greeter, { send: "", expect: "220" })), [true, "answered as expected"]);
});

test("another answer, too much of it, an early end and silence are failures", async (context) => {
  const talker = await listen(context, (socket) => {
    socket.on("error", () => {});
    socket.write("x".repeat(5_000));
  });
  assert.deepEqual(outcome(await check(talker, { send: "", expect: "PONG" })), [
    false,
    "answered otherwise than expected",
  ]);
  const closer = await listen(context, (socket) => socket.end("+PON"));
  assert.deepEqual(outcome(await check(closer, { send: "", expect: "PONG" })), [
    false,
    "closed without the expected answer",
  ]);
  const silent = await listen(context, (socket) => socket.on("error", () => {}));
  assert.deepEqual(outcome(await check(silent, { send: "PING", expect: "PONG" }, 50)), [false, "timeout after 50 ms"]);
});
