/** The run as tables: Markdown, which is also what the terminal shows. */
import type { Outcome } from "./outcome.ts";
import type { SceneResult } from "./operation/scene.ts";
import { describeScene, type Verdict } from "./verdicts.ts";

/** A finished run. */
export interface ChaosRun {
  readonly seed: number;
  readonly ratePerSecond: number;
  readonly date: string;
  readonly machine: string;
  readonly proxies: readonly { readonly name: string; readonly title: string; readonly version: string | null }[];
  readonly scenarios: readonly {
    readonly name: string;
    readonly title: string;
    readonly outcomes: Readonly<Record<string, Outcome>>;
  }[];
  readonly scenes: readonly {
    readonly name: string;
    readonly title: string;
    readonly promise: string;
    readonly results: Readonly<Record<string, SceneResult>>;
  }[];
  readonly verdicts: readonly Verdict[];
}

/** One row a scenario and proxy. */
export function toMarkdown(run: ChaosRun): string {
  const rows = run.scenarios.flatMap(({ title, outcomes }) =>
    run.proxies.flatMap(({ name, title: proxy }, at) => {
      const outcome = outcomes[name];
      return outcome === undefined ? [] : [[at === 0 ? title : "", proxy, ...cellsOf(outcome)]];
    }),
  );
  const parts = [
    `${run.proxies.map(({ title, version }) => `${title} ${version ?? "?"}`).join(", ")}; ${run.ratePerSecond} GET/s each, seed ${run.seed}; ${run.machine}; ${run.date}.`,
    ...(rows.length === 0
      ? []
      : [
          table(
            [
              "fault",
              "proxy",
              "requests",
              "errors",
              "which",
              "retries",
              "taken out",
              "p99 before",
              "during",
              "settled",
              "after",
            ],
            rows,
          ),
        ]),
  ];
  const outages = run.scenarios.flatMap(({ title, outcomes }) =>
    run.proxies.flatMap(({ name, title: proxy }, at) => {
      const outcome = outcomes[name];
      if (outcome === undefined || outcome.attemptsPerRequest === null) return [];
      return [
        [
          at === 0 ? title : "",
          proxy,
          outcome.attemptsPerRequest.toFixed(2),
          ms(outcome.errorP99),
          outcome.lastErrorAfter === 0 ? "at once" : `${outcome.lastErrorAfter.toFixed(1)} s`,
        ],
      ];
    }),
  );
  if (outages.length > 0)
    parts.push(
      table(["outage", "proxy", "attempts for each request", "p99 of errors", "last error after its end"], outages),
    );
  const scenes = run.scenes.flatMap(({ title, results }) =>
    run.proxies
      .flatMap(({ name, title: proxy }) => (results[name] === undefined ? [] : [{ proxy, result: results[name] }]))
      .map(({ proxy, result }, at) => [
        at === 0 ? title : "",
        proxy,
        describeScene(result),
        ms(result.p99),
        result.isKept ? "yes" : "no",
      ]),
  );
  if (scenes.length > 0) parts.push(table(["operation", "proxy", "seen", "p99", "as promised"], scenes));
  if (run.verdicts.length > 0)
    parts.push(
      table(
        ["Millrace promises", "kept", "measured"],
        run.verdicts.map(({ promise, isKept, measured }) => [promise, isKept ? "yes" : "NO", measured]),
      ),
    );
  return `${parts.join("\n\n")}\n`;
}

function cellsOf(outcome: Outcome): string[] {
  const which = Object.entries(outcome.errors)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(", ");
  const { before, during, settled, after } = outcome.p99;
  return [
    String(outcome.requests),
    String(outcome.errorCount),
    which,
    String(outcome.retries),
    String(outcome.takenOut),
    ms(before),
    ms(during),
    ms(settled),
    ms(after),
  ];
}

const ms = (value: number | null): string => (value === null ? "" : `${Math.round(value)} ms`);

/** A Markdown table whose columns are aligned for the terminal, too. */
function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headings.map((heading, at) => Math.max(heading.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  return [line(headings), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...rows.map(line)].join("\n");
}
