/** What Millrace promises of the run, checked. The others' figures are shown, not judged. */
import type { SceneResult } from "./operation/scene.ts";
import { type Outcome, percentile } from "./outcome.ts";

/** A promise and whether it was kept. */
export interface Verdict {
  readonly promise: string;
  readonly isKept: boolean;
  readonly measured: string;
}

/** At most so many attempts for each request while nobody is well. */
const maxAttemptsPerRequest = 1.3;
/** An error that takes longer than this is not quick. */
const quickMs = 250;
/** How long after the end of an outage errors may still be seen, in seconds. */
const recoverySeconds = 8;

/** @param outcomes of Millrace, by scenario; those that did not run are not judged */
export function judge(outcomes: ReadonlyMap<string, Outcome>): Verdict[] {
  const verdicts: Verdict[] = [];
  const say = (promise: string, isKept: boolean, measured: string): void =>
    void verdicts.push({ promise, isKept, measured });
  const kill = outcomes.get("kill");
  if (kill !== undefined)
    say(
      "one of three killed: no client sees an error",
      kill.errorCount === 0,
      `${kill.errorCount} errors in ${kill.requests} requests`,
    );
  const freeze = outcomes.get("freeze");
  if (freeze !== undefined) {
    const { settled } = freeze.p99;
    const usual = usualP99(outcomes);
    say(
      "one of three frozen: after 10 s the 99th percentile is under twice the usual",
      usual !== null && settled !== null && settled < 2 * usual,
      `${ms(usual)} usually, ${ms(settled)} from 10 s on`,
    );
  }
  for (const name of ["reload", "reboot"]) {
    const outcome = outcomes.get(name);
    if (outcome !== undefined)
      say(
        `${name}: no client sees an error`,
        outcome.errorCount === 0,
        `${outcome.errorCount} errors in ${outcome.requests} requests`,
      );
  }
  for (const name of ["outage", "503"]) {
    const outcome = outcomes.get(name);
    if (outcome === undefined) continue;
    const { attemptsPerRequest: ratio, errorP99, lastErrorAfter } = outcome;
    say(
      `${name}: no retry storm`,
      ratio !== null && ratio <= maxAttemptsPerRequest,
      `${ratio?.toFixed(2) ?? "?"} attempts for each request, at most ${maxAttemptsPerRequest}`,
    );
    say(
      `${name}: errors are quick`,
      errorP99 !== null && errorP99 <= quickMs,
      `99 % within ${ms(errorP99)}, at most ${quickMs} ms`,
    );
    say(
      `${name}: recovery without anybody's help`,
      lastErrorAfter <= recoverySeconds,
      `last error ${lastErrorAfter.toFixed(1)} s after its end, at most ${recoverySeconds} s`,
    );
  }
  return verdicts;
}

/** What Millrace promises of the scenes of operation. Those that it did not play are not judged. */
export function judgeScenes(
  scenes: readonly { readonly promise: string; readonly results: Readonly<Record<string, SceneResult>> }[],
): Verdict[] {
  return scenes.flatMap(({ promise, results: { millrace } }) =>
    millrace === undefined ? [] : [{ promise, isKept: millrace.isKept, measured: describeScene(millrace) }],
  );
}

/** A result in words. */
export function describeScene({ requests, errors, seen }: SceneResult): string {
  const kinds = Object.entries(errors)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(", ");
  return `${kinds === "" ? "no error" : kinds} in ${requests} requests; ${seen}`;
}

/**
 * The median of the 99th percentiles before the faults: a machine that was busy with something else once does not raise
 * it.
 */
function usualP99(outcomes: ReadonlyMap<string, Outcome>): number | null {
  return percentile(
    [...outcomes.values()].flatMap(({ p99 }) => p99.before ?? []),
    0.5,
  );
}

const ms = (value: number | null): string => (value === null ? "-" : `${Math.round(value)} ms`);
