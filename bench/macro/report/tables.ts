/** The tables a run prints. */
import type { BenchResults, LoadResult, LoadRound } from "../results.ts";
import { loadScenarios } from "../scenarios.ts";
import { median, medianRatio } from "../statistics.ts";

/** Rows of cells as aligned text; the first column to the left, the others to the right. */
export function alignColumns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  return rows
    .map((row) =>
      row
        .map((cell, index) => (index === 0 ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Median of one figure over the rounds. */
export function medianOf(result: LoadResult, figure: keyof LoadRound): number {
  return median(result.rounds.map((round) => round[figure]));
}

/** Ratio of processor time to nginx in the same scenario and with as many threads; NaN without nginx. */
export function cpuToNginx(results: BenchResults, scenario: string, peer: string): number {
  const byPeer = results.load[scenario] ?? {};
  const rival = byPeer[peer.includes("×") ? `nginx×${peer.split("×")[1]}` : "nginx"] ?? byPeer["nginx-cache"];
  return medianRatio(
    (byPeer[peer]?.rounds ?? []).map((round) => round.cpuUs),
    (rival?.rounds ?? []).map((round) => round.cpuUs),
  );
}

/** Title of a peer, or of its variant with more threads. */
export function titleOf(results: BenchResults, peer: string): string {
  const [name = peer, threads] = peer.split("×");
  return (results.titles[name] ?? name) + (threads === undefined ? "" : `, ${threads} threads`);
}

/** A number with about three significant digits; an empty cell for NaN. */
export function figure(value: number, suffix = ""): string {
  if (!Number.isFinite(value)) return "";
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }) + suffix;
}

export function renderTables(results: BenchResults): string {
  const parts: string[] = [];
  for (const scenario of loadScenarios) {
    const byPeer = results.load[scenario.name];
    if (byPeer === undefined) continue;
    const rows = [
      ["", "CPU µs/req", "user", "kernel", "× nginx", "req/s", "p50 ms", "p99 ms", "core busy", "memory MiB"],
    ];
    for (const [peer, result] of Object.entries(byPeer)) {
      rows.push([
        titleOf(results, peer),
        figure(medianOf(result, "cpuUs")),
        figure(medianOf(result, "userUs")),
        figure(medianOf(result, "kernelUs")),
        figure(cpuToNginx(results, scenario.name, peer)),
        figure(medianOf(result, "requestsPerSecond")),
        figure(medianOf(result, "p50Us") / 1000),
        figure(medianOf(result, "p99Us") / 1000),
        figure(medianOf(result, "busy") * 100, "%"),
        figure(result.memoryBytes / 2 ** 20),
      ]);
    }
    parts.push(`${scenario.title}\n${alignColumns(rows)}`);
  }
  const single: [string, Record<string, { values: number[] }>, number, string][] = [
    ["memory of an idle keep-alive connection", results.idle, 1024, "KiB"],
    ["the same with TLS", results.idleTls ?? {}, 1024, "KiB"],
    ["start to the first answer", results.startup, 1, "ms"],
  ];
  for (const [title, samples, divisor, unit] of single) {
    const rows = Object.entries(samples).map(([peer, { values }]) => [
      titleOf(results, peer),
      figure(median(values) / divisor, ` ${unit}`),
    ]);
    if (rows.length > 0) parts.push(`${title}\n${alignColumns(rows)}`);
  }
  if (results.routeLookup !== null)
    parts.push(`look-up among 10,000 routes: ${figure(median(results.routeLookup.values), " µs")}`);
  if (results.verdicts.length > 0) {
    const rows = results.verdicts.map((verdict) => [
      verdict.target,
      figure(verdict.measured, ` ${verdict.unit}`),
      `≤ ${verdict.limit} ${verdict.unit}`,
      verdict.pass ? "pass" : "MISSED",
    ]);
    parts.push(`targets\n${alignColumns(rows)}`);
  }
  const versions = Object.entries(results.versions).map(([name, version]) => `${name} ${version}`);
  if (versions.length > 0) parts.push(`Measured versions: ${versions.join(", ")}`);
  for (const { scenario, peer } of results.failures) parts.push(`FAILED: ${peer} in ${scenario}`);
  parts.push(`Other programs took ${figure(results.foreignShare * 100, "%")} of the machine meanwhile.`);
  return parts.join("\n\n");
}
