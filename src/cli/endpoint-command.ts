/**
 * What `drain`, `enable` and `weight` have in common: naming an endpoint of a running Millrace, changing it, and
 * telling what became of it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import type { EndpointReport } from "../admin/admin-sources.ts";
import type { AdminReply } from "./admin-client.ts";
import { addAdminOptions, type AdminFlags, type AdminPlace, findAdmin, tokenHelp } from "./admin-place.ts";
import { CommandFailure } from "./failure.ts";

/** The flags of a command about one endpoint. */
export type EndpointFlags = AdminFlags;

/** Which endpoint, of which Millrace. */
export interface EndpointTarget {
  readonly upstream: string;
  readonly endpoint: string;
  /** The configuration, which says where the admin listener is. */
  readonly file: string | undefined;
  readonly flags: AdminFlags;
}

/** How often a waiting command asks. */
const pollMs = 100;

/** Declares a command with the arguments UPSTREAM ENDPOINT [VALUE] [FILE] and the flags of the admin listener. */
export function addEndpointCommand(
  program: Command,
  options: { name: string; about: string; examples: string; value?: readonly [name: string, about: string] },
): Command {
  const { name, about, examples, value } = options;
  const command = program
    .command(name)
    .usage(`[options] UPSTREAM ENDPOINT ${value === undefined ? "" : `${value[0].toUpperCase()} `}[FILE]`)
    .description(about)
    .argument("<upstream>", "the upstream, as in the configuration")
    .argument("<endpoint>", "the endpoint: its URL as in the configuration, or only host:port");
  if (value !== undefined) command.argument(`<${value[0]}>`, value[1]);
  command.argument(
    "[file]",
    "the configuration, which says where the admin listener is (default: the one in this folder)",
  );
  return addAdminOptions(command).addHelpText("after", `\nExamples:${examples}\n\n${tokenHelp}\n`);
}

/**
 * Changes an endpoint.
 * @throws CommandFailure if there is no such endpoint, nothing answers, or it is not allowed
 */
export async function changeEndpoint(
  target: EndpointTarget,
  change: { readonly action: string; readonly body?: unknown },
): Promise<{ place: AdminPlace; report: EndpointReport }> {
  const place = await findAdmin(target.file, target.flags);
  const { askAdmin } = await import("./admin-client.ts");
  const path = `${pathOf(target.upstream, target.endpoint)}/${change.action}`;
  return {
    place,
    report: await readReport(
      place,
      target,
      await askAdmin(place.address, place.token, { method: "POST", path, body: change.body }),
    ),
  };
}

/**
 * Waits until nothing is in flight at the endpoint. @returns how much is still in flight when `limitMs` are over; 0 =
 * it is idle
 */
export async function untilIdle(
  place: AdminPlace,
  { upstream, endpoint }: EndpointReport,
  limitMs: number,
): Promise<number> {
  const { askAdmin } = await import("./admin-client.ts");
  const startedMs = performance.now();
  // A thread that was just choosing it may begin one more request: idle is what is idle twice.
  let idleCount = 0;
  for (;;) {
    await sleep(pollMs);
    const reply = await askAdmin(place.address, place.token, { method: "GET", path: pathOf(upstream, endpoint.url) });
    const { inFlight } = (await readReport(place, { upstream, endpoint: endpoint.url }, reply)).endpoint;
    idleCount = inFlight === 0 ? idleCount + 1 : 0;
    if (idleCount === 2) return 0;
    if (performance.now() - startedMs >= limitMs && inFlight > 0) return inFlight;
  }
}

/** How much of an upstream takes new requests, in words. */
export function describeShare({ upstream, takingCount, endpointCount }: EndpointReport): string {
  return `${takingCount} of ${endpointCount} ${endpointCount === 1 ? "endpoint" : "endpoints"} of ${upstream} take new requests`;
}

const pathOf = (upstream: string, endpoint: string): string =>
  `/api/v1/upstreams/${encodeURIComponent(upstream)}/endpoints/${encodeURIComponent(endpoint)}`;

async function readReport(
  place: AdminPlace,
  target: { readonly upstream: string; readonly endpoint: string },
  { status, value }: AdminReply,
): Promise<EndpointReport> {
  const isObject = typeof value === "object" && value !== null;
  if (status === 200 && isObject && "endpoint" in value) return value as EndpointReport;
  if (status === 404 && isObject && "missing" in value && "known" in value && Array.isArray(value.known)) {
    const sentence =
      value.missing === "upstream"
        ? `There is no upstream "${target.upstream}".`
        : `The upstream ${target.upstream} has no endpoint "${target.endpoint}".`;
    throw new CommandFailure(
      `${sentence} There ${value.known.length === 1 ? "is" : "are"}: ${value.known.join(", ") || "none"}.`,
    );
  }
  const { notMillrace } = await import("./admin-client.ts");
  throw notMillrace(place.address, status);
}
