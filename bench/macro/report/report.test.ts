import assert from "node:assert/strict";
import { test } from "node:test";
import type { BenchResults, LoadResult } from "../results.ts";
import { judge } from "../verdicts.ts";
import { renderChart } from "./chart.ts";
import { renderReadmeSection, renderTargets, replaceReadmeSection } from "./readme.ts";
import { figure, renderTables } from "./tables.ts";

function load(...cpuUs: number[]): LoadResult {
  const rounds = cpuUs.map((us) => ({
    requests: 1000,
    requestsPerSecond: 1e6 / us,
    cpuUs: us,
    userUs: us / 4,
    kernelUs: (us * 3) / 4,
    p50Us: 800,
    p99Us: 2000,
    busy: 0.98,
  }));
  return { rounds, memoryBytes: 50 * 2 ** 20 };
}

const results: BenchResults = {
  date: "2030-01-31",
  machine: { cores: 2, cpu: "Some <CPU>", arch: "x64", kernel: "6.1.0", node: "26.0.0" },
  versions: { wrk: "4.1.0", nginx: "1.22.1" },
  titles: { nginx: "nginx", millrace: "Millrace", go: "Go <httputil> & co" },
  settings: { rounds: 3, seconds: 2 },
  foreignShare: 0.05,
  load: {
    small: { nginx: load(10, 30, 10), millrace: load(14, 42, 14), go: load(50, 150, 50) },
    "1m": { nginx: load(400), millrace: load(500) },
  },
  idle: { nginx: { values: [512] }, millrace: { values: [6144, 7168, 6656] } },
  idleTls: {},
  startup: { millrace: { values: [120, 350, 140] } },
  memory: {
    idleBytes: 80 * 2 ** 20,
    furtherThreadBytes: 16 * 2 ** 20,
    loadedBytes: 96 * 2 ** 20,
    restedBytes: 84 * 2 ** 20,
  },
  coldStartup: { values: [340] },
  routeLookup: { values: [0.5] },
  verdicts: [],
  failures: [],
};
results.verdicts = judge(results);

test("targets are judged on medians, and only if everything they need was measured", () => {
  assert.deepEqual(
    results.verdicts.map(({ target, measured, pass }) => [target, Number(measured.toFixed(3)), pass]),
    [
      ["CPU per small request, of nginx", 1.4, false],
      ["CPU per small request, of Go's reverse proxy", 0.28, true],
      ["CPU per byte of 1 MiB responses, of nginx", 1.25, false],
      ["idle keep-alive connection", 6.5, false],
      ["look-up among 10,000 routes", 0.5, true],
      ["start to the first answer", 140, true],
      ["the same without a compile cache", 340, true],
      ["resident memory, idle, one proxy thread", 80, true],
      ["a further proxy thread", 16, false],
      ["after a minute of full load, access log on", 96, true],
      ["30 s after the load, of idle", 1.05, true],
    ],
  );
});

test("the printed tables name every proxy, its ratio to nginx and each missed target", () => {
  const text = renderTables(results);
  assert.match(text, /^Millrace +14\.0 .* 1\.40 /m);
  assert.match(text, /1 MiB responses, of nginx +1\.25 × +≤ 1 × +MISSED$/m);
});

test("the README section replaces what is between the markers and nothing else", () => {
  const readme = "# Title\n<!-- bench:start -->\nold\n<!-- bench:end -->\nafter\n";
  const replaced = replaceReadmeSection(readme, renderReadmeSection(results));
  assert.ok(
    replaced.startsWith("# Title\n<!-- bench:start -->\n![") && replaced.endsWith("\n<!-- bench:end -->\nafter\n"),
  );
  assert.ok(!replaced.includes("\nold\n"));
  assert.match(replaced, /\| \*\*Millrace\*\* \| 14\.0 \|/);
  assert.equal(replaceReadmeSection(replaced, renderReadmeSection(results)), replaced);
});

test("the targets are a table of their own, and the versions of all proxies are told", () => {
  assert.match(renderTargets(results), /\| a further proxy thread \| 16\.0 MiB \| 15 MiB \| \*\*missed\*\* \|/);
  assert.doesNotMatch(renderReadmeSection(results), /further proxy thread/);
  assert.match(renderTables(results), /^Measured versions: wrk 4\.1\.0, nginx 1\.22\.1$/m);
});

test("a README without markers is refused", () => {
  assert.throws(() => replaceReadmeSection("# Title\n", "x"), /bench:start/);
});

test("the chart holds one bar for each proxy and panel, names escaped, ours set apart", () => {
  const svg = renderChart(results);
  assert.equal(svg.match(/<path class="(ours|theirs)"/g)?.length, 3 + 2 + 2);
  assert.equal(svg.match(/<path class="ours"/g)?.length, 3);
  assert.ok(svg.includes("Go &lt;httputil> &amp; co"));
  assert.ok(!svg.includes("NaN"));
});

test("figures have three significant digits and unknown ones an empty cell", () => {
  for (const [value, text] of [
    [0.456, "0.46"],
    [14.24, "14.2"],
    [123.4, "123"],
    [63_709.2, "63,709"],
    [Number.NaN, ""],
  ] as const)
    assert.equal(figure(value), text);
});
