import assert from "node:assert/strict";
import { test } from "node:test";
import { families } from "./families.ts";
import { createPageBuffer, PageReader, PageWriter, SeriesType } from "./metric-page.ts";
import { MetricReader } from "./metric-reader.ts";
import { MetricWriter } from "./metric-writer.ts";
import { decideExpositionFormat, formatMetrics } from "./prometheus-text.ts";

/** A reader and writers that feed it. */
function setUp() {
  const reader = new MetricReader();
  const pages: SharedArrayBuffer[] = [];
  const writer = (source: string, limits: { pageBytes?: number; maxSeries?: number } = {}): MetricWriter =>
    new MetricWriter({
      ...limits,
      onPage: (page) => {
        pages.push(page);
        reader.addPage(source, page);
      },
    });
  return { reader, writer, pages };
}

const exposition = (reader: MetricReader): string => formatMetrics(reader.read());

/** Sample lines only. */
const samples = (reader: MetricReader): string[] =>
  exposition(reader)
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));

test("counters, gauges and histograms of several threads are added up", () => {
  const { reader, writer } = setUp();
  for (const [source, amount] of [
    ["a", 2],
    ["b", 3],
  ] as const) {
    const one = writer(source);
    one.counter(families.retries, ["api", "UPSTREAM_RESET"]).add(amount);
    one.gauge(families.connections, [":80"]).set(amount * 10);
    one.histogram(families.upstreamDuration, ["api", "e1"]).observe(amount === 2 ? 0.0004 : 99);
  }
  const lines = samples(reader);
  assert.ok(lines.includes('millrace_retries_total{upstream="api",reason="UPSTREAM_RESET"} 5'));
  assert.ok(lines.includes('millrace_connections{listener=":80"} 50'));
  assert.ok(lines.includes('millrace_upstream_duration_seconds_bucket{upstream="api",endpoint="e1",le="0.00025"} 0'));
  assert.ok(lines.includes('millrace_upstream_duration_seconds_bucket{upstream="api",endpoint="e1",le="0.0005"} 1'));
  assert.ok(lines.includes('millrace_upstream_duration_seconds_bucket{upstream="api",endpoint="e1",le="10.0"} 1'));
  assert.ok(lines.includes('millrace_upstream_duration_seconds_bucket{upstream="api",endpoint="e1",le="+Inf"} 2'));
  assert.ok(lines.includes('millrace_upstream_duration_seconds_sum{upstream="api",endpoint="e1"} 99.0004'));
  assert.ok(lines.includes('millrace_upstream_duration_seconds_count{upstream="api",endpoint="e1"} 2'));
});

test("an observation equal to a bound falls into that bound's bucket", () => {
  const { reader, writer } = setUp();
  writer("a").histogram(families.requestDuration, ["l", "r"]).observe(0.001);
  const total = reader.total(families.requestDuration);
  assert.equal(total[families.requestDuration.bounds.indexOf(0.001)], 1);
});

test("the exposition names, explains and types each family once, in either format", () => {
  const { reader, writer } = setUp();
  writer("a").counter(families.requestBytes, [":80", "api"]).add(7);
  assert.equal(
    exposition(reader),
    [
      "# HELP millrace_request_bytes_total Request body bytes received from clients; of sessions of TCP listeners all bytes, once they have ended.",
      "# TYPE millrace_request_bytes_total counter",
      'millrace_request_bytes_total{listener=":80",route="api"} 7',
      "",
    ].join("\n"),
  );
  assert.equal(
    formatMetrics(reader.read(), "openmetrics"),
    [
      "# HELP millrace_request_bytes Request body bytes received from clients; of sessions of TCP listeners all bytes, once they have ended.",
      "# TYPE millrace_request_bytes counter",
      "# UNIT millrace_request_bytes bytes",
      'millrace_request_bytes_total{listener=":80",route="api"} 7',
      "# EOF",
      "",
    ].join("\n"),
  );
});

test("label values are escaped and may hold any text", () => {
  const { reader, writer } = setUp();
  writer("a").gauge(families.connections, ['a"b\\c\nd,e{}ü€']).set(1);
  assert.deepEqual(samples(reader), ['millrace_connections{listener="a\\"b\\\\c\\nd,e{}ü€"} 1']);
});

test("the same series asked for twice is one series", () => {
  const { reader, writer } = setUp();
  const one = writer("a", { maxSeries: 1 });
  one.counter(families.configReloads, ["success"]).add(1);
  one.counter(families.configReloads, ["success"]).add(1);
  assert.deepEqual(samples(reader), ['millrace_config_reloads_total{result="success"} 2']);
});

test("a full page is followed by another, and nothing is lost", () => {
  const { reader, writer, pages } = setUp();
  const one = writer("a", { pageBytes: 1024 });
  for (let at = 0; at < 100; at++) one.counter(families.configReloads, [`r${at}`]).add(at);
  assert.ok(pages.length > 3, `${pages.length} pages`);
  assert.equal(samples(reader).length, 100);
  assert.equal(reader.total(families.configReloads)[0], 4950);
});

test("a series larger than a page gets a page that fits", () => {
  const { reader, writer } = setUp();
  writer("a", { pageBytes: 256 })
    .gauge(families.connections, ["x".repeat(5000)])
    .set(1);
  assert.equal(reader.total(families.connections)[0], 1);
});

