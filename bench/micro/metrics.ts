/**
 * What counting costs: nanoseconds for `Counter.add`, `Histogram.observe`, and `ExchangeMetrics.record` of one exchange
 * (budget: 150 ns). Run: node bench/micro/metrics.ts
 */
import { type ClientSide, Exchange } from "../../src/http/exchange.ts";
import { RequestHead } from "../../src/http/message.ts";
import { ExchangeMetrics } from "../../src/observe/exchange-metrics.ts";
import { families } from "../../src/observe/families.ts";
import { MetricReader } from "../../src/observe/metric-reader.ts";
import { MetricWriter } from "../../src/observe/metric-writer.ts";

const reader = new MetricReader();
const writer = new MetricWriter({ onPage: (page) => reader.addPage("bench", page) });

function measure(name: string, iterations: number, run: (iterations: number) => void): void {
  run(iterations / 10);
  let best = Infinity;
  for (let round = 0; round < 5; round++) {
    const start = process.hrtime.bigint();
    run(iterations);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / iterations);
  }
  console.log(`${name.padEnd(40)} ${best.toFixed(1).padStart(8)} ns`);
}

const counter = writer.counter(families.configReloads, ["success"]);
measure("Counter.add", 5e6, (iterations) => {
  for (let at = 0; at < iterations; at++) counter.add(1);
});

const histogram = writer.histogram(families.requestDuration, ["bench", "bench"]);
measure("Histogram.observe (up to 3 ms)", 5e6, (iterations) => {
  for (let at = 0; at < iterations; at++) histogram.observe((at % 30) / 10_000);
});

const metrics = new ExchangeMetrics(writer);
const exchanges = Array.from({ length: 256 }, (_, at) => {
  const request = new RequestHead();
  // Sliced from a longer string, as a parser does.
  request.method = (at % 8 === 0 ? "POST /some/long/target HTTP/1.1" : "GET /some/long/target HTTP/1.1").slice(
    0,
    at % 8 === 0 ? 4 : 3,
  );
  const exchange = new Exchange(request, null as unknown as ClientSide, {
    listenerName: ":8080",
    scheme: "http",
    peerAddress: "127.0.0.1",
    peerPort: 1,
  });
  exchange.record.routeName = at % 2 === 0 ? "api" : "web";
  exchange.record.upstreamName = exchange.record.routeName;
  exchange.record.endpointName = `http://127.0.0.1:${8080 + (at % 4)}`;
  exchange.record.status = at % 16 === 0 ? 404 : 200;
  exchange.record.attempts = 1;
  exchange.record.startedMs = 1000;
  exchange.record.attemptStartedMs = 1000.1;
  exchange.record.firstByteMs = 1000.4;
  exchange.record.endedMs = 1000.5 + at / 100;
  exchange.record.responseBodyBytes = 100;
  return exchange;
});
measure("ExchangeMetrics.record", 2e6, (iterations) => {
  for (let at = 0; at < iterations; at++) metrics.record(exchanges[at & 255]!);
});
measure("MetricReader.read", 2000, (iterations) => {
  for (let at = 0; at < iterations; at++) reader.read();
});
