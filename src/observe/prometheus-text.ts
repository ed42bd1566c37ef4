/** The exposition formats: Prometheus text 0.0.4, and OpenMetrics 1.0.0 if the scraper asks for it. */
import type { MetricFamily } from "./metric-family.ts";
import type { FamilySum, SeriesSum } from "./metric-reader.ts";

/** The text formats in which metrics are given: that of Prometheus 0.0.4, or OpenMetrics 1.0.0. */
export type ExpositionFormat = "prometheus" | "openmetrics";

/** The Content-Type of each format. */
export const expositionContentType: Record<ExpositionFormat, string> = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** The format that an Accept field asks for; Prometheus text if it is absent or asks for anything else. */
export function decideExpositionFormat(accept: string | undefined): ExpositionFormat {
  for (const member of (accept ?? "").split(",")) {
    const [type = "", ...parameters] = member.split(";").map((part) => part.trim().toLowerCase());
    if (type !== "application/openmetrics-text") continue;
    if (parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))) continue;
    return "openmetrics";
  }
  return "prometheus";
}

/** Writes everything that `MetricReader.read` returned. */
export function formatMetrics(sums: readonly FamilySum[], format: ExpositionFormat = "prometheus"): string {
  let text = "";
  for (const { family, series } of sums) {
    // OpenMetrics names a counter family without the suffix that its samples carry.
    const isBareName = format === "openmetrics" && family.type === "counter";
    const name = isBareName ? family.name.replace(/_total$/, "") : family.name;
    text += `# HELP ${name} ${escapeHelp(family.help, format)}\n# TYPE ${name} ${family.type}\n`;
    if (format === "openmetrics" && family.unit !== null && name.endsWith(`_${family.unit}`))
      text += `# UNIT ${name} ${family.unit}\n`;
    for (const one of series)
      text +=
        family.type === "histogram"
          ? formatHistogram(family, one)
          : formatSample(family.name, one.labels, one.values[0] ?? 0);
  }
  return format === "openmetrics" ? `${text}# EOF\n` : text;
}

function formatHistogram(family: MetricFamily, series: SeriesSum): string {
  const bounds = family.bounds;
  const prefix = series.labels === "" ? "" : `${series.labels},`;
  let text = "";
  let count = 0;
  for (let at = 0; at <= bounds.length; at++) {
    count += series.values[at] ?? 0;
    text += formatSample(
      `${family.name}_bucket`,
      `${prefix}le="${at < bounds.length ? formatBound(bounds[at] ?? 0) : "+Inf"}"`,
      count,
    );
  }
  return (
    text +
    formatSample(`${family.name}_sum`, series.labels, series.values[bounds.length + 1] ?? 0) +
    formatSample(`${family.name}_count`, series.labels, count)
  );
}

const formatSample = (name: string, labels: string, value: number): string =>
  `${name}${labels === "" ? "" : `{${labels}}`} ${formatValue(value)}\n`;

/** OpenMetrics wants bounds to read as floats, and both formats must agree for a series to keep its identity. */
const formatBound = (bound: number): string => (Number.isInteger(bound) ? `${bound}.0` : String(bound));

function formatValue(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

function escapeHelp(help: string, format: ExpositionFormat): string {
  const escaped = help.replace(/\\/g, "\\\\").replace(/\n/g, "\\n");
  return format === "openmetrics" ? escaped.replace(/"/g, '\\"') : escaped;
}