test("beyond the limit, series share one that says so, and the overflow is counted", () => {
  const { reader, writer } = setUp();
  const one = writer("a", { maxSeries: 2 });
  for (const result of ["a", "b", "c", "d"]) one.counter(families.configReloads, [result]).add(1);
  assert.deepEqual(samples(reader), [
    'millrace_config_reloads_total{result="a"} 1',
    'millrace_config_reloads_total{result="b"} 1',
    'millrace_config_reloads_total{result="_overflow"} 2',
    "millrace_metric_series_dropped_total 2",
  ]);
});

test("a thread that ends leaves its counters and takes its gauges along", () => {
  const { reader, writer } = setUp();
  for (const source of ["old", "new"]) {
    const one = writer(source);
    one.counter(families.retries, ["api", "X"]).add(1);
    one.gauge(families.connections, [":80"]).set(5);
    one.gauge(families.eventLoopLag, [source]).set(1);
    one.histogram(families.requestDuration, [":80", "api"]).observe(1);
  }
  reader.retire("old");
  reader.retire("never heard of");
  const lines = samples(reader);
  assert.ok(lines.includes('millrace_retries_total{upstream="api",reason="X"} 2'));
  assert.ok(lines.includes('millrace_connections{listener=":80"} 5'));
  assert.ok(lines.includes('millrace_request_duration_seconds_count{listener=":80",route="api"} 2'));
  assert.ok(lines.includes('millrace_event_loop_lag_seconds{worker="new"} 1'));
  assert.ok(!lines.some((line) => line.includes('worker="old"')));
  reader.retire("new");
  assert.ok(samples(reader).includes('millrace_retries_total{upstream="api",reason="X"} 2'));
});

test("series that were registered but never read before the thread ended are kept, too", () => {
  const { reader, writer } = setUp();
  writer("a").counter(families.configReloads, ["success"]).add(3);
  reader.retire("a");
  assert.equal(reader.total(families.configReloads)[0], 3);
});

test("collectors add series at the time of reading", () => {
  const { reader } = setUp();
  let value = 1;
  reader.addCollector((add) => add(families.endpointUp, ["api", "e1"], value));
  assert.deepEqual(samples(reader), ['millrace_endpoint_up{upstream="api",endpoint="e1"} 1']);
  value = 0;
  assert.deepEqual(samples(reader), ['millrace_endpoint_up{upstream="api",endpoint="e1"} 0']);
});

test("an instrument of another type than its family is refused", () => {
  const { writer } = setUp();
  const one = writer("a");
  assert.throws(() => one.counter(families.connections, ["x"]), TypeError);
  assert.throws(() => one.gauge(families.requests, []), TypeError);
  assert.throws(() => one.histogram(families.requests, []), TypeError);
});

test("a family that the registry does not have is left out", () => {
  const { reader, writer } = setUp();
  writer("a")
    .counter({ name: "app_jobs_total", type: "counter", help: "Jobs.", labels: [], unit: null, bounds: [] })
    .add(1);
  assert.deepEqual(samples(reader), []);
});

test("a record is seen only when it is complete: a reader between two records sees the first alone", () => {
  const page = createPageBuffer(1024);
  const writer = new PageWriter(page);
  const reader = new PageReader(page);
  assert.deepEqual(reader.take().records, []);
  writer.append(SeriesType.counter, "a_total", 1);
  assert.deepEqual(
    reader.take().records.map((record) => record.text),
    ["a_total"],
  );
  writer.append(SeriesType.gauge, "büß", 1);
  assert.deepEqual(
    reader.take().records.map((record) => [record.type, record.text]),
    [[SeriesType.gauge, "büß"]],
  );
});

test("records and slots of a full page never meet", () => {
  const writer = new PageWriter(createPageBuffer(1024));
  const slots: number[] = [];
  for (let record; (record = writer.append(SeriesType.histogram, `series_${slots.length}`, 7)) !== null; )
    slots.push(record.firstSlot);
  for (const slot of slots) writer.values.fill(Number.MAX_VALUE, slot, slot + 7);
  const records = new PageReader(writer.buffer).take().records;
  assert.deepEqual(
    records.map((record) => record.text),
    slots.map((_, at) => `series_${at}`),
  );
  assert.deepEqual(
    records.map((record) => record.firstSlot),
    slots,
  );
});

test("what is no page is refused", () => {
  assert.throws(() => new PageReader(new SharedArrayBuffer(1024)), RangeError);
  const used = createPageBuffer(256);
  new PageWriter(used).append(SeriesType.counter, "a", 1);
  assert.throws(() => new PageWriter(used), RangeError);
});

for (const [accept, expected] of [
  [undefined, "prometheus"],
  ["*/*", "prometheus"],
  ["text/plain;version=0.0.4", "prometheus"],
  ["application/openmetrics-text; version=1.0.0; charset=utf-8;q=0.5,text/plain;version=0.0.4;q=0.2", "openmetrics"],
  ["text/html, Application/OpenMetrics-Text", "openmetrics"],
  ["application/openmetrics-text;q=0", "prometheus"],
] as const) {
  test(`Accept: ${accept} gets ${expected}`, () => assert.equal(decideExpositionFormat(accept), expected));
}
