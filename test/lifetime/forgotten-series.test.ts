/** Metrics through many reloads that change endpoints, routes and listeners: they name what there is, and no more. */
import assert from "node:assert/strict";
import { testOverProtocols } from "../support/harness.ts";
import { modes, type ProxyOptions } from "../support/proxy-under-test.ts";

const rounds = 12;

for (const [title, threads] of modes) {
  testOverProtocols(`a scrape is as large after many reloads as after one, ${title}`, async (harness) => {
    const endpoints = await harness.endpoints(3 * rounds);
    const optionsOf = (round: number): ProxyOptions => ({
      threads,
      listener: { name: `listener-${round}` },
      routes: [{ name: `route-${round}`, match: {}, upstream: `app-${round}` }],
      config: {
        upstreams: {
          [`app-${round}`]: {
            endpoints: endpoints.slice(3 * round, 3 * round + 3).map(({ url }) => url),
            health: { path: "/", interval: "1h" },
          },
        },
      },
    });
    const proxy = await harness.proxy(optionsOf(0));
    const lines: number[] = [];
    for (let round = 0; round < rounds; round++) {
      if (round > 0) await proxy.reload(optionsOf(round));
      for (let count = 0; count < 6; count++) assert.equal((await harness.ask()).status, 200);
      const text = await (await fetch(`${proxy.admin}/metrics`)).text();
      lines.push(text.split("\n").length);
      for (const name of ["listener", "route", "app"]) {
        const named = new Set(
          Array.from(text.matchAll(new RegExp(`"${name}-(\\d+)"`, "g")), ([, number]) => Number(number)),
        );
        assert.deepEqual([...named], [round], `only ${name}-${round} is named`);
      }
    }
    assert.ok((await proxy.metrics()).sum("millrace_requests_total") > 0);
    assert.ok(Math.max(...lines.slice(2)) <= lines[1]! * 1.5, `lines of the scrapes: ${lines.join(" ")}`);
  });
}
