/**
 * Nanoseconds a route look-up takes among 10, 1,000 and 10,000 routes. Prints only; run it on a quiet machine.
 * Usage: node bench/micro/router.ts
 */
import assert from "node:assert/strict";
import { RequestHead } from "../../src/http/message.ts";
import { parseTarget } from "../../src/http/target.ts";
import { exchangeAround } from "../../src/http/testing/exchange-around.ts";
import { Router, type RouteSpec } from "../../src/route/router.ts";

const clientIp = "192.0.2.1";

/**
 * Half of the routes by host, half by path under a few shared hosts, as gateways have them; each tenth asks for a
 * method as well.
 */
function specsOf(count: number): RouteSpec<number>[] {
  return Array.from({ length: count }, (_, at) => {
    const host =
      at % 4 === 0
        ? `tenant-${at}.example.com`
        : at % 4 === 1
          ? `*.tenant-${at}.example.com`
          : `api-${at % 7}.example.com`;
    const path = at % 4 < 2 ? "/*" : `/v1/service-${at}/${at % 3 === 0 ? "status" : "*"}`;
    return {
      name: `route-${at}`,
      match: { host: [host], path, ...(at % 10 === 0 ? { method: ["GET"] } : {}) },
      value: at,
    };
  });
}

/**
 * Requests that each take the route of the same number, with heads cut out of a longer string as the parser does it.
 */
function requestFor(spec: RouteSpec<number>): RequestHead {
  const head = new RequestHead();
  head.method = "GET";
  const host = (spec.match?.host?.[0] ?? "").replace("*", "eu.west");
  const target = (spec.match?.path ?? "").replace("*", "users/12345?sort=name");
  const text = `GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
  assert.equal(parseTarget("GET", text.slice(4, 4 + target.length), head), null);
  head.host = text.slice(text.indexOf("Host: ") + 6, -4);
  return head;
}

for (const count of [10, 1_000, 10_000]) {
  const specs = specsOf(count);
  const started = performance.now();
  const router = Router.of(specs);
  const buildMs = performance.now() - started;
  const sample = specs.filter((_, at) => at % Math.max(1, Math.floor(count / 500)) === 0);
  for (const spec of sample) assert.equal(router.match(exchangeAround(requestFor(spec), { clientIp })), spec.value);
  const rounds: number[] = [];
  for (let round = 0; round < 15; round++) {
    // Fresh strings each round: a string remembers its hash, and requests never share strings.
    const requests = Array.from({ length: Math.ceil(5_000 / sample.length) }, () =>
      sample.map((spec) => exchangeAround(requestFor(spec), { clientIp })),
    ).flat();
    const begin = process.hrtime.bigint();
    let sum = 0;
    for (const exchange of requests) sum += Number(router.match(exchange));
    const ns = Number(process.hrtime.bigint() - begin) / requests.length;
    assert.ok(sum >= 0);
    rounds.push(ns);
  }
  rounds.sort((a, b) => a - b);
  console.log(
    `${String(count).padStart(6)} routes: ${(rounds[7] ?? 0).toFixed(0).padStart(5)} ns a match (median), ${(rounds[0] ?? 0).toFixed(0)} ns (best); built in ${buildMs.toFixed(1)} ms`,
  );
}
