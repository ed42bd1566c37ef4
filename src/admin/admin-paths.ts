/** The paths of the admin listener: what each needs, which method it takes, and how it answers. */
import { version } from "../base/version.ts";
import { decideExpositionFormat, expositionContentType, formatMetrics } from "../observe/prometheus-text.ts";
import { type AdminAnswer, jsonAnswer, textAnswer } from "./admin-answer.ts";
import type { AdminCall, AdminPath } from "./admin-path.ts";
import type { AdminSources } from "./admin-sources.ts";
import { cachePaths } from "./cache-paths.ts";
import { findEndpointPath } from "./endpoint-paths.ts";
import { renderStatusPage } from "./status-page.ts";

/** All paths that are fixed. */
const adminPaths: ReadonlyMap<string, AdminPath> = new Map<string, AdminPath>([
  [
    "/",
    {
      method: "GET",
      need: "read",
      about: "a page with what follows",
      answer: (sources) => ({
        status: 200,
        contentType: "text/html; charset=utf-8",
        body: renderStatusPage(sources.status(), uptimeSeconds()),
      }),
    },
  ],
  ["/metrics", { method: "GET", need: "read", about: "metrics for Prometheus", answer: answerMetrics }],
  [
    "/livez",
    { method: "GET", need: "probe", about: "200 while the process works", answer: () => textAnswer(200, "ok") },
  ],
  [
    "/readyz",
    {
      method: "GET",
      need: "probe",
      about: "200 while new traffic is welcome, else 503 with the reasons",
      answer: answerReadiness,
    },
  ],
  [
    "/api/v1/status",
    {
      method: "GET",
      need: "read",
      about: "listeners, routes, upstreams and threads as JSON",
      answer: (sources) => jsonAnswer(200, { version, uptimeSeconds: uptimeSeconds(), ...sources.status() }),
    },
  ],
  [
    "/api/v1/reload",
    { method: "POST", need: "write", about: "reads and applies the configuration anew", answer: answerReload },
  ],
  ...cachePaths,
]);

/** What is at `pathName`, a path without query, still percent-encoded. */
export function findAdminPath(pathName: string): AdminPath | undefined {
  return adminPaths.get(pathName) ?? findEndpointPath(pathName);
}

const uptimeSeconds = (): number => Math.round(process.uptime() * 10) / 10;

function answerMetrics(sources: AdminSources, { accept }: AdminCall): AdminAnswer {
  const format = decideExpositionFormat(accept);
  return { status: 200, contentType: expositionContentType[format], body: formatMetrics(sources.metrics(), format) };
}

function answerReadiness(sources: AdminSources): AdminAnswer {
  const { isReady, reasons } = sources.readiness();
  return isReady ? textAnswer(200, "ok") : textAnswer(503, ["not ready", ...reasons].join("\n"));
}

async function answerReload(sources: AdminSources): Promise<AdminAnswer> {
  if (sources.reload === null)
    return jsonAnswer(409, { isApplied: false, report: "there is no configuration file to reload" });
  const { isApplied, report } = await sources.reload();
  return jsonAnswer(isApplied ? 200 : 422, { isApplied, report });
}
