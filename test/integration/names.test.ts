/**
 * Endpoints with names: several addresses, addresses that change, that swallow connections, and name servers that fail
 * or are silent.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { interceptConnections } from "../support/dialled-sockets.ts";
import { type Harness, testOverProtocols } from "../support/harness.ts";
import { type Entry, NameServer } from "../support/name-server.ts";
import { modes, type ProxyUnderTest } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";
import { startSites as startServers } from "../support/sites.ts";

/** Servers on one port of several loopback addresses, each of which answers with its address. */
async function startSites(harness: Harness, ...addresses: string[]): Promise<number> {
  const sites = await startServers(
    (address) => createServer({ keepAliveTimeout: 60_000 }, (_request, response) => response.end(address)),
    ...addresses,
  );
  harness.atEnd(() => sites.close());
  return sites.port;
}

interface World {
  readonly names: NameServer;
  readonly proxy: ProxyUnderTest;
  /** Sends a request on the one connection to the proxy. @returns status and body */
  get(): Promise<[status: number, body: string]>;
}

/** A proxy on a machine whose resolv.conf names the test's name server. */
async function start(
  harness: Harness,
  { zone, upstream, threads = 0 }: { zone: Record<string, Entry>; upstream: Record<string, unknown>; threads?: number },
): Promise<World> {
  const names = await NameServer.start(zone);
  harness.atEnd(() => names.close());
  const before = process.env["MILLRACE_RESOLV_CONF"];
  const proxy = await harness.proxy((folder) => {
    const path = join(folder, "resolv.conf");
    writeFileSync(path, `nameserver ${names.address}\noptions timeout:1 attempts:1\n`);
    process.env["MILLRACE_RESOLV_CONF"] = path;
    return { threads, config: { upstreams: { app: upstream } } };
  });
  if (before === undefined) delete process.env["MILLRACE_RESOLV_CONF"];
  else process.env["MILLRACE_RESOLV_CONF"] = before;
  const client = await harness.speaker();
  return {
    names,
    proxy,
    async get() {
      const { status, text } = await client.ask();
      return [status, text];
    },
  };
}

/** Bodies of `count` requests, one after the other, without repetitions. */
async function answersOf({ get }: World, count: number): Promise<string[]> {
  const bodies = new Set<string>();
  for (let at = 0; at < count; at++) bodies.add((await get())[1]);
  return [...bodies].sort();
}

for (const [title, threads] of modes) {
  testOverProtocols(
    `all addresses of a name serve, and others take their place while traffic flows, ${title}`,
    async (harness) => {
      const port = await startSites(harness, "127.0.0.1", "127.0.0.2", "127.0.0.3");
      const world = await start(harness, {
        threads,
        zone: { "api.test": { a: ["127.0.0.1", "127.0.0.2"], ttl: 1 } },
        upstream: { endpoints: [`http://api.test:${port}`], health: { path: "/", interval: "1s" } },
      });
      assert.deepEqual(await answersOf(world, 10), ["127.0.0.1", "127.0.0.2"]);
      const { upstreamConnections } = await world.proxy.inspect();
      await answersOf(world, 10);
      assert.equal(
        (await world.proxy.inspect()).upstreamConnections,
        upstreamConnections,
        "connections are used again",
      );
      world.names.zone.set("api.test", { a: ["127.0.0.3"], ttl: 1 });
      await eventually(async () => (await world.get())[1] === "127.0.0.3", "the new address serves");
      assert.deepEqual(await answersOf(world, 10), ["127.0.0.3"]);
      await eventually(
        async () => (await world.proxy.inspect()).upstreamConnections === 1,
        "the connections to the old ones are closed",
      );
    },
  );
}

testOverProtocols(
  "addresses stay in use when the name server fails, has no such name any more, or is silent",
  async (harness) => {
    const port = await startSites(harness, "127.0.0.1");
    const world = await start(harness, {
      zone: { "api.test": { a: ["127.0.0.1"], ttl: 1 } },
      upstream: { endpoints: [`http://api.test:${port}`], pool: { maxIdle: 0 } },
    });
    assert.deepEqual(await world.get(), [200, "127.0.0.1"]);
    for (const failure of [2, 3, "silent"] as const) {
      world.names.zone.set("api.test", { failure });
      const before = world.names.asked.length;
      await eventually(async () => {
        assert.deepEqual(await world.get(), [200, "127.0.0.1"], String(failure));
        return world.names.asked.length > before + 2;
      }, "the name server was asked again");
    }
    const metrics = await world.proxy.metrics();
    const { success = 0, failure = 0 } = metrics.by("millrace_name_lookups_total", "result");
    assert.ok(success >= 1 && failure >= 3, `${success} and ${failure}`);
    const warnings = world.proxy.messages.filter(({ message }) => message === "a name cannot be resolved");
    assert.deepEqual(
      [warnings[0]?.level, warnings[0]?.fields["name"], warnings[0]?.fields["lastAddressesServe"]],
      ["warn", "api.test", true],
    );
  },
);

testOverProtocols(
  "a silent name server costs no more than timeouts.connect, and the request goes elsewhere",
  async (harness) => {
    const port = await startSites(harness, "127.0.0.1");
    const silent = { "api.test": { failure: "silent" } } as const;
    const alone = await start(harness, {
      zone: silent,
      upstream: { endpoints: [`http://api.test:${port}`], timeouts: { connect: "300ms" }, retry: { attempts: 0 } },
    });
    const [status, body] = await alone.get();
    assert.deepEqual([status, /UPSTREAM_DNS_TIMEOUT/.test(body)], [504, true]);
    const beside = await start(harness, {
      zone: silent,
      upstream: { endpoints: [`http://api.test:${port}`, `http://127.0.0.1:${port}`], timeouts: { connect: "300ms" } },
    });
    for (let at = 0; at < 4; at++) assert.deepEqual(await beside.get(), [200, "127.0.0.1"]);
  },
);

testOverProtocols(
  "an address that swallows connections holds up one request, not every one",
  async (harness, context) => {
    const port = await startSites(harness, "127.0.0.1", "127.0.0.2");
    let swallowed = 0;
    interceptConnections(context, (_socket, target) => {
      const isSwallowed = "host" in target && target.host === "127.0.0.2";
      if (isSwallowed) swallowed++;
      return isSwallowed;
    });
    const world = await start(harness, {
      zone: { "api.test": { a: ["127.0.0.1", "127.0.0.2"] } },
      upstream: { endpoints: [`http://api.test:${port}`], pool: { maxIdle: 0 } },
    });
    assert.deepEqual(await answersOf(world, 20), ["127.0.0.1"]);
    assert.equal(swallowed, 1);
    await world.proxy.untilOpen(
      ({ upstreamConnections }) => upstreamConnections === 0,
      "the attempt that was too slow is given up",
    );
  },
);
