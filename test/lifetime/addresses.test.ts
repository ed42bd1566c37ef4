/** Where a proxy listens and whom it reaches: ports, free ones and taken ones, and Unix sockets on both sides. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { connect, createServer, type NetConnectOpts } from "node:net";
import { join } from "node:path";
import type { ConfigInput } from "../../src/index.ts";
import { freePort, takenPort } from "../support/free-port.ts";
import { type Harness, testOverProtocols } from "../support/harness.ts";
import { modes } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";

const respond = (body: string): ConfigInput["routes"] => [{ respond: { status: 200, body } }];

async function askAt(harness: Harness, target: number | NetConnectOpts): Promise<string> {
  const client = await harness.speakerAt(target);
  const { text } = await client.ask({ path: "/here" });
  await client.close();
  return text;
}

for (const [title, workers] of modes) {
  testOverProtocols(`port 0 gives one port, the same after a reload, ${title}`, async (harness) => {
    const config = (body: string): ConfigInput => ({
      workers,
      listeners: [{ name: "main", address: "127.0.0.1:0" }],
      routes: respond(body),
    });
    const proxy = await harness.proxy({ config: config("one") });
    const addresses = proxy.proxy.addresses();
    assert.equal(addresses.length, 1);
    const port = proxy.port;
    assert.ok(port > 0);
    assert.deepEqual(addresses, [{ name: "main", host: "127.0.0.1", port, text: `127.0.0.1:${port}` }]);
    // Often enough that every thread was asked.
    for (let count = 0; count < 20; count++) assert.equal(await askAt(harness, port), "one");
    await proxy.reload({ config: config("two") });
    assert.equal(proxy.port, port);
    for (let count = 0; count < 20; count++) assert.equal(await askAt(harness, port), "two");
  });

  testOverProtocols(`listeners that ask for a free port each get one each, ${title}`, async (harness) => {
    const config = (body: string, names = ["one", "two"]): { config: ConfigInput } => ({
      config: {
        workers,
        listeners: names.map((name) => ({ name, address: "127.0.0.1:0" })),
        routes: names.map((name) => ({ match: { listener: name }, respond: { status: 200, body: `${name} ${body}` } })),
      },
    });
    const proxy = await harness.proxy(config("a"));
    const [one, two] = [proxy.portOf("one"), proxy.portOf("two")];
    assert.notEqual(one, two);
    for (let count = 0; count < 10; count++) {
      assert.equal(await askAt(harness, one), "one a");
      assert.equal(await askAt(harness, two), "two a");
    }
    await proxy.reload(config("b"));
    assert.deepEqual([proxy.portOf("one"), proxy.portOf("two")], [one, two]);
    assert.equal(await askAt(harness, two), "two b");
    await proxy.reload(config("c", ["one"]));
    assert.equal(await askAt(harness, one), "one c");
    await assert.rejects(askAt(harness, two));
  });

  testOverProtocols(`a port that anybody has is reported as taken, ${title}`, async (harness) => {
    const { port, release } = await takenPort();
    await assert.rejects(
      harness.proxy({ config: { workers, listeners: [{ address: `127.0.0.1:${port}` }], routes: respond("never") } }),
      { code: "EADDRINUSE", port, address: "127.0.0.1" },
    );
    await release();
  });

  testOverProtocols(
    `a port that another proxy's threads share among themselves is taken, too, ${title}`,
    async (harness) => {
      const first = await harness.proxy({
        config: { workers: 2, listeners: [{ address: "127.0.0.1:0" }], routes: respond("first") },
      });
      await assert.rejects(
        harness.proxy({
          config: { workers, listeners: [{ address: `127.0.0.1:${first.port}` }], routes: respond("second") },
        }),
        { code: "EADDRINUSE" },
      );
      for (let count = 0; count < 20; count++) assert.equal(await askAt(harness, first.port), "first");
    },
  );

  testOverProtocols(`Unix sockets on both sides, added and removed by reloads, ${title}`, async (harness) => {
    const endpoint = createHttpServer((request, response) => response.end(request.url));
    harness.atEnd(() => endpoint.close().closeAllConnections());
    const config = (folder: string, hasSocket: boolean): ConfigInput => ({
      workers,
      listeners: [
        { name: "main", address: "127.0.0.1:0" },
        ...(hasSocket ? [{ name: "local", address: `unix:${join(folder, "proxy.sock")}` }] : []),
      ],
      routes: [{ upstream: "app" }],
      upstreams: { app: { endpoints: [`unix:${join(folder, "app.sock")}`] } },
    });
    const proxy = await harness.proxy((folder) => ({ config: config(folder, true) }));
    const path = join(proxy.folder, "proxy.sock");
    endpoint.listen(join(proxy.folder, "app.sock"));
    await once(endpoint, "listening");
    assert.equal(proxy.proxy.addresses().find(({ name }) => name === "local")?.text, `unix:${path}`);
    assert.equal(await askAt(harness, { path }), "/here");
    assert.equal(await askAt(harness, proxy.port), "/here");
    await proxy.reload({ config: config(proxy.folder, false) });
    assert.equal(existsSync(path), false, "the socket is removed with its listener");
    await proxy.reload({ config: config(proxy.folder, true) });
    assert.equal(await askAt(harness, { path }), "/here");
    endpoint.closeAllConnections();
    await new Promise((resolve) => endpoint.close(resolve));
    await proxy.untilEmpty();
    await proxy.proxy.close();
    assert.equal(existsSync(path), false);
  });

  testOverProtocols(
    `the socket of a killed process is taken over, one that answers is not, ${title}`,
    async (harness) => {
      const config = (folder: string): ConfigInput => ({
        workers,
        listeners: [{ address: `unix:${join(folder, "proxy.sock")}` }],
        routes: respond("alive"),
      });
      const proxy = await harness.proxy((folder) => {
        spawnSync(process.execPath, [
          "-e",
          `require("node:net").createServer().listen(${JSON.stringify(join(folder, "proxy.sock"))}, () => process.kill(process.pid, "SIGKILL"))`,
        ]);
        assert.ok(existsSync(join(folder, "proxy.sock")), "the killed process left its socket behind");
        return { config: config(folder) };
      });
      const path = join(proxy.folder, "proxy.sock");
      assert.equal(await askAt(harness, { path }), "alive");
      await assert.rejects(harness.proxy({ config: config(proxy.folder) }), { code: "EADDRINUSE" });
      assert.equal(await askAt(harness, { path }), "alive");
    },
  );

  testOverProtocols(`whoever connects while the proxy starts waits for it and is served, ${title}`, async (harness) => {
    const port = await freePort();
    /** Asks as soon as anybody listens. @returns the answer, or what went wrong */
    const askEarly = async (): Promise<string> => {
      for (;;) {
        const answer = await askAt(harness, port).catch(String);
        // Nobody is there yet, or only the trial whether the port is free.
        if (!/ECONNREFUSED|ECONNRESET/.test(answer)) return answer;
      }
    };
    const early = Array.from({ length: 20 }, askEarly);
    await harness.proxy({
      config: {
        workers,
        listeners: [{ address: `127.0.0.1:${port}` }],
        routes: respond("here"),
      },
    });
    assert.deepEqual(new Set(await Promise.all(early)), new Set(["here"]));
  });
}

