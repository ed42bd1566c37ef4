/**
 * Route look-up among 10,000 routes: 500 exact hosts, 100 wildcard hosts, exact paths and prefixes below each, one
 * route in ten with a header condition. Every request brings new strings, as traffic does: a string seen before would
 * bring its hash along. `node bench/micro/route-lookup.ts` runs it alone.
 */
import type { Samples } from "../macro/results.ts";
import { median } from "../macro/statistics.ts";
import { exchangeAround } from "../../src/http/testing/exchange-around.ts";
import type { Exchange } from "../../src/http/exchange.ts";
import type { RouteSpec } from "../../src/route/router.ts";
import { seededRandom } from "../../src/base/random.ts";

const routeCount = 10_000;
const requestCount = 20_000;
/**
 * Requests made and then looked up together: few enough that they are still in the processor's cache, as one that was
 * just parsed is.
 */
const batchSize = 200;
/** Until the engine's last compiler is through with it; seen in the figures, which fall for about ten rounds. */
const warmUpRounds = 20;

/** Microseconds per look-up, one value a round; the first passes, in which the engine compiles, are not counted. */
export async function measureRouteLookup(rounds: number): Promise<Samples> {
  // Loaded here, so that the rest of the benchmark runs without it.
  const { Router } = await import("../../src/route/router.ts");
  const specs = makeRoutes();
  const router = Router.of(specs);
  const values: number[] = [];
  const random = seededRandom(1);
  for (let round = -warmUpRounds; round < rounds; round++) {
    let elapsedUs = 0;
    for (let done = 0; done < requestCount; done += batchSize) {
      const requests = Array.from({ length: batchSize }, () => makeRequest(Math.floor(random() * routeCount)));
      let found = 0;
      const started = performance.now();
      for (const { exchange, route } of requests) if (router.match(exchange) === route) found++;
      elapsedUs += (performance.now() - started) * 1000;
      if (found !== batchSize) throw new Error(`${batchSize - found} of ${batchSize} requests took the wrong route`);
    }
    if (round >= 0) values.push(elapsedUs / requestCount);
  }
  return { values };
}

function hostOf(route: number): { pattern: string; name: string } {
  const host = route % 600;
  return host < 500
    ? { pattern: `host-${host}.example.com`, name: `host-${host}.example.com` }
    : { pattern: `*.zone-${host}.example.com`, name: `a.zone-${host}.example.com` };
}

function makeRoutes(): RouteSpec<number>[] {
  return Array.from({ length: routeCount }, (_, route) => ({
    name: `route-${route}`,
    value: route,
    match: {
      host: [hostOf(route).pattern],
      path: route % 2 === 0 ? `/api/v1/service-${route}/*` : `/static/asset-${route}.js`,
      ...(route % 10 === 0 ? { header: { "x-canary": "1" } } : {}),
    },
  }));
}

function makeRequest(route: number): { exchange: Exchange; route: number } {
  const path = route % 2 === 0 ? `/api/v1/service-${route}/orders/17` : `/static/asset-${route}.js`;
  return {
    route,
    exchange: exchangeAround({
      method: "GET",
      host: newString(hostOf(route).name),
      path: newString(path),
      keptFields: "Accept: */*\r\nx-canary: 1\r\n",
    }),
  };
}

/** The same text as a string of its own, flat and not yet hashed. */
function newString(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}

if (import.meta.main) {
  const { values } = await measureRouteLookup(15);
  console.log(
    `look-up among ${routeCount} routes: ${median(values).toFixed(3)} µs (${Math.min(...values).toFixed(3)} to ${Math.max(...values).toFixed(3)})`,
  );
}
