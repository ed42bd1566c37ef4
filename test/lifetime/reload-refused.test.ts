/** Reloads that cannot be: everything stays as it was, in every thread. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ConfigError, type ConfigInput } from "../../src/index.ts";
import { echo } from "../support/endpoint.ts";
import { freePort, isRefused, takenPort } from "../support/free-port.ts";
import { type Harness, testOverProtocols } from "../support/harness.ts";
import type { Load } from "../support/load.ts";
import { modes, type ProxyUnderTest } from "../support/proxy-under-test.ts";

for (const [title, threads] of modes) {
  type ConfigOf = (changes?: Partial<ConfigInput>) => ConfigInput;
  const start = async (harness: Harness): Promise<{ proxy: ProxyUnderTest; config: ConfigOf; load: Load }> => {
    const endpoint = await harness.endpoint(echo("a"));
    const config = (changes: Partial<ConfigInput> = {}): ConfigInput => ({
      workers: threads,
      listeners: [{ name: "main", address: "127.0.0.1:0" }],
      routes: [{ name: "all", upstream: "app" }],
      upstreams: { app: { endpoints: [endpoint.url] } },
      ...changes,
    });
    const proxy = await harness.proxy({ config: config() });
    const load = harness.load({ clients: 4 });
    await load.untilMore(20);
    return { proxy, config, load };
  };
  /** Every request was answered by the old configuration, which serves on. */
  const finish = async (load: Load): Promise<void> => {
    await load.untilMore(20);
    await load.stop();
    assert.deepEqual(load.failures, [], "the old configuration serves on");
  };

  testOverProtocols(`an invalid configuration changes nothing and is explained, ${title}`, async (harness) => {
    const { proxy, config, load } = await start(harness);
    const before = proxy.proxy.addresses();
    const invalid = {
      ...config(),
      listeners: [{ adress: ":8080" }],
      routes: [{ upstream: "ap" }],
    } as unknown as ConfigInput;
    const error = await proxy.reload({ config: invalid }).then(
      () => null,
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof ConfigError);
    assert.match(error.message, /adress/);
    assert.match(error.message, /did you mean "address"/);
    assert.match(error.message, /no upstream "ap"/);
    assert.match(error.message, /did you mean "app"/);
    assert.deepEqual(proxy.proxy.addresses(), before);
    const metrics = await proxy.metrics();
    assert.equal(metrics.sum("millrace_config_reloads_total", { result: "failure" }), 1);
    assert.equal(metrics.sum("millrace_config_last_reload_success"), 0);
    // And the way is free for the next.
    await proxy.reload({ config: config({ routes: [{ name: "everything", upstream: "app" }] }) });
    assert.equal((await proxy.metrics()).sum("millrace_config_last_reload_success"), 1);
    await finish(load);
  });

  testOverProtocols(`what is no configuration at all is refused in words, ${title}`, async (harness) => {
    const { proxy, load } = await start(harness);
    for (const value of [{}, { listeners: [] }, { listeners: [null] }])
      await assert.rejects(proxy.proxy.reload(value as unknown as ConfigInput), ConfigError);
    await finish(load);
  });

  testOverProtocols(
    `a listener that cannot be bound aborts the whole reload in every thread, ${title}`,
    async (harness) => {
      const { proxy, config, load } = await start(harness);
      const taken = await takenPort();
      const port = await freePort();
      const before = proxy.proxy.addresses();
      const next = config({
        listeners: [
          { name: "main", address: "127.0.0.1:0" },
          { name: "new", address: `127.0.0.1:${port}` },
          { name: "taken", address: `127.0.0.1:${taken.port}` },
        ],
        routes: [{ name: "nothing", respond: { status: 404 } }],
      });
      await assert.rejects(proxy.reload({ config: next }), { code: "EADDRINUSE", port: taken.port });
      assert.deepEqual(proxy.proxy.addresses(), before);
      assert.ok(await isRefused(port), "the listener that could be bound is closed again");
      await taken.release();
      await proxy.reload({ config: { ...next, routes: config().routes } });
      assert.equal(await isRefused(port), false, "with the port free, the same reload succeeds");
      await proxy.reload({ config: config() });
      assert.ok(await isRefused(port), "a listener that is removed accepts nothing more");
      await finish(load);
    },
  );

  testOverProtocols(`an access log that cannot be opened aborts the reload, ${title}`, async (harness) => {
    const { proxy, config, load } = await start(harness);
    const path = join(proxy.folder, "a-folder");
    mkdirSync(path);
    await assert.rejects(
      proxy.reload({
        config: config({
          routes: [{ name: "nothing", respond: { status: 404 } }],
          log: { stats: "0s", access: { path } },
        }),
      }),
      { code: "EISDIR" },
    );
    await finish(load);
  });

  testOverProtocols(
    `an admin address that is taken aborts the reload, and the old admin listener answers on, ${title}`,
    async (harness) => {
      const { proxy, config, load } = await start(harness);
      const taken = await takenPort();
      const admin = { address: `127.0.0.1:${taken.port}` };
      const before = proxy.admin;
      await assert.rejects(
        proxy.reload({ config: config({ admin, routes: [{ name: "nothing", respond: { status: 404 } }] }) }),
        {
          code: "EADDRINUSE",
        },
      );
      assert.equal(proxy.admin, before);
      assert.equal((await fetch(`${before}/readyz`)).status, 200);
      await taken.release();
      await proxy.reload({ config: config({ admin }) });
      assert.equal(proxy.admin, `http://${admin.address}`);
      assert.equal((await fetch(`${proxy.admin}/readyz`)).status, 200);
      await finish(load);
    },
  );
}
