/**
 * When clients hold nearly all descriptors that the process may have: further ones are turned away, counted and told
 * of, the admin listener answers, and it is over when they are gone.
 */
import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import { createSocket } from "node:dgram";
import { connect, type Socket } from "node:net";
import { freePort } from "../support/free-port.ts";
import { type Harness, testWithHarness } from "../support/harness.ts";
import { modes } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";

function testShortage(name: string, run: (harness: Harness) => Promise<void>): void {
  testWithHarness(name, run, { skip: process.platform !== "linux" && "limits are read as Linux tells them" });
}

/** The status of an answer. */
function ask(agent: Agent, url: string, method: string, body = ""): Promise<number> {
  return new Promise((resolve, reject) => {
    request(url, { agent, method }, (answer) => answer.resume().on("end", () => resolve(answer.statusCode!)))
      .on("error", reject)
      .end(body);
  });
}

for (const [title, threads] of modes) {
  testShortage(`descriptors run short and come back, ${title}`, async (harness) => {
    const origin = await harness.origin((_incoming, outgoing) => outgoing.end("fine"));
    const proxy = await harness.process(
      { threads, endpoints: [origin.url], listener: { name: "main" }, config: { log: { access: false, stats: "0s" } } },
      { prepare: "ulimit -n 160" },
    );
    const { port, process: millrace } = proxy;
    const open: Socket[] = [];
    harness.endWithClients(() => open.forEach((socket) => socket.destroy()));
    let closed = 0;
    for (let count = 0; count < 200; count++)
      open.push(
        connect(port, "127.0.0.1")
          .on("error", () => {})
          .on("close", () => closed++)
          .resume(),
      );
    await eventually(
      async () =>
        (await proxy.metrics()).sum("millrace_connections_refused_total", {
          listener: "main",
          reason: "descriptors",
        }) > 0,
      "connections are turned away",
    );
    await eventually(
      async () =>
        (await proxy.metrics()).sum("millrace_connections_refused_total") +
          (await proxy.metrics()).sum("millrace_connections") ===
        200,
      "every one is kept or turned away",
    );
    const refused = (await proxy.metrics()).sum("millrace_connections_refused_total");
    await eventually(() => closed === refused, "nobody is left hanging");
    assert.equal((await fetch(`${proxy.admin}/livez`)).status, 200);
    const line = await millrace.logged(/^turning connections away/);
    assert.deepEqual([line.level, line["listener"], line["errno"]], ["warn", "main", "EMFILE"]);
    // Those that are kept are served: there are descriptors for endpoints.
    const kept = open.find((socket) => !socket.destroyed)!;
    const answered = new Promise((resolve) => kept.once("data", (bytes: Buffer) => resolve(String(bytes))));
    kept.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert.match(String(await answered), /^HTTP\/1\.1 200 /);
    for (const socket of open) socket.destroy();
    await eventually(async () => (await proxy.metrics()).sum("millrace_connections") === 0, "they are gone");
    assert.equal((await harness.ask()).text, "fine");
    assert.doesNotMatch(millrace.stderr, /internal error|died/);
  });
}

for (const [title, threads] of modes) {
  testShortage(
    `bodies in files leave descriptors to other things, and are told of in few lines, ${title}`,
    async (harness) => {
      const origin = await harness.origin((_incoming, outgoing) => outgoing.end("fine"));
      const proxy = await harness.process(
        {
          threads,
          endpoints: [origin.url],
          listener: { name: "main" },
          routes: [
            { match: { path: "/files" }, middlewares: [{ buffer: { memoryBytes: "1KiB" } }], upstream: "app" },
            { upstream: "app" },
          ],
          config: { log: { access: false, stats: "0s" } },
        },
        { prepare: "ulimit -n 120" },
      );
      const { url, process: millrace } = proxy;
      // A connection of one who was there before.
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      harness.endWithClients(() => agent.destroy());
      assert.equal(await ask(agent, url, "GET"), 200);
      const open: Socket[] = [];
      const answers: string[] = [];
      harness.endWithClients(() => open.forEach((socket) => socket.destroy()));
      for (let count = 0; count < 120; count++) {
        open.push(
          connect(proxy.port, "127.0.0.1")
            .on("error", () => {})
            .on("data", (bytes: Buffer) => answers.push(String(bytes).slice(0, 12))),
        );
      }
      const seen = async (): Promise<number> => {
        const page = await proxy.metrics();
        return page.sum("millrace_connections_refused_total") + page.sum("millrace_connections");
      };
      await eventually(async () => (await seen()) === 121, "every one is kept or turned away");
      // Those that are kept have all that clients get: each body needs a file beside.
      for (const socket of open)
        socket.write(`PUT /files HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\n${"x".repeat(100_000)}`);
      const line = await millrace.logged(/^a request body cannot be buffered$/);
      assert.deepEqual([line.level, line["route"], line["errno"]], ["warn", "route-1", "EMFILE"]);
      await eventually(() => answers.length > 0, "some are answered");
      assert.deepEqual([...new Set(answers)], ["HTTP/1.1 503"]);
      assert.equal((await fetch(`${proxy.admin}/livez`)).status, 200);
      assert.equal(await ask(agent, url, "GET"), 200, "there are descriptors for endpoints");
      assert.ok(millrace.log.filter(({ message }) => message === line.message).length < 4);
      for (const socket of open) socket.destroy();
      await eventually(async () => (await proxy.metrics()).sum("millrace_connections") <= 1, "they are gone");
      assert.equal(await ask(agent, `${url}/files`, "PUT", "x".repeat(100_000)), 200);
    },
  );
}

testShortage("clients of UDP leave descriptors to those of TCP, whoever they say they are", async (harness) => {
  const origin = await harness.origin((_incoming, outgoing) => outgoing.end("fine"));
  const endpoint = createSocket("udp4");
  await new Promise<void>((resolve) => endpoint.bind(0, "127.0.0.1", resolve));
  const port = await freePort();
  const proxy = await harness.process(
    {
      endpoints: [origin.url],
      config: {
        listeners: [
          { name: "main", address: "127.0.0.1:0" },
          { name: "datagrams", mode: "udp", address: `127.0.0.1:${port}`, timeouts: { idle: "3s" } },
        ],
        routes: [
          { match: { listener: "datagrams" }, upstream: "datagrams" },
          { match: { listener: "main" }, upstream: "app" },
        ],
        upstreams: {
          app: { endpoints: [origin.url] },
          datagrams: { endpoints: [`udp://127.0.0.1:${endpoint.address().port}`] },
        },
        log: { access: false, stats: "0s" },
      },
    },
    { prepare: "ulimit -n 160" },
  );
  const clients = Array.from({ length: 200 }, () => createSocket("udp4"));
  harness.endWithClients(() => [endpoint, ...clients].forEach((socket) => socket.close()));
  for (const one of clients) one.send("x", port, "127.0.0.1");
  await eventually(
    async () => (await proxy.metrics()).sum("millrace_connections_refused_total", { listener: "datagrams" }) > 100,
    "most have no room",
  );
  const open = (await proxy.metrics()).sum("millrace_connections", { listener: "datagrams" });
  assert.equal(open, (160 - 20) / 2);
  assert.equal((await harness.ask()).text, "fine");
});
