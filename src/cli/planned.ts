/**
 * The commands of the user interface that this version does not have yet: a user who tries one is told that, and not
 * that there is no such thing.
 */
import type { Command } from "commander";
import { CommandFailure } from "./failure.ts";

/** Their names. */
const plannedCommands = [
  "explain",
  "fmt",
  "top",
  "status",
  "tail",
  "diff",
  "import",
  "capture",
  "replay",
  "upgrade",
  "test",
] as const;

/** Declares them all, hidden from the help; whatever arguments they are given, they fail as wrong usage does. */
export function addPlannedCommands(program: Command): void {
  for (const name of plannedCommands) {
    program
      .command(name, { hidden: true })
      .argument("[arguments...]")
      .allowUnknownOption()
      .helpOption(false)
      .action(() => {
        throw new CommandFailure(
          `The command "${name}" is not available in this version.\n(\`millrace --help\` lists the commands)`,
          2,
        );
      });
  }
}
