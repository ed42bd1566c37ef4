/**
 * What a local rate limit costs a request that passes, field lines included: nanoseconds, for few and for many clients
 * (budget: well below 1 µs). Run: node bench/micro/rate-limit.ts
 */
import { SharedMemory } from "../../src/base/shared-memory.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import { type ClientSide, Exchange, type ExchangeOrigin } from "../../src/http/exchange.ts";
import { RequestHead } from "../../src/http/message.ts";
import type { MiddlewareContext } from "../../src/middleware/middleware.ts";
import { createRateLimit } from "../../src/middleware/rate-limit/rate-limit.ts";
import { silentLogger } from "../../src/observe/logger.ts";
import { MetricWriter } from "../../src/observe/metric-writer.ts";

const writer = new MetricWriter({ onPage: () => {} });
const memory = new SharedMemory();

function measure(name: string, addresses: readonly string[]): void {
  const context = {
    routeName: name,
    ordinal: 0,
    wheel: new TimerWheel(),
    memory,
    stripeIndex: 0,
    stripes: 1,
    metrics: writer,
    logger: silentLogger,
  } as unknown as MiddlewareContext;
  let passed = 0;
  const answer = createRateLimit(
    {
      name: null,
      rate: { count: 1e9, perMs: 1000 },
      burst: 1e9,
      key: "clientIp",
      store: "local",
      onStoreFailure: "open",
      dryRun: false,
      maxKeys: 65_536,
    },
    context,
  )(() => {
    passed++;
  });
  const request = new RequestHead();
  const origins = addresses.map(
    (peerAddress): ExchangeOrigin => ({ listenerName: ":8080", scheme: "http", peerAddress, peerPort: 1 }),
  );
  // An exchange each: its filter is a part of what a limit costs.
  const run = (count: number): void => {
    for (let at = 0; at < count; at++)
      answer(new Exchange(request, null as unknown as ClientSide, origins[at % origins.length]!));
  };
  run(200_000);
  let best = Infinity;
  for (let round = 0; round < 5; round++) {
    const start = process.hrtime.bigint();
    run(400_000);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / 400_000);
  }
  if (passed === 0) throw new Error("nothing passed");
  console.log(`${name.padEnd(40)} ${best.toFixed(1).padStart(8)} ns`);
}

measure("one client", ["127.0.0.1"]);
measure(
  "10,000 clients",
  Array.from({ length: 10_000 }, (_, at) => `10.0.${at >> 8}.${at & 255}`),
);
measure(
  "10,000 clients, IPv6",
  Array.from({ length: 10_000 }, (_, at) => `2001:db8:${at.toString(16)}::1`),
);
