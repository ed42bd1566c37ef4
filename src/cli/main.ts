/** The entry of the command line: runs a command and decides how the process ends. */
import { inspect } from "node:util";
import { type EarlySignals, setEarlySignals } from "./early-signals.ts";
import { CommandFailure, describeSystemError } from "./failure.ts";
import { parsePlainRun } from "./plain-run.ts";
import { hearOutputErrors, printError } from "./terminal.ts";

/**
 * Runs a command. Sets `process.exitCode`; a command that serves keeps the process alive after this returns.
 * @param args what follows the program's name
 * @param early who has caught signals since the process began
 */
export async function main(args: readonly string[], early?: EarlySignals): Promise<void> {
  if (early !== undefined) setEarlySignals(early);
  hearOutputErrors();
  try {
    const plainRun = parsePlainRun(args);
    if (plainRun === null) {
      const { runProgram } = await import("./program.ts");
      await runProgram(args);
    } else {
      const { runFile } = await import("./run.ts");
      await runFile(plainRun);
    }
  } catch (error) {
    printError(error instanceof CommandFailure ? error.message : (describeSystemError(error) ?? inspect(error)));
    process.exitCode = error instanceof CommandFailure ? error.exitCode : 1;
  }
}
