/** What tests of configurations begin with. */
import type { ConfigInput } from "../config-input.ts";
import { readConfig } from "../parse-config.ts";
import { formatPath } from "../problem.ts";

/** The shortest configuration that has an upstream, made anew. */
export const minimal = (): ConfigInput => ({
  listeners: [{ address: ":8080" }],
  routes: [{ upstream: "api" }],
  upstreams: { api: { endpoints: ["http://127.0.0.1:8081"] } },
});

/** The problems of `value` as `path: message` lines. */
export const problemsOf = (value: unknown): string[] =>
  readConfig(value).findings.map(
    (finding) => `${formatPath(finding.path)}: ${finding.message}${finding.hint === null ? "" : ` (${finding.hint})`}`,
  );
