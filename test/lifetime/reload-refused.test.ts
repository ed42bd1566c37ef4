/** Reloads that cannot be: everything stays as it was, in every thread. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { ConfigError, type ConfigInput } from "../../src/index.ts";
import { echo, Load } from "../support/load.ts";
import { Origin } from "../support/origin.ts";
import { modes, Stage } from "../support/stage.ts";

/** A port that is free, most likely. */
async function findFreePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function isRefused(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ECONNREFUSED";
  } finally {
    socket.destroy();
  }
}

for (const [title, workers] of modes) {
  const withStage = async (
    run: (stage: Stage, config: (changes?: Partial<ConfigInput>) => ConfigInput) => Promise<void>,
  ): Promise<void> => {
    const origin = await Origin.start(echo("a"));
    const config = (changes: Partial<ConfigInput> = {}): ConfigInput => ({
      workers,
      listeners: [{ name: "main", address: "127.0.0.1:0" }],
      routes: [{ name: "all", upstream: "app" }],
      upstreams: { app: { endpoints: [origin.url] } },
      ...changes,
    });
    const stage = await Stage.start(config());
    const load = new Load({ port: stage.port(), clients: 4 });
    try {
      await load.untilMore(20);
      await run(stage, config);
      await load.untilMore(20);
      await load.stop();
      assert.deepEqual(load.failures, [], "the old configuration serves on");
      assert.deepEqual(
        stage.messages.filter(({ level }) => level === "error"),
        [],
      );
      await origin.close();
      await stage.untilEmpty();
    } finally {
      load.abandon();
      await origin.close();
      await stage.close();
    }
  };

  test(`an invalid configuration changes nothing and is explained, ${title}`, () =>
    withStage(async (stage, config) => {
      const before = stage.proxy.addresses();
      const invalid = {
        ...config(),
        listeners: [{ adress: ":8080" }],
        routes: [{ upstream: "ap" }],
      } as unknown as ConfigInput;
      const error = await stage.reload(invalid).then(
        () => null,
        (reason: unknown) => reason,
      );
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, /adress/);
      assert.match(error.message, /did you mean "address"/);
      assert.match(error.message, /no upstream "ap"/);
      assert.match(error.message, /did you mean "app"/);
      assert.deepEqual(stage.proxy.addresses(), before);
      const metrics = await stage.metrics();
      assert.equal(metrics.sum("millrace_config_reloads_total", { result: "failure" }), 1);
      assert.equal(metrics.sum("millrace_config_last_reload_success"), 0);
      // And the way is free for the next.
      await stage.reload(config({ routes: [{ name: "everything", upstream: "app" }] }));
      assert.equal((await stage.metrics()).sum("millrace_config_last_reload_success"), 1);
    }));

  test(`what is no configuration at all is refused in words, ${title}`, () =>
    withStage(async (stage) => {
      for (const value of [{}, { listeners: [] }, { listeners: [null] }])
        await assert.rejects(stage.proxy.reload(value as unknown as ConfigInput), ConfigError);
    }));

  test(`a listener that cannot be bound aborts the whole reload in every thread, ${title}`, () =>
    withStage(async (stage, config) => {
      const holder = createServer();
      holder.listen(0, "127.0.0.1");
      await once(holder, "listening");
      const takenPort = (holder.address() as AddressInfo).port;
      const freePort = await findFreePort();
      const before = stage.proxy.addresses();
      const next = config({
        listeners: [
          { name: "main", address: "127.0.0.1:0" },
          { name: "new", address: `127.0.0.1:${freePort}` },
          { name: "taken", address: `127.0.0.1:${takenPort}` },
        ],
        routes: [{ name: "nothing", respond: { status: 404 } }],
      });
      await assert.rejects(stage.reload(next), { code: "EADDRINUSE", port: takenPort });
      assert.deepEqual(stage.proxy.addresses(), before);
      assert.ok(await isRefused(freePort), "the listener that could be bound is closed again");
      await new Promise((resolve) => holder.close(resolve));
      await stage.reload({ ...next, routes: config().routes });
      assert.equal(await isRefused(freePort), false, "with the port free, the same reload succeeds");
      await stage.reload(config());
      assert.ok(await isRefused(freePort), "a listener that is removed accepts nothing more");
    }));

  test(`an access log that cannot be opened aborts the reload, ${title}`, () =>
    withStage(async (stage, config) => {
      const path = join(stage.folder, "a-folder");
      mkdirSync(path);
      await assert.rejects(
        stage.reload(
          config({ routes: [{ name: "nothing", respond: { status: 404 } }], log: { stats: "0s", access: { path } } }),
        ),
        { code: "EISDIR" },
      );
    }));

  test(`an admin address that is taken aborts the reload, and the old admin listener answers on, ${title}`, () =>
    withStage(async (stage, config) => {
      const holder = createServer();
      holder.listen(0, "127.0.0.1");
      await once(holder, "listening");
      const admin = { address: `127.0.0.1:${(holder.address() as AddressInfo).port}` };
      const before = stage.admin;
      await assert.rejects(stage.reload(config({ admin, routes: [{ name: "nothing", respond: { status: 404 } }] })), {
        code: "EADDRINUSE",
      });
      assert.equal(stage.admin, before);
      assert.equal((await fetch(`${before}/readyz`)).status, 200);
      await new Promise((resolve) => holder.close(resolve));
      await stage.reload(config({ admin }));
      assert.equal(stage.admin, `http://${admin.address}`);
      assert.equal((await fetch(`${stage.admin}/readyz`)).status, 200);
    }));
}
