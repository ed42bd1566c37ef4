/** Series of names that the configuration no longer has: they vanish, their room is used again, and totals go on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../base/clock.ts";
import { ExchangeMetrics } from "./exchange-metrics.ts";
import { families } from "./families.ts";
import { LabelNames } from "./label-names.ts";
import { createPageBuffer, PageReader, PageWriter, SeriesType } from "./metric-page.ts";
import { MetricReader } from "./metric-reader.ts";
import { MetricWriter } from "./metric-writer.ts";
import { formatMetrics } from "./prometheus-text.ts";
import { endedExchange } from "./testing/ended-exchange.ts";

const namesOf = (
  endpoints: readonly string[],
  names: { routes?: readonly string[]; listeners?: readonly string[] } = {},
): Promise<LabelNames> =>
  LabelNames.build({
    listeners: (names.listeners ?? [":8080"]).map((name) => ({ name })),
    routes: (names.routes ?? ["api"]).map((name) => ({ name })),
    upstreams: { api: { endpoints: endpoints.map((url) => ({ url })) } },
    stores: {},
  });

function setUp(limits: { maxSeries?: number; pageBytes?: number } = {}) {
  const clock = new ManualClock();
  const reader = new MetricReader();
  let bytes = 0;
  const writer = new MetricWriter({
    ...limits,
    clock,
    onPage: (page) => {
      bytes += page.byteLength;
      reader.addPage("a", page);
    },
  });
  const metrics = new ExchangeMetrics(writer);
  const scrape = (): string => formatMetrics(reader.read());
  const serve = (endpointName: string, record = {}): void =>
    metrics.record(endedExchange({ record: { endpointName, ...record } }));
  return { clock, reader, writer, metrics, scrape, serve, bytes: () => bytes };
}

test("series of endpoints that are gone vanish at once; those that stay go on", async () => {
  const { metrics, scrape, serve } = setUp();
  for (const endpoint of ["e1", "e2"]) serve(endpoint);
  metrics.adopt(await namesOf(["e2"]));
  serve("e2");
  const text = scrape();
  assert.ok(!text.includes("e1"));
  assert.ok(text.includes('millrace_upstream_requests_total{upstream="api",endpoint="e2",code="200"} 2'));
  assert.ok(
    text.includes('millrace_requests_total{listener=":8080",route="api",upstream="api",method="GET",code="200"} 3'),
  );
});

test("what ends under a name that is gone is counted under _gone", async () => {
  const { metrics, scrape, serve } = setUp();
  metrics.adopt(await namesOf(["e2"], { routes: ["other"], listeners: [":1"] }));
  serve("e1");
  serve("e1", { upstreamName: "old" });
  const text = scrape();
  assert.ok(text.includes('millrace_upstream_requests_total{upstream="api",endpoint="_gone",code="200"} 1'));
  assert.ok(text.includes('millrace_upstream_requests_total{upstream="_gone",endpoint="_gone",code="200"} 1'));
  assert.ok(
    text.includes('millrace_requests_total{listener="_gone",route="_gone",upstream="_gone",method="GET",code="200"} 1'),
  );
});

test("however often endpoints change, scrape and memory stay as large as the configuration, and the living are counted one by one", async () => {
  const { clock, metrics, scrape, serve, bytes } = setUp({ maxSeries: 500, pageBytes: 65_536 });
  let largest = 0;
  for (let round = 0; round < 300; round++) {
    const endpoints = Array.from({ length: 20 }, (_, at) => `http://10.0.${round}.${at}:8080`);
    metrics.adopt(await namesOf(endpoints));
    for (const endpoint of endpoints) serve(endpoint);
    clock.advance(30_000);
    const text = scrape();
    assert.equal(text.match(/^millrace_upstream_requests_total\{/gm)?.length, 20);
    assert.ok(!text.includes("_overflow"));
    if (round > 5) assert.ok(text.length < largest * 1.2, "the scrape does not grow");
    else largest = Math.max(largest, text.length);
  }
  assert.ok(bytes() <= 2 * 65_536, `${bytes()} bytes`);
});

test("totals go on with what was counted under names that are gone", async () => {
  const { metrics, reader, serve } = setUp();
  for (let count = 0; count < 10; count++) serve("e1", count < 3 ? { status: 502, reason: "UPSTREAM_RESET" } : {});
  const isError = (labels: string): boolean => /code="5/.test(labels);
  const totals = (): number[] => [
    reader.total(families.requests)[0]!,
    reader.total(families.requests, isError)[0]!,
    reader
      .total(families.requestDuration)
      .subarray(0, -1)
      .reduce((sum, one) => sum + one),
  ];
  assert.deepEqual(totals(), [10, 3, 10]);
  metrics.adopt(await namesOf([], { routes: [] }));
  assert.deepEqual(totals(), [10, 3, 10]);
  reader.retire("a");
  assert.deepEqual(totals(), [10, 3, 10]);
});

test("what a thread that ended had counted under names that are gone is forgotten, too", async () => {
  const { reader, scrape, serve } = setUp();
  serve("e1");
  serve('quoted "name"');
  reader.retire("a");
  const names = await namesOf(['quoted "name"']);
  reader.forgetRetained((family, labelValues) => names.has(family, labelValues));
  const text = scrape();
  assert.ok(!text.includes("e1"));
  assert.ok(text.includes('endpoint="quoted \\"name\\""'));
  assert.equal(reader.total(families.requests)[0], 2);
});

test("a gauge of what is still open stays until it is closed", async () => {
  const { metrics, scrape } = setUp();
  metrics.tunnels("old", "api").add(1);
  metrics.adopt(await namesOf([]));
  assert.match(scrape(), /millrace_tunnels_open\{route="old"/);
  metrics.tunnels("old", "api").add(-1);
  metrics.adopt(await namesOf([]));
  assert.doesNotMatch(scrape(), /millrace_tunnels_open/);
});

test("a series that found no room has it when others are gone", async () => {
  const { metrics, scrape, serve } = setUp({ maxSeries: 8 });
  for (const endpoint of ["e1", "e2", "e3"]) serve(endpoint);
  assert.match(scrape(), /endpoint="_overflow"/);
  metrics.adopt(await namesOf(["e3"]));
  serve("e3");
  assert.ok(scrape().includes('millrace_upstream_requests_total{upstream="api",endpoint="e3",code="200"} 1'));
});

test("nothing new is counted for a minute in which an exchange under way may still count", () => {
  const { clock, writer, reader } = setUp();
  const late = writer.counter(families.retriesRefused, ["old"]);
  writer.forget(() => false);
  const next = writer.counter(families.retriesRefused, ["new"]);
  late.add(5);
  assert.equal(next.value, 0);
  writer.forget(() => false);
  clock.advance(60_000);
  assert.equal(writer.counter(families.retriesRefused, ["newer"]).value, 0);
  assert.deepEqual(
    reader.read().flatMap(({ series }) => series.map(({ labels }) => labels)),
    ['upstream="newer"'],
  );
});

test("a reader that looks while a record is changed takes none of it, and all of it later", () => {
  const writer = new PageWriter(createPageBuffer(1024));
  const reader = new PageReader(writer.buffer);
  const record = writer.append(SeriesType.counter, "a_total", 1)!;
  writer.append(SeriesType.counter, "b_total", 1);
  const texts = (): readonly string[] => reader.take().records.map(({ text }) => text);
  assert.deepEqual(texts(), ["a_total", "b_total"]);
  writer.remove(record);
  const version = new Int32Array(writer.buffer, 8, 1);
  version[0]!--;
  assert.deepEqual(reader.take(), { isAll: false, records: [] });
  version[0]!++;
  assert.deepEqual(texts(), ["b_total"]);
  assert.equal(writer.reuse(record, SeriesType.counter, "x".repeat(100)), false);
  assert.ok(writer.reuse(record, SeriesType.counter, "a_longer_name_total"));
  assert.deepEqual(texts(), ["a_longer_name_total", "b_total"]);
  assert.deepEqual(texts(), []);
});
