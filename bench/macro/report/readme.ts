/** The benchmark section of README.md, between its two markers. */
import type { BenchResults } from "../results.ts";
import { loadScenarios } from "../scenarios.ts";
import { median } from "../statistics.ts";
import { cpuToNginx, figure, medianOf, titleOf } from "./tables.ts";

const startMarker = "<!-- bench:start -->";
const endMarker = "<!-- bench:end -->";

/** `readme` with the text between the markers replaced. Throws if a marker is missing. */
export function replaceReadmeSection(readme: string, section: string): string {
  const start = readme.indexOf(startMarker);
  const end = readme.indexOf(endMarker);
  if (start < 0 || end < start) throw new Error(`README.md has no ${startMarker} … ${endMarker}`);
  return `${readme.slice(0, start)}${startMarker}\n${section}\n${readme.slice(end)}`;
}

function markdownTable(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const lines = [head, head.map((_, index) => (index === 0 ? "---" : "--:")), ...body];
  return lines.map((row) => `| ${row.join(" | ")} |`).join("\n");
}

export function renderReadmeSection(results: BenchResults): string {
  const { machine, settings } = results;
  const small = results.load["small"] ?? {};
  const emphasise = (peer: string): string =>
    peer.startsWith("millrace") ? `**${titleOf(results, peer)}**` : titleOf(results, peer);
  const smallRows = [
    [
      "small response, 64 connections",
      "CPU µs / request",
      "of which kernel",
      "× nginx",
      "requests/s",
      "p50 ms",
      "p99 ms",
      "memory MiB",
    ],
  ];
  for (const [peer, result] of Object.entries(small)) {
    smallRows.push([
      emphasise(peer),
      figure(medianOf(result, "cpuUs")),
      figure(medianOf(result, "kernelUs")),
      figure(cpuToNginx(results, "small", peer)),
      figure(medianOf(result, "requestsPerSecond")),
      figure(medianOf(result, "p50Us") / 1000),
      figure(medianOf(result, "p99Us") / 1000),
      figure(result.memoryBytes / 2 ** 20),
    ]);
  }
  const others = loadScenarios.filter(
    ({ name }) => name !== "small" && name !== "threads" && results.load[name] !== undefined,
  );
  const otherRows = [
    ["CPU µs / request", ...others.map(({ title }) => title), "idle connection, KiB", "first answer, ms"],
  ];
  for (const peer of Object.keys(results.load[others[0]?.name ?? ""] ?? {})) {
    const cells = others.map(({ name }) => {
      const result = results.load[name]?.[peer];
      return result === undefined ? "" : figure(medianOf(result, "cpuUs"));
    });
    otherRows.push([
      emphasise(peer),
      ...cells,
      figure(median(results.idle[peer]?.values ?? []) / 1024),
      figure(median(results.startup[peer]?.values ?? [])),
    ]);
  }
  const threadRows = [["1 and 2 threads", "CPU µs / request", "requests/s"]];
  for (const [peer, result] of Object.entries(results.load["threads"] ?? {})) {
    threadRows.push([
      emphasise(peer),
      figure(medianOf(result, "cpuUs")),
      figure(medianOf(result, "requestsPerSecond")),
    ]);
  }
  const versions = Object.entries(results.versions)
    .filter(([name]) => !name.startsWith("millrace"))
    .map(([name, version]) => `${name} ${version}`);
  const sharing =
    machine.cores < 4
      ? "\nLoad generator and backend share the other core, so two threads cannot double the throughput here."
      : "";
  const shared =
    results.foreignShare > 0.05
      ? `\nOther programs took ${figure(results.foreignShare * 100, " %")} of the machine meanwhile.`
      : "";
  return [
    "![Processor time per request, Millrace and its peers](bench/results/chart.svg)",
    markdownTable(smallRows),
    markdownTable(otherRows),
    ...(threadRows.length > 1 ? [markdownTable(threadRows)] : []),
    `Measured ${results.date} on ${machine.cores} cores (${machine.cpu}), Node ${machine.node}, ${versions.join(", ")}: the proxy alone on one core,` +
      ` medians of ${settings.rounds} interleaved rounds of ${settings.seconds} s, ratios taken within a round.${sharing}${shared}` +
      `\nRepeat it with \`npm run bench\`; [bench/README.md](bench/README.md) says how each figure is taken.`,
  ].join("\n\n");
}

/** The table of targets, for between the markers of bench/README.md. */
export function renderTargets(results: BenchResults): string {
  const verdictRows = [["target", "measured", "limit", ""]];
  for (const verdict of results.verdicts) {
    verdictRows.push([
      verdict.target,
      figure(verdict.measured, ` ${verdict.unit}`),
      `${verdict.limit} ${verdict.unit}`,
      verdict.pass ? "reached" : "**missed**",
    ]);
  }
  return markdownTable(verdictRows);
}
