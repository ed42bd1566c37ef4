/** `millrace purge`: makes stored answers of a running Millrace invalid. */
import type { Command } from "commander";
import type { PurgeReport, PurgeRequest } from "../cache/purge/purge-operator.ts";
import { addAdminOptions, type AdminFlags, findAdmin, tokenHelp } from "./admin-place.ts";
import { CommandFailure } from "./failure.ts";
import { print } from "./terminal.ts";

interface PurgeFlags extends AdminFlags {
  readonly prefix?: string;
  readonly tag?: readonly string[];
  readonly all?: true;
  readonly soft?: true;
  readonly config?: string;
}

const examples = `
Examples:
  millrace purge https://example.com/news/1          one URL with all its variants; the query is part of it
  millrace purge --prefix https://example.com/news/  everything below
  millrace purge --tag news --tag sport              what carries one of these tags
  millrace purge --all --soft                        everything is validated before it is used again

${tokenHelp}
`;

/** Declares the command. */
export function addPurgeCommand(program: Command): Command {
  const command = program
    .command("purge")
    .usage("[options] [URL...]")
    .description("Make stored answers invalid, in all threads at once.")
    .argument("[url...]", "URLs as clients ask for them, with scheme and host")
    .option("--prefix <text>", "everything whose URL begins with this")
    .option("--tag <tag>", "everything with this tag; may be repeated", collect)
    .option("--all", "everything")
    .option("--soft", "make it stale instead of removing it: it is validated before it is used again")
    .option(
      "--config <file>",
      "the configuration, which says where the admin listener is (default: the one in this folder)",
    );
  return addAdminOptions(command)
    .addHelpText("after", examples)
    .action(async (urls: readonly string[], flags: PurgeFlags) => {
      const request = toRequest(urls, flags);
      const { address, token } = await findAdmin(flags.config, flags);
      const { askAdmin, notMillrace } = await import("./admin-client.ts");
      const { status, value } = await askAdmin(address, token, {
        method: "POST",
        path: "/api/v1/cache/purge",
        body: request,
      });
      const report = readReport(value);
      if (report === null) throw notMillrace(address, status);
      if (typeof report === "string") throw new CommandFailure(report);
      print(describe(report, flags.soft === true));
    });
}

/** Commander hands over what was collected before; undefined at first. */
const collect = (tag: string, before: readonly string[] | undefined): string[] => [...(before ?? []), tag];

function toRequest(urls: readonly string[], { prefix, tag, all, soft }: PurgeFlags): PurgeRequest {
  const asked: PurgeRequest[] = [];
  const how = soft === true ? { soft } : {};
  if (urls.length > 0) asked.push({ urls, ...how });
  if (prefix !== undefined) asked.push({ prefix, ...how });
  if (tag !== undefined) asked.push({ tags: tag, ...how });
  if (all === true) asked.push({ all, ...how });
  const [request] = asked;
  if (request === undefined || asked.length > 1)
    throw new CommandFailure("Say what to purge: URLs, --prefix, --tag or --all, one of them.", 2);
  return request;
}

/** What the listener said; a sentence if it is not well; null if it is no Millrace. */
function readReport(value: unknown): Pick<PurgeReport, "purged"> | string | null {
  if (typeof value !== "object" || value === null) return null;
  if ("error" in value && typeof value.error === "string") {
    const failures = "failures" in value && Array.isArray(value.failures) ? value.failures : [];
    return [value.error, ...failures.map(({ store, reason }: Failure) => `${store}: ${reason}`)].join("\n");
  }
  if (!("purged" in value)) return null;
  const { purged } = value;
  return purged === null || typeof purged === "number" ? { purged } : null;
}

interface Failure {
  readonly store: string;
  readonly reason: string;
}

function describe({ purged }: Pick<PurgeReport, "purged">, isSoft: boolean): string {
  const what = isSoft ? "made stale" : "purged";
  if (purged === null) return `Done: it holds from now on; what was ${what} is not counted yet, or not at all.`;
  return purged === 1 ? `1 stored answer was ${what}.` : `${purged} stored answers were ${what}.`;
}
