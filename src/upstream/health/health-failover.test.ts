/**
 * Health checks with everything real: endpoints that die and return, checks over sockets, and a proxy thread's upstream
 * that follows.
 */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { systemScheduler } from "../../base/scheduler.ts";
import { SharedMemory } from "../../base/shared-memory.ts";
import { EndpointState } from "../endpoint-state.ts";
import type { HealthOptions } from "../health-options.ts";
import { HostResolver } from "../names/host-resolver.ts";
import { toLookupFunction } from "../names/lookup-function.ts";
import { UpstreamState } from "../upstream-state.ts";
import { Upstream } from "../upstream.ts";
import { HealthChecker } from "./health-checker.ts";
import { createHttpProbe } from "./http-probe.ts";
import { idleTransport, specAt } from "../testing/endpoints.ts";

const options: HealthOptions = {
  path: "/health",
  host: null,
  tcp: null,
  interval: 20,
  fastInterval: 10,
  timeout: 5_000,
  rise: 2,
  initial: "healthy",
  fall: 2,
  jitter: 0.2,
  expect: [{ from: 200, to: 200 }],
};

async function listen(port: number, status: () => number): Promise<Server> {
  const server = createServer((request, response) => {
    response.writeHead(request.url === "/health" ? status() : 500);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return server;
}

const stop = (server: Server): Promise<unknown> =>
  new Promise((resolve) => (server.close(resolve), server.closeAllConnections()));

test("an endpoint that dies leaves the rotation and returns; with nobody left there is nobody to pick", async (context) => {
  let status = 200;
  const servers = [await listen(0, () => 200), await listen(0, () => status)];
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  const specs = ports.map((port) => specAt(port, { url: `http://localhost:${port}`, host: "localhost" }));
  const memory = new SharedMemory();
  const shared = UpstreamState.open(memory, "api");
  const resolver = new HostResolver();
  let onChange = (): void => {};
  const checker = new HealthChecker({
    probe: createHttpProbe(systemScheduler, toLookupFunction(resolver)),
    onChange: () => onChange(),
  });
  context.after(async () => {
    checker.close();
    resolver.close();
    await Promise.all(servers.map(stop));
  });
  checker.update(
    specs.map((endpoint) => ({
      upstream: "api",
      endpoint,
      options,
      state: EndpointState.open(memory, {
        upstreamName: "api",
        url: endpoint.url,
        stripeIndex: -1,
        stripes: 1,
        upstream: shared,
      }),
    })),
  );

  const upstream = new Upstream({
    name: "api",
    endpoints: specs,
    balance: "round-robin",
    memory,
    stripeIndex: 0,
    stripes: 1,
    openTransport: idleTransport,
  });
  const picked = (): string =>
    [...new Set(Array.from({ length: 4 }, () => String(upstream.pick({ key: null, tried: [] })?.spec.port)))]
      .sort()
      .join();
  /** Waits for the next change of health, then says who is picked. */
  const afterChange = (cause: () => unknown): Promise<string> =>
    new Promise((resolve) => {
      onChange = () => resolve(picked());
      void cause();
    });

  await checker.firstRoundDone;
  assert.equal(picked(), ports.map(String).sort().join());
  assert.equal(await afterChange(() => stop(servers[0]!)), String(ports[1]));
  assert.equal(await afterChange(() => (status = 503)), "undefined");
  assert.equal(await afterChange(async () => (servers[0] = await listen(ports[0]!, () => 200))), String(ports[0]));
  assert.equal(await afterChange(() => (status = 200)), ports.map(String).sort().join());
  assert.deepEqual(
    checker.status().map((one) => [one.health, one.lastCheck?.reason]),
    [
      ["healthy", "status 200"],
      ["healthy", "status 200"],
    ],
  );
});
