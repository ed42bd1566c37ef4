/**
 * `bench/results/chart.svg`: one panel a scenario, one bar a proxy, shorter is better. The picture brings its own
 * background and follows the reader's light or dark scheme. Every bar starts at zero and carries its figure.
 */
import type { BenchResults } from "../results.ts";
import { loadScenarios } from "../scenarios.ts";
import { median } from "../statistics.ts";
import { figure, medianOf, titleOf } from "./tables.ts";

interface Bar {
  label: string;
  value: number;
  isOurs: boolean;
}

interface Panel {
  title: string;
  unit: string;
  bars: Bar[];
}

const page = { width: 920, margin: 24, gap: 32, head: 64 };
const panelWidth = (page.width - 2 * page.margin - page.gap) / 2;
const row = { height: 22, bar: 14, labels: 184, values: 48 };
const panelHead = 30;

const style = `
text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
.page { fill: #ffffff; } .title { font-size: 17px; font-weight: 600; } .panel { font-size: 13px; font-weight: 600; }
.muted { fill: #59636e; } .axis { stroke: #d1d9e0; } .theirs { fill: #a9b4bf; } .ours { fill: #0969da; } .strong { font-weight: 600; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; } .page { fill: #0d1117; } .muted { fill: #9198a1; } .axis { stroke: #3d444d; }
  .theirs { fill: #6b7683; } .ours { fill: #4493f8; }
}`;

/** The chart as a complete SVG document. */
export function renderChart(results: BenchResults): string {
  const panels = collectPanels(results);
  const parts: string[] = [];
  let top = page.head;
  for (let index = 0; index < panels.length; index += 2) {
    const pair = panels.slice(index, index + 2);
    for (const [column, panel] of pair.entries()) {
      parts.push(renderPanel(panel, page.margin + column * (panelWidth + page.gap), top));
    }
    top += Math.max(...pair.map(panelHeight)) + 18;
  }
  const summary = "Processor time per request and memory, Millrace and its peers; shorter is better";
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${page.width} ${top}" width="${page.width}" height="${top}" role="img" aria-label="${summary}">
<style>${style}
</style>
<rect class="page" width="100%" height="100%" rx="8"/>
<text class="title" x="${page.margin}" y="32">What a request costs the proxy</text>
<text class="muted" x="${page.margin}" y="50">one core, median of ${results.settings.rounds} rounds; shorter is better</text>
${parts.join("\n")}
</svg>
`;
}

function collectPanels(results: BenchResults): Panel[] {
  const panels: Panel[] = [];
  for (const { name, title } of loadScenarios) {
    const byPeer = results.load[name];
    if (byPeer === undefined || name === "threads") continue;
    const bars = Object.entries(byPeer).map(([peer, result]) => toBar(results, peer, medianOf(result, "cpuUs")));
    panels.push({ title, unit: "CPU µs per request", bars });
  }
  const idle = Object.entries(results.idle).map(([peer, { values }]) => toBar(results, peer, median(values) / 1024));
  if (idle.length > 0) panels.push({ title: "idle keep-alive connection", unit: "KiB of memory", bars: idle });
  return panels;
}

function toBar(results: BenchResults, peer: string, value: number): Bar {
  return { label: titleOf(results, peer), value: Math.max(0, value), isOurs: peer.startsWith("millrace") };
}

function panelHeight(panel: Panel): number {
  return panelHead + panel.bars.length * row.height;
}

function renderPanel(panel: Panel, left: number, top: number): string {
  const longest = Math.max(...panel.bars.map((bar) => bar.value), Number.MIN_VALUE);
  const start = left + row.labels;
  const room = panelWidth - row.labels - row.values;
  const lines = panel.bars.map((bar, index) => {
    const y = top + panelHead + index * row.height;
    const length = Math.max(1, (bar.value / longest) * room);
    const weight = bar.isOurs ? ' class="strong"' : "";
    return `<text${weight} x="${start - 8}" y="${y + 11}" text-anchor="end">${escapeText(bar.label)}</text>
<path class="${bar.isOurs ? "ours" : "theirs"}" d="${barPath(start, y, length)}"/>
<text${weight} x="${(start + length + 6).toFixed(1)}" y="${y + 11}">${figure(bar.value)}</text>`;
  });
  const bottom = top + panelHead + panel.bars.length * row.height - (row.height - row.bar) + 4;
  return `<text class="panel" x="${left}" y="${top + 12}">${escapeText(panel.title)}<tspan class="muted" font-weight="400" dx="5">· ${panel.unit}</tspan></text>
${lines.join("\n")}
<line class="axis" x1="${start}" x2="${start}" y1="${top + panelHead - 4}" y2="${bottom}"/>`;
}

/** A bar with its far end rounded. */
function barPath(x: number, y: number, length: number): string {
  const radius = Math.min(3, length);
  const straight = (length - radius).toFixed(1);
  return `M${x},${y} h${straight} a${radius},${radius} 0 0 1 ${radius},${radius} v${row.bar - 2 * radius} a${radius},${radius} 0 0 1 -${radius},${radius} h-${straight} z`;
}

function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
