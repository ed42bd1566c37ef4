/**
 * Which commands there are. Each command's file declares its options and loads what it needs only when it runs, so that
 * `version` and `--help` answer at once.
 */
import { Command, CommanderError } from "commander";
import { version } from "../base/version.ts";
import { addCheckCommand } from "./check.ts";
import { addDemoCommand } from "./demo.ts";
import { addDrainCommand } from "./drain.ts";
import { addEnableCommand } from "./enable.ts";
import { addPlannedCommands } from "./planned.ts";
import { addProxyCommand } from "./proxy.ts";
import { addPurgeCommand } from "./purge.ts";
import { addPushCommand } from "./push.ts";
import { addReloadCommand } from "./reload.ts";
import { addRunCommand } from "./run.ts";
import { addSchemaCommand } from "./schema.ts";
import { addTrustCommand } from "./trust.ts";
import { addVersionCommand } from "./version.ts";
import { addWeightCommand } from "./weight.ts";

const examples = `
Examples:
  millrace demo                                        three backends and a proxy, to look around
  millrace proxy --listen :8080 http://localhost:3000  a proxy without a configuration file
  millrace run millrace.yaml                           a proxy by a configuration file
  millrace check millrace.yaml                         all mistakes of a file at once

Exit codes: 0 fine, 1 configuration or run-time error, 2 wrong usage.
Signals: SIGTERM and SIGINT finish what is under way and stop (a second one: at once), SIGHUP reloads, SIGUSR1 reopens the logs.
`;

/** Runs the command that `args` name. Sets `process.exitCode` after help, and after wrong usage that was printed. */
export async function runProgram(args: readonly string[]): Promise<void> {
  const program = buildProgram();
  try {
    if (args.length === 0) program.help({ error: true });
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  }
}

/** The width of the terminal; without one, enough for a sentence. */
function terminalWidth(): number {
  return process.stdout.columns ?? 110;
}

/**
 * The command line, ready to parse. Ends by throwing `CommanderError`.
 * @param helpWidth how wide help may be, in characters; default: as wide as the terminal
 */
export function buildProgram(helpWidth: () => number = terminalWidth): Command {
  const program = new Command("millrace")
    .description("A reverse proxy and load balancer.")
    .usage("COMMAND [options]")
    .version(`millrace ${version}`, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [COMMAND]", "Print the help of a command.")
    .configureHelp({
      showGlobalOptions: false,
      subcommandTerm: (command) => `${command.name()} ${command.usage().replace("[options]", "").trim()}`.trim(),
    })
    .configureOutput({ getOutHelpWidth: helpWidth, getErrHelpWidth: helpWidth })
    .showHelpAfterError("(`millrace --help` lists the commands)")
    .addHelpText("after", examples)
    .exitOverride();
  for (const addCommand of [
    addDemoCommand,
    addProxyCommand,
    addRunCommand,
    addCheckCommand,
    addSchemaCommand,
    addReloadCommand,
    addPushCommand,
    addDrainCommand,
    addEnableCommand,
    addWeightCommand,
    addPurgeCommand,
    addTrustCommand,
    addVersionCommand,
  ]) {
    const command = addCommand(program);
    command.configureOutput({ getOutHelpWidth: helpWidth, getErrHelpWidth: helpWidth });
    command
      .helpOption("-h, --help", "print this help")
      .showHelpAfterError(`(\`millrace ${command.name()} --help\` lists the options)`)
      .exitOverride();
  }
  addPlannedCommands(program);
  return program;
}
