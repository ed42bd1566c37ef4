/**
 * How a series is written: `family{label="value",...}`, with the escapes of the Prometheus text format 0.0.4 (which
 * OpenMetrics shares).
 */
import type { MetricFamily } from "./metric-family.ts";

/** Escapes a label value. */
function escapeLabelValue(value: string): string {
  if (!/[\\"\n]/.test(value)) return value;
  return value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
}

/**
 * The labels of a series without braces; the empty string if the family has none. Missing values are written as empty.
 */
export function labelsText(family: MetricFamily, values: readonly string[]): string {
  return family.labels.map((label, at) => `${label}="${escapeLabelValue(values[at] ?? "")}"`).join(",");
}

/** The text that identifies a series. */
export function seriesText(family: MetricFamily, values: readonly string[]): string {
  return family.labels.length === 0 ? family.name : `${family.name}{${labelsText(family, values)}}`;
}

/** Takes a series' text apart. */
export function splitSeriesText(text: string): { name: string; labels: string } {
  const brace = text.indexOf("{");
  return brace === -1 ? { name: text, labels: "" } : { name: text.slice(0, brace), labels: text.slice(brace + 1, -1) };
}
