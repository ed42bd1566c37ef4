/** Where a proxy listens and whom it reaches: ports, free ones and taken ones, and Unix sockets on both sides. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import type { ConfigInput } from "../../src/index.ts";
import { echo } from "../support/load.ts";
import { RawClient } from "../support/raw-client.ts";
import { eventually } from "../support/signal.ts";
import { modes, Stage } from "../support/stage.ts";

const respond = (body: string): ConfigInput["routes"] => [{ respond: { status: 200, body } }];

async function askAt(target: { port: number } | { path: string }): Promise<string> {
  const client = new RawClient(connect({ ...target, allowHalfOpen: true }));
  client.send("GET /here HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const { body } = await client.response();
  await client.close();
  return body.toString();
}

for (const [title, workers] of modes) {
  test(`port 0 gives one port, the same after a reload, ${title}`, async () => {
    const config = (body: string): ConfigInput => ({
      workers,
      listeners: [{ name: "main", address: "127.0.0.1:0" }],
      routes: respond(body),
    });
    const stage = await Stage.start(config("one"));
    try {
      const addresses = stage.proxy.addresses();
      assert.equal(addresses.length, 1);
      const port = stage.port();
      assert.ok(port > 0);
      assert.deepEqual(addresses, [{ name: "main", host: "127.0.0.1", port, text: `127.0.0.1:${port}` }]);
      // Often enough that every thread was asked.
      for (let count = 0; count < 20; count++) assert.equal(await askAt({ port }), "one");
      await stage.reload(config("two"));
      assert.equal(stage.port(), port);
      for (let count = 0; count < 20; count++) assert.equal(await askAt({ port }), "two");
      await stage.untilEmpty();
    } finally {
      await stage.close();
    }
  });

  test(`a port that anybody has is reported as taken, ${title}`, async () => {
    const holder = createServer();
    holder.listen(0, "127.0.0.1");
    await once(holder, "listening");
    const { port } = holder.address() as AddressInfo;
    await assert.rejects(
      Stage.start({ workers, listeners: [{ address: `127.0.0.1:${port}` }], routes: respond("never") }),
      { code: "EADDRINUSE", port, address: "127.0.0.1" },
    );
    await new Promise((resolve) => holder.close(resolve));
  });

  test(`a port that another proxy's threads share among themselves is taken, too, ${title}`, async () => {
    const first = await Stage.start({ workers: 2, listeners: [{ address: "127.0.0.1:0" }], routes: respond("first") });
    try {
      await assert.rejects(
        Stage.start({ workers, listeners: [{ address: `127.0.0.1:${first.port()}` }], routes: respond("second") }),
        { code: "EADDRINUSE" },
      );
      for (let count = 0; count < 20; count++) assert.equal(await askAt({ port: first.port() }), "first");
    } finally {
      await first.close();
    }
  });

  test(`Unix sockets on both sides, added and removed by reloads, ${title}`, async () => {
    const endpoint = createHttpServer(echo("unix"));
    const config = (folder: string, hasSocket: boolean): ConfigInput => ({
      workers,
      listeners: [
        { name: "main", address: "127.0.0.1:0" },
        ...(hasSocket ? [{ name: "local", address: `unix:${join(folder, "proxy.sock")}` }] : []),
      ],
      routes: [{ upstream: "app" }],
      upstreams: { app: { endpoints: [`unix:${join(folder, "app.sock")}`] } },
    });
    const stage = await Stage.start((folder) => config(folder, true));
    const path = join(stage.folder, "proxy.sock");
    endpoint.listen(join(stage.folder, "app.sock"));
    await once(endpoint, "listening");
    try {
      assert.equal(stage.proxy.addresses().find(({ name }) => name === "local")?.text, `unix:${path}`);
      assert.equal(await askAt({ path }), "/here");
      assert.equal(await askAt({ port: stage.port() }), "/here");
      await stage.reload(config(stage.folder, false));
      assert.equal(existsSync(path), false, "the socket is removed with its listener");
      await stage.reload(config(stage.folder, true));
      assert.equal(await askAt({ path }), "/here");
      endpoint.closeAllConnections();
      await new Promise((resolve) => endpoint.close(resolve));
      await stage.untilEmpty();
      await stage.proxy.close();
      assert.equal(existsSync(path), false);
    } finally {
      endpoint.closeAllConnections();
      endpoint.close();
      await stage.close();
    }
  });

  test(`the socket of a killed process is taken over, one that answers is not, ${title}`, async () => {
    const config = (folder: string): ConfigInput => ({
      workers,
      listeners: [{ address: `unix:${join(folder, "proxy.sock")}` }],
      routes: respond("alive"),
    });
    const stage = await Stage.start((folder) => {
      spawnSync(process.execPath, [
        "-e",
        `require("node:net").createServer().listen(${JSON.stringify(join(folder, "proxy.sock"))}, () => process.kill(process.pid, "SIGKILL"))`,
      ]);
      assert.ok(existsSync(join(folder, "proxy.sock")), "the killed process left its socket behind");
      return config(folder);
    });
    try {
      const path = join(stage.folder, "proxy.sock");
      assert.equal(await askAt({ path }), "alive");
      await assert.rejects(Stage.start(config(stage.folder)), { code: "EADDRINUSE" });
      assert.equal(await askAt({ path }), "alive");
      await stage.untilEmpty();
    } finally {
      await stage.close();
    }
  });

  test(`whoever connects while the proxy starts waits for it and is served, ${title}`, async () => {
    const probe = createServer();
    probe.listen(0, "127.0.0.1");
    await once(probe, "listening");
    const { port } = probe.address() as AddressInfo;
    await new Promise((resolve) => probe.close(resolve));
    /** Connects as soon as anybody listens. @returns the status of the answer */
    const askEarly = async (): Promise<string> => {
      for (;;) {
        const client = new RawClient(connect({ port, host: "127.0.0.1", allowHalfOpen: true }));
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        const answer = await client.response().catch((error: unknown) => error);
        // Nobody is there yet, or only the trial whether the port is free.
        if (client.error?.code === "ECONNREFUSED" || client.error?.code === "ECONNRESET") continue;
        await client.close();
        return answer instanceof Error
          ? answer.message
          : String((answer as Awaited<ReturnType<RawClient["response"]>>).status);
      }
    };
    const early = Array.from({ length: 20 }, askEarly);
    const stage = await Stage.start({
      workers,
      listeners: [{ address: `127.0.0.1:${port}` }],
      routes: respond("here"),
    });
    try {
      assert.deepEqual(new Set(await Promise.all(early)), new Set(["200"]));
      await stage.untilEmpty();
    } finally {
      await stage.close();
    }
  });
}

