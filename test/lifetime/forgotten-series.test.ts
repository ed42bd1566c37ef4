/** Metrics through many reloads that change endpoints, routes and listeners: they name what there is, and no more. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { createProxy } from "../../src/index.ts";
import { MetricsPage } from "../support/metrics-page.ts";

for (const workers of [0, 2]) {
  test(`a scrape is as large after many reloads as after one, with ${workers} threads`, async (t) => {
    const server = createServer((_, response) => response.end("ok")).listen(0, "0.0.0.0");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const configOf = (round: number): Parameters<typeof createProxy>[0] => ({
      workers,
      admin: { address: "127.0.0.1:0" },
      listeners: [{ address: "127.0.0.1:0", name: `listener-${round}` }],
      routes: [{ name: `route-${round}`, match: {}, upstream: `app-${round}` }],
      // Loopback addresses of all endpoints lead to one server.
      upstreams: {
        [`app-${round}`]: {
          endpoints: Array.from({ length: 3 }, (_, at) => `http://127.0.${round}.${at + 1}:${port}`),
          health: { path: "/", interval: "1h" },
        },
      },
      log: { stats: "0s" },
    });
    const proxy = await createProxy(configOf(0));
    t.after(async () => {
      await proxy.close({ graceMs: 0 });
      server.close();
      server.closeAllConnections();
    });
    await proxy.listen();
    const lines: number[] = [];
    for (let round = 0; round < 12; round++) {
      if (round > 0) await proxy.reload(configOf(round));
      const proxyPort = proxy.addresses()[0]!.port;
      for (let count = 0; count < 6; count++)
        assert.equal((await fetch(`http://127.0.0.1:${proxyPort}/`, { headers: { connection: "close" } })).status, 200);
      const text = await (await fetch(`http://${proxy.adminAddress()}/metrics`)).text();
      lines.push(text.split("\n").length);
      for (const name of ["listener", "route", "app"]) {
        const named = new Set(
          Array.from(text.matchAll(new RegExp(`"${name}-(\\d+)"`, "g")), ([, number]) => Number(number)),
        );
        assert.deepEqual([...named], [round], `only ${name}-${round} is named`);
      }
    }
    const page = await MetricsPage.of(`http://${proxy.adminAddress()}`);
    assert.ok(page.sum("millrace_requests_total") > 0);
    assert.ok(Math.max(...lines.slice(2)) <= lines[1]! * 1.5, `lines of the scrapes: ${lines.join(" ")}`);
  });
}