for (const [title, workers] of modes) {
  testOverProtocols(
    `a listener and the admin listener move on their own ports, and no request is lost, ${title}`,
    async (harness) => {
      const [port, adminPort] = [await freePort(), await freePort()];
      const config = (host: string, adminHost: string): ConfigInput => ({
        workers,
        listeners: [{ name: "main", address: `${host}:${port}` }],
        admin: { address: `${adminHost}:${adminPort}` },
        routes: respond(host),
      });
      const proxy = await harness.proxy({ config: config("127.0.0.1", "127.0.0.1") });
      let isOver = false;
      let served = 0;
      const load = Array.from({ length: 4 }, async () => {
        for (; !isOver; served++) await askAt(harness, port);
      });
      try {
        for (const [host, adminHost] of [
          ["", "0.0.0.0"],
          ["127.0.0.1", "127.0.0.1"],
          ["0.0.0.0", ""],
          ["[::]", "[::]"],
          ["127.0.0.1", "127.0.0.1"],
        ] as const) {
          const before = served;
          await proxy.reload({ config: config(host, adminHost) });
          await eventually(() => served >= before + 20, "requests go on");
          assert.equal(await askAt(harness, port), host);
          assert.equal((await fetch(`http://127.0.0.1:${adminPort}/livez`)).status, 200);
          assert.equal(proxy.proxy.addresses().length, 1);
        }
        isOver = true;
        await Promise.all(load);
        // The address that it has left is not listened on any more.
        const other = connect(port, "127.0.0.2");
        assert.equal(
          await new Promise((resolve) =>
            other
              .once("error", ({ code }: NodeJS.ErrnoException) => resolve(code))
              .once("connect", () => resolve("connected")),
          ),
          "ECONNREFUSED",
        );
        other.destroy();
      } finally {
        isOver = true;
        await Promise.allSettled(load);
        await proxy.close();
      }
    },
    { skip: process.platform !== "linux" && "ports are shared on Linux" },
  );

  testOverProtocols(
    `a listener for IPv4 stands beside one for every address of the same port, ${title}`,
    async (harness) => {
      const port = await freePort();
      const proxy = await harness.proxy({
        config: {
          workers,
          listeners: [
            { name: "six", address: `[::]:${port}` },
            { name: "four", address: `0.0.0.0:${port}` },
          ],
          routes: respond("here"),
        },
      });
      for (let count = 0; count < 8; count++) assert.equal(await askAt(harness, port), "here");
      const metrics = await proxy.metrics();
      assert.deepEqual(metrics.by("millrace_connections_accepted_total", "listener"), { six: 0, four: 8 });
    },
    { skip: process.platform !== "linux" && "ports are shared on Linux" },
  );

  testOverProtocols(
    `what another process has on the port stands in the way, a port of our own that has another use is told apart, ${title}`,
    async (harness) => {
      const proxy = await harness.proxy({
        config: {
          workers,
          listeners: [{ name: "main", address: "127.0.0.1:0" }],
          routes: respond("here"),
        },
      });
      const stranger = createServer().listen(proxy.port, "127.0.0.2");
      harness.atEnd(() => stranger.close());
      await once(stranger, "listening");
      const config = (address: string): ConfigInput => ({
        workers,
        listeners: [{ name: "main", address }],
        routes: respond("here"),
      });
      await assert.rejects(proxy.reload({ config: config(`:${proxy.port}`) }), { code: "EADDRINUSE" });
      const admin = proxy.proxy.adminAddress() ?? "";
      await assert.rejects(proxy.reload({ config: config(admin) }), {
        code: "EADDRINUSE",
        usedBy: "the admin listener of this Millrace",
      });
      await assert.rejects(
        proxy.reload({ config: { ...config("127.0.0.1:0"), admin: { address: `127.0.0.1:${proxy.port}` } } }),
        { code: "EADDRINUSE", usedBy: "the listener main of this Millrace" },
      );
      assert.equal(await askAt(harness, proxy.port), "here");
    },
  );

  testOverProtocols(`a Unix socket has the mode that is asked for, also after a reload, ${title}`, async (harness) => {
    const config = (folder: string, mode?: string): ConfigInput => ({
      workers,
      listeners: [
        {
          name: "local",
          address: mode === undefined ? `unix:${join(folder, "l.sock")}` : { unix: join(folder, "l.sock"), mode },
        },
      ],
      admin: {
        address: mode === undefined ? `unix:${join(folder, "a.sock")}` : { unix: join(folder, "a.sock"), mode },
      },
      routes: respond("here"),
    });
    const proxy = await harness.proxy((folder) => ({ config: config(folder) }));
    const modesNow = (): string[] =>
      ["l.sock", "a.sock"].map((name) => (statSync(join(proxy.folder, name)).mode & 0o777).toString(8));
    assert.deepEqual(modesNow(), ["660", "660"]);
    await proxy.reload({ config: config(proxy.folder, "0600") });
    assert.deepEqual(modesNow(), ["600", "600"]);
    assert.equal(await askAt(harness, { path: join(proxy.folder, "l.sock") }), "here");
  });

  testOverProtocols(
    `a reload holds although somebody has removed the sockets or put something in their place, ${title}`,
    async (harness) => {
      const config = (folder: string, body: string, mode: string): ConfigInput => ({
        workers,
        listeners: [
          { name: "local", address: { unix: join(folder, "l.sock"), mode } },
          { name: "tcp", address: "127.0.0.1:0" },
        ],
        admin: { address: { unix: join(folder, "a.sock"), mode } },
        routes: respond(body),
      });
      const proxy = await harness.proxy((folder) => ({ config: config(folder, "one", "0600") }));
      const file = join(proxy.folder, "l.sock");
      for (const name of ["l.sock", "a.sock"]) rmSync(join(proxy.folder, name));
      await proxy.reload({ config: config(proxy.folder, "two", "0600") });
      assert.equal(await askAt(harness, proxy.portOf("tcp")), "two");
      writeFileSync(file, "somebody's", { mode: 0o640 });
      await proxy.reload({ config: config(proxy.folder, "three", "0600") });
      assert.equal(await askAt(harness, proxy.portOf("tcp")), "three");
      assert.equal(statSync(file).mode & 0o777, 0o640, "it is not ours");
    },
  );
}