/** A port that nobody uses. */
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

for (const [title, workers] of modes) {
  test(`a listener and the admin listener move on their own ports, and no request is lost, ${title}`, {
    skip: process.platform !== "linux" && "ports are shared on Linux",
  }, async () => {
    const [port, adminPort] = [await freePort(), await freePort()];
    const config = (host: string, adminHost: string): ConfigInput => ({
      workers,
      listeners: [{ name: "main", address: `${host}:${port}` }],
      admin: { address: `${adminHost}:${adminPort}` },
      routes: respond(host),
    });
    const stage = await Stage.start(config("127.0.0.1", "127.0.0.1"));
    let isOver = false;
    let served = 0;
    const load = Array.from({ length: 4 }, async () => {
      for (; !isOver; served++) await askAt({ port });
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
        await stage.proxy.reload(config(host, adminHost));
        await eventually(() => served >= before + 20, "requests go on");
        assert.equal(await askAt({ port }), host);
        assert.equal((await fetch(`http://127.0.0.1:${adminPort}/livez`)).status, 200);
        assert.equal(stage.proxy.addresses().length, 1);
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
      await stage.close();
    }
  });

  test(`a listener for IPv4 stands beside one for every address of the same port, ${title}`, {
    skip: process.platform !== "linux" && "ports are shared on Linux",
  }, async () => {
    const port = await freePort();
    const stage = await Stage.start({
      workers,
      listeners: [
        { name: "six", address: `[::]:${port}` },
        { name: "four", address: `0.0.0.0:${port}` },
      ],
      routes: respond("here"),
    });
    try {
      for (let count = 0; count < 8; count++) assert.equal(await askAt({ port }), "here");
      const metrics = await stage.metrics();
      assert.deepEqual(metrics.by("millrace_connections_accepted_total", "listener"), { six: 0, four: 8 });
    } finally {
      await stage.close();
    }
  });

  test(`what another process has on the port stands in the way, a port of our own that has another use is told apart, ${title}`, async () => {
    const stage = await Stage.start({
      workers,
      listeners: [{ name: "main", address: "127.0.0.1:0" }],
      routes: respond("here"),
    });
    const stranger = createServer().listen(stage.port(), "127.0.0.2");
    await once(stranger, "listening");
    try {
      const config = (address: string): ConfigInput => ({
        workers,
        listeners: [{ name: "main", address }],
        routes: respond("here"),
      });
      await assert.rejects(stage.reload(config(`:${stage.port()}`)), { code: "EADDRINUSE" });
      const admin = stage.proxy.adminAddress() ?? "";
      await assert.rejects(stage.reload(config(admin)), {
        code: "EADDRINUSE",
        usedBy: "the admin listener of this Millrace",
      });
      await assert.rejects(
        stage.reload({ ...config("127.0.0.1:0"), admin: { address: `127.0.0.1:${stage.port()}` } }),
        { code: "EADDRINUSE", usedBy: "the listener main of this Millrace" },
      );
      assert.equal(await askAt({ port: stage.port() }), "here");
    } finally {
      stranger.close();
      await stage.close();
    }
  });

  test(`a Unix socket has the mode that is asked for, also after a reload, ${title}`, async () => {
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
    const stage = await Stage.start((folder) => config(folder));
    const modesNow = (): string[] =>
      ["l.sock", "a.sock"].map((name) => (statSync(join(stage.folder, name)).mode & 0o777).toString(8));
    try {
      assert.deepEqual(modesNow(), ["660", "660"]);
      await stage.proxy.reload(config(stage.folder, "0600"));
      assert.deepEqual(modesNow(), ["600", "600"]);
      assert.equal(await askAt({ path: join(stage.folder, "l.sock") }), "here");
    } finally {
      await stage.close();
    }
  });

  test(`a reload holds although somebody has removed the sockets or put something in their place, ${title}`, async () => {
    const config = (folder: string, body: string, mode: string): ConfigInput => ({
      workers,
      listeners: [
        { name: "local", address: { unix: join(folder, "l.sock"), mode } },
        { name: "tcp", address: "127.0.0.1:0" },
      ],
      admin: { address: { unix: join(folder, "a.sock"), mode } },
      routes: respond(body),
    });
    const stage = await Stage.start((folder) => config(folder, "one", "0600"));
    const file = join(stage.folder, "l.sock");
    try {
      for (const name of ["l.sock", "a.sock"]) rmSync(join(stage.folder, name));
      await stage.proxy.reload(config(stage.folder, "two", "0600"));
      assert.equal(await askAt({ port: stage.port("tcp") }), "two");
      writeFileSync(file, "somebody's", { mode: 0o640 });
      await stage.proxy.reload(config(stage.folder, "three", "0600"));
      assert.equal(await askAt({ port: stage.port("tcp") }), "three");
      assert.equal(statSync(file).mode & 0o777, 0o640, "it is not ours");
    } finally {
      await stage.close();
    }
  });
}
