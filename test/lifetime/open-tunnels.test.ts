/**
 * A thousand open WebSocket connections live through reloads, also through those that remove the route and the upstream
 * they came by.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { WebSocket, WebSocketServer } from "ws";
import type { ConfigInput } from "../../src/index.ts";
import { testWithHarness } from "../support/harness.ts";
import { eventually } from "../support/signal.ts";
import { modes } from "../support/proxy-under-test.ts";
import { TunnelEndpoint, Tunnels } from "../support/tunnel-endpoint.ts";

const tunnelCount = 1_000;
const reloads = 10;

function configOf(step: number, endpoint: string, workers: number): ConfigInput {
  const isGone = step % 4 === 2;
  return {
    workers,
    listeners: [
      {
        name: "main",
        address: "127.0.0.1:0",
        limits: { headFields: 50 + step },
        timeouts: { keepAlive: `${step + 1}s` },
      },
    ],
    routes: [
      { name: `rest-${step}`, match: { path: "/other" }, respond: { status: 204 } },
      ...(isGone ? [] : [{ name: "tunnels", upstream: "app", timeouts: { total: "1s" } }]),
    ],
    upstreams: isGone ? {} : { app: { endpoints: [endpoint], timeouts: { connect: `${1 + (step >> 1)}s` } } },
  };
}

for (const [title, workers] of modes) {
  testWithHarness(
    `${tunnelCount} tunnels stay open over ${reloads} reloads and end with the proxy, ${title}`,
    async (harness) => {
      const endpoint = await TunnelEndpoint.start();
      harness.atEnd(() => endpoint.close());
      const proxy = await harness.proxy({ config: configOf(0, endpoint.url, workers) });
      const tunnels = await Tunnels.open(proxy.port, tunnelCount);
      harness.endWithClients(() => tunnels.destroy());
      for (let step = 1; step <= reloads; step++) {
        await proxy.reload({ config: configOf(step, endpoint.url, workers) });
        if (step % 4 === 2) await tunnels.echo(`step ${step}`);
      }
      await tunnels.echo("after all");
      assert.equal(tunnels.closedCount, 0);
      assert.equal(endpoint.openCount, tunnelCount);
      const open = await proxy.inspect();
      assert.equal(open.connections, tunnelCount);
      assert.equal(open.upstreamConnections, tunnelCount, "what a reload has retired is still seen");
      assert.equal((await proxy.metrics()).sum("millrace_tunnels_open"), tunnelCount);
      assert.deepEqual(proxy.complaints, []);
      await proxy.proxy.close({ graceMs: 50 });
      await tunnels.untilClosed();
      await eventually(() => endpoint.openCount === 0, "the endpoint's side is closed, too");
    },
  );

  testWithHarness(`tunnels that their clients end leave nothing behind, ${title}`, async (harness) => {
    const endpoint = await TunnelEndpoint.start();
    harness.atEnd(() => endpoint.close());
    const proxy = await harness.proxy({ config: configOf(0, endpoint.url, workers) });
    const tunnels = await Tunnels.open(proxy.port, 20);
    harness.endWithClients(() => tunnels.destroy());
    await proxy.reload({ config: configOf(2, endpoint.url, workers) });
    await tunnels.echo("once more");
    tunnels.destroy();
    await eventually(() => endpoint.openCount === 0, "the endpoint's side is closed, too");
  });

  testWithHarness(`a real WebSocket client and server keep talking over reloads, ${title}`, async (harness) => {
    const origin = await harness.origin(() => {});
    const server = new WebSocketServer({ server: origin.server });
    server.on("connection", (socket) => socket.on("message", (data) => socket.send(`echo ${String(data)}`)));
    const proxy = await harness.proxy({ config: configOf(0, origin.url, workers) });
    const clients = Array.from({ length: 3 }, () => new WebSocket(`ws://127.0.0.1:${proxy.port}/`));
    harness.endWithClients(() => clients.forEach((client) => client.terminate()));
    await Promise.all(clients.map((client) => once(client, "open")));
    for (let step = 1; step <= reloads; step++) {
      await proxy.reload({ config: configOf(step, origin.url, workers) });
      await Promise.all(
        clients.map(async (client) => {
          client.send(`step ${step}`);
          const [data] = (await once(client, "message")) as [Buffer];
          assert.equal(String(data), `echo step ${step}`);
        }),
      );
    }
    await Promise.all(
      clients.map((client) => {
        client.close(1000);
        return once(client, "close");
      }),
    );
  });
}
