/** `millrace check`: all mistakes of a configuration file at once. */
import type { Command } from "commander";
import { loadResolved, resolveConfig } from "./config-file.ts";
import { describeConfig } from "./config-summary.ts";
import { toCommandFailure } from "./problems.ts";
import { print, printError } from "./terminal.ts";

/** Declares the command. */
export function addCheckCommand(program: Command): Command {
  return program
    .command("check")
    .usage("[FILE]")
    .description("Validate a configuration file.")
    .argument("[file]", "the configuration (default: the one in this folder)")
    .action(async (given: string | undefined) => {
      const origin = await resolveConfig(given);
      try {
        const config = await loadResolved(origin);
        const { findConfigWarnings } = await import("../config/config-warnings.ts");
        const { checkEndpointTlsFiles } = await import("../server/certificates/endpoint-tls-keeper.ts");
        const { checkListenerTlsFiles } = await import("../server/certificates/check-listener-files.ts");
        const ofFiles = [...(await checkListenerTlsFiles(config)), ...(await checkEndpointTlsFiles(config))];
        for (const warning of [...findConfigWarnings(config), ...ofFiles]) printError(`warning: ${warning}`);
        print(`${origin.name} is valid: ${describeConfig(config)}.`);
      } catch (error) {
        throw await toCommandFailure(error);
      }
    });
}
