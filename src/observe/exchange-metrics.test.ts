import assert from "node:assert/strict";
import { test } from "node:test";
import { ExchangeMetrics } from "./exchange-metrics.ts";
import { endedExchange, malformedExchange } from "./testing/ended-exchange.ts";
import { MetricReader } from "./metric-reader.ts";
import { MetricWriter } from "./metric-writer.ts";
import { formatMetrics } from "./prometheus-text.ts";

function setUp() {
  const reader = new MetricReader();
  const metrics = new ExchangeMetrics(new MetricWriter({ onPage: (page) => reader.addPage("a", page) }));
  /** Sample lines that begin with `prefix`, without buckets. */
  const samples = (prefix: string): string[] =>
    formatMetrics(reader.read())
      .split("\n")
      .filter((line) => line.startsWith(prefix) && !line.includes("_bucket"));
  return { metrics, samples };
}

test("an exchange is counted by listener, route, upstream, method and status, with its bytes, durations and attempt", () => {
  const { metrics, samples } = setUp();
  metrics.record(endedExchange({ method: "POST", record: { requestBodyBytes: 10 } }));
  metrics.record(endedExchange({ method: "POST" }));
  assert.deepEqual(samples("millrace_requests_total"), [
    'millrace_requests_total{listener=":8080",route="api",upstream="api",method="POST",code="200"} 2',
  ]);
  assert.deepEqual(samples("millrace_request_bytes"), [
    'millrace_request_bytes_total{listener=":8080",route="api"} 10',
  ]);
  assert.deepEqual(samples("millrace_response_bytes"), [
    'millrace_response_bytes_total{listener=":8080",route="api"} 2468',
  ]);
  assert.deepEqual(samples("millrace_request_duration_seconds_count"), [
    'millrace_request_duration_seconds_count{listener=":8080",route="api"} 2',
  ]);
  assert.deepEqual(samples("millrace_upstream_requests"), [
    'millrace_upstream_requests_total{upstream="api",endpoint="http://127.0.0.1:8081",code="200"} 2',
  ]);
  assert.deepEqual(samples("millrace_upstream_duration_seconds_sum"), [
    'millrace_upstream_duration_seconds_sum{upstream="api",endpoint="http://127.0.0.1:8081"} 0.004',
  ]);
  assert.deepEqual(samples("millrace_rejected"), []);
  assert.deepEqual(samples("millrace_failures"), []);
});

test("methods beyond the known ones are folded into OTHER, however many there are", () => {
  const { metrics, samples } = setUp();
  for (const method of ["BREW", "get", "PROPFIND", "__proto__", "constructor"])
    metrics.record(endedExchange({ method }));
  assert.deepEqual(samples("millrace_requests_total"), [
    'millrace_requests_total{listener=":8080",route="api",upstream="api",method="OTHER",code="200"} 5',
  ]);
});

test("a malformed request is counted under no route and by its reason", () => {
  const { metrics, samples } = setUp();
  metrics.record(malformedExchange());
  assert.deepEqual(samples("millrace_requests_total"), [
    'millrace_requests_total{listener=":8080",route="_none",upstream="_none",method="OTHER",code="400"} 1',
  ]);
  assert.deepEqual(samples("millrace_rejected"), [
    'millrace_rejected_total{listener=":8080",reason="BAD_REQUEST_LINE"} 1',
  ]);
  assert.deepEqual(samples("millrace_upstream_requests"), []);
});

test("upstream faults and vanished clients are failures, not refusals, and name the attempt's outcome", () => {
  const { metrics, samples } = setUp();
  metrics.record(endedExchange({ record: { status: 502, reason: "UPSTREAM_RESET", firstByteMs: -1 } }));
  metrics.record(endedExchange({ record: { status: 499, reason: "CLIENT_GONE", firstByteMs: -1 } }));
  assert.deepEqual(samples("millrace_failures"), [
    'millrace_failures_total{listener=":8080",route="api",upstream="api",reason="UPSTREAM_RESET"} 1',
    'millrace_failures_total{listener=":8080",route="api",upstream="api",reason="CLIENT_GONE"} 1',
  ]);
  assert.deepEqual(samples("millrace_upstream_requests"), [
    'millrace_upstream_requests_total{upstream="api",endpoint="http://127.0.0.1:8081",code="UPSTREAM_RESET"} 1',
    'millrace_upstream_requests_total{upstream="api",endpoint="http://127.0.0.1:8081",code="CLIENT_GONE"} 1',
  ]);
  assert.deepEqual(samples("millrace_upstream_duration_seconds_count"), []);
});

test("a retry counts the failed attempt and the retry", () => {
  const { metrics, samples } = setUp();
  const exchange = endedExchange({ record: { firstByteMs: -1 } });
  metrics.recordRetry(exchange, "UPSTREAM_CONNECT_FAILED");
  exchange.record.endpointName = "http://127.0.0.1:8082";
  metrics.record(exchange);
  assert.deepEqual(samples("millrace_retries"), [
    'millrace_retries_total{upstream="api",reason="UPSTREAM_CONNECT_FAILED"} 1',
  ]);
  assert.deepEqual(samples("millrace_upstream_requests"), [
    'millrace_upstream_requests_total{upstream="api",endpoint="http://127.0.0.1:8081",code="UPSTREAM_CONNECT_FAILED"} 1',
    'millrace_upstream_requests_total{upstream="api",endpoint="http://127.0.0.1:8082",code="200"} 1',
  ]);
});

test("a tunnel's hours do not count as a request's duration", () => {
  const { metrics, samples } = setUp();
  metrics.record(endedExchange({ record: { status: 101, endedMs: 3_600_000 } }));
  assert.deepEqual(samples("millrace_request_duration_seconds_count"), [
    'millrace_request_duration_seconds_count{listener=":8080",route="api"} 0',
  ]);
});

test("routes, upstreams and endpoints are told apart when they alternate", () => {
  const { metrics, samples } = setUp();
  for (let at = 0; at < 10; at++)
    metrics.record(
      endedExchange({
        record: { upstreamName: at % 2 === 0 ? "blue" : "green", routeName: at % 5 === 0 ? "x" : "y" },
      }),
    );
  const byLabels = samples("millrace_requests_total")
    .map((line) => line.replace(/.*route="(\w)",upstream="(\w+)".* (\d+)$/, "$1 $2 $3"))
    .sort();
  assert.deepEqual(byLabels, ["x blue 1", "x green 1", "y blue 4", "y green 4"]);
});

test("a listener's and a tunnel's gauges are the same objects each time", () => {
  const { metrics, samples } = setUp();
  assert.equal(metrics.listener(":80"), metrics.listener(":80"));
  metrics.listener(":80").inFlight.add(2);
  metrics.listener(":80").inFlight.add(-1);
  metrics.tunnels("ws", "api").add(1);
  metrics.tunnels("ws", "api").add(1);
  assert.deepEqual(samples("millrace_requests_in_flight"), ['millrace_requests_in_flight{listener=":80"} 1']);
  assert.deepEqual(samples("millrace_tunnels"), ['millrace_tunnels_open{route="ws",upstream="api"} 2']);
});
