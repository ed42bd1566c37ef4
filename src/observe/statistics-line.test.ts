import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../base/clock.ts";
import { ExchangeMetrics } from "./exchange-metrics.ts";
import { families } from "./families.ts";
import { latencyBounds } from "./metric-family.ts";
import { MetricReader } from "./metric-reader.ts";
import { MetricWriter } from "./metric-writer.ts";
import { estimateQuantile } from "./quantile.ts";
import { type Statistics, StatisticsLine } from "./statistics-line.ts";
import { endedExchange } from "./testing/ended-exchange.ts";

function setUp() {
  const clock = new ManualClock();
  const reader = new MetricReader();
  const writer = new MetricWriter({ onPage: (page) => reader.addPage("a", page) });
  const lines: string[] = [];
  const all: Statistics[] = [];
  const statistics = new StatisticsLine({
    reader,
    intervalMs: 5_000,
    clock,
    write: (line, numbers) => {
      lines.push(line);
      all.push(numbers);
    },
  });
  return { clock, reader, writer, metrics: new ExchangeMetrics(writer), lines, all, statistics };
}

test("an interval without traffic has no line, and does not count in the next", () => {
  const { clock, metrics, lines, all, statistics } = setUp();
  for (const requests of [0, 1, 0, 0, 1]) {
    if (requests > 0) metrics.record(endedExchange());
    clock.advance(5_000);
    statistics.print();
  }
  const line = "stats requests=1 errors=0 req/s=0.2 avg=4.12ms p99=4.97ms in_flight=0 connections=0\n";
  assert.deepEqual(lines, [line, line]);
  assert.deepEqual(all[0], {
    requests: 1,
    errors: 0,
    requestsPerSecond: 0.2,
    averageMs: 4.123,
    p99Ms: 4.975,
    inFlight: 0,
    connections: 0,
  });
});

test("exchanges that begin and do not end are traffic; those that go on are not", () => {
  const { clock, metrics, lines, statistics } = setUp();
  for (const change of [1, 0, -1, 0]) {
    metrics.listener(":80").inFlight.add(change);
    clock.advance(5_000);
    statistics.print();
  }
  assert.deepEqual(lines, [
    "stats requests=0 errors=0 req/s=0.0 avg=- p99=- in_flight=1 connections=0\n",
    "stats requests=0 errors=0 req/s=0.0 avg=- p99=- in_flight=0 connections=0\n",
  ]);
});

test("a line tells the difference to the line before, and the gauges as they stand", () => {
  const { clock, metrics, lines, statistics } = setUp();
  for (let at = 0; at < 10; at++) metrics.record(endedExchange());
  statistics.print();
  metrics.listener(":8080").inFlight.add(3);
  metrics.listener(":8080").connections.add(64);
  for (let at = 0; at < 99; at++) metrics.record(endedExchange({ record: { endedMs: 1000.2 } }));
  for (const status of [500, 504])
    metrics.record(endedExchange({ record: { status, reason: "UPSTREAM_RESET", endedMs: 3000 } }));
  metrics.record(endedExchange({ record: { status: 404 } }));
  clock.advance(10_000);
  statistics.print();
  assert.equal(lines[1], "stats requests=102 errors=2 req/s=10.2 avg=39.5ms p99=1.74s in_flight=3 connections=64\n");
});

test("a method or route that looks like a status does not count as an error", () => {
  const { clock, metrics, lines, statistics } = setUp();
  metrics.record(endedExchange({ record: { routeName: 'x,code="500"', upstreamName: 'code="500"' } }));
  clock.advance(1_000);
  statistics.print();
  assert.match(lines[0] ?? "", /requests=1 errors=0 /);
});

test("what a dead thread counted does not count twice or negatively", () => {
  const { clock, reader, metrics, lines, statistics } = setUp();
  metrics.record(endedExchange());
  statistics.print();
  reader.retire("a");
  new ExchangeMetrics(new MetricWriter({ onPage: (page) => reader.addPage("b", page) })).record(endedExchange());
  clock.advance(1_000);
  statistics.print();
  assert.match(lines[1] ?? "", /requests=1 errors=0 /);
});

test("a started line ends with close", (context) => {
  context.mock.timers.enable({ apis: ["setInterval"] });
  const { metrics, lines, statistics } = setUp();
  metrics.record(endedExchange());
  statistics.start();
  statistics.start();
  context.mock.timers.tick(5_000);
  metrics.record(endedExchange());
  context.mock.timers.tick(5_000);
  statistics.close();
  metrics.record(endedExchange());
  context.mock.timers.tick(10_000);
  assert.equal(lines.length, 2);
});

for (const [counts, quantile, expected] of [
  [[0, 0, 0], 0.99, null],
  [[10, 0, 0], 0.5, 0.5],
  [[10, 10, 0], 0.5, 1],
  [[10, 10, 0], 0.75, 1.5],
  [[0, 10, 0], 0, 1],
  [[0, 0, 5], 0.5, 2],
  [[99, 0, 1], 0.99, 1],
] as const) {
  test(`the ${quantile} quantile of ${JSON.stringify(counts)} in buckets up to 1, 2 and beyond is ${expected}`, () =>
    assert.equal(estimateQuantile([1, 2], counts, quantile), expected));
}

test("quantiles of a known distribution are right to within a bucket", () => {
  const { reader, writer } = setUp();
  const histogram = writer.histogram(families.requestDuration, ["l", "r"]);
  for (let ms = 1; ms <= 1000; ms++) histogram.observe(ms / 1000);
  const counts = reader.total(families.requestDuration).subarray(0, latencyBounds.length + 1);
  for (const quantile of [0.1, 0.5, 0.9, 0.99]) {
    const estimate = estimateQuantile(latencyBounds, counts, quantile) ?? 0;
    assert.ok(Math.abs(estimate - quantile) < 0.002, `${quantile}: ${estimate}`);
  }
});
