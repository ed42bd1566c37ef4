/** `millrace check`: all mistakes of a configuration at once; with `--online`, what its sources of endpoints say. */
import type { Command } from "commander";
import { loadResolved, resolveConfig } from "./config-file.ts";
import { describeConfig } from "./config-summary.ts";
import { CommandFailure } from "./failure.ts";
import { toCommandFailure } from "./problems.ts";
import { print, printError } from "./terminal.ts";

const examples = `
Examples:
  millrace check millrace.yaml           validate a file
  millrace check --online millrace.yaml  and ask each source of \`discovery\` what it says
  millrace check etcd://127.0.0.1:2379/millrace/config
`;

/** Declares the command. */
export function addCheckCommand(program: Command): Command {
  return program
    .command("check")
    .usage("[options] [FILE]")
    .description("Validate a configuration.")
    .argument("[file]", "the configuration, or the URL of a store and a key (default: the one in this folder)")
    .option("--online", "ask every source of endpoints once, and tell what it says")
    .addHelpText("after", examples)
    .action(async (given: string | undefined, { online }: { online?: true }) => {
      const origin = await resolveConfig(given);
      try {
        const config = await loadResolved(origin);
        const { findConfigWarnings } = await import("../config/config-warnings.ts");
        const { checkEndpointTlsFiles } = await import("../server/certificates/endpoint-tls-keeper.ts");
        const { checkListenerTlsFiles } = await import("../server/certificates/check-listener-files.ts");
        const ofFiles = [...(await checkListenerTlsFiles(config)), ...(await checkEndpointTlsFiles(config))];
        for (const warning of [...findConfigWarnings(config), ...ofFiles]) printError(`warning: ${warning}`);
        print(`${origin.name} is valid: ${describeConfig(config)}.`);
        if (online === true) await tellSources(config);
      } catch (error) {
        throw await toCommandFailure(error);
      }
    });
}

async function tellSources(config: Parameters<typeof describeConfig>[0]): Promise<void> {
  const { checkOnline } = await import("./online-check.ts");
  const reports = await checkOnline(config);
  if (reports.length === 0) return print("No upstream has a discovery: there is nothing to ask.");
  for (const { isGood, lines, warnings } of reports) {
    for (const line of lines) (isGood ? print : printError)(isGood ? line : `error: ${line}`);
    for (const warning of warnings) printError(`warning: ${warning}`);
  }
  const failed = reports.filter(({ isGood }) => !isGood).length;
  if (failed > 0)
    throw new CommandFailure(
      `${failed} of ${reports.length} ${reports.length === 1 ? "source" : "sources"} could not be asked.`,
    );
}
