/** `millrace reload`: asks a running Millrace to read its configuration again, and says what came of it. */
import type { Command } from "commander";
import { addAdminOptions, type AdminFlags, findAdmin, tokenHelp } from "./admin-place.ts";
import { CommandFailure } from "./failure.ts";
import { print } from "./terminal.ts";

interface ReloadFlags extends AdminFlags {
  readonly pid?: string;
}

const examples = `
Examples:
  millrace reload                          the Millrace of this folder's configuration
  millrace reload --admin 127.0.0.1:9901   the one with this admin listener
  millrace reload --pid 1234               by signal; what comes of it is in its log

${tokenHelp}
`;

/** Declares the command. */
export function addReloadCommand(program: Command): Command {
  const command = program
    .command("reload")
    .usage("[options] [FILE]")
    .description("Make a running Millrace reload its configuration.")
    .argument("[file]", "the configuration, which says where the admin listener is (default: the one in this folder)");
  return addAdminOptions(command)
    .option("--pid <pid>", "send SIGHUP to this process instead")
    .addHelpText("after", examples)
    .action(async (file: string | undefined, flags: ReloadFlags) => {
      if (flags.pid !== undefined) signalProcess(flags.pid);
      else await requestReload(file, flags);
    });
}

function signalProcess(pid: string): void {
  if (!/^[1-9]\d*$/.test(pid)) throw new CommandFailure(`--pid wants the number of a process, not "${pid}".`, 2);
  try {
    process.kill(Number(pid), "SIGHUP");
  } catch (error) {
    const isGone = error instanceof Error && "code" in error && error.code === "ESRCH";
    throw new CommandFailure(isGone ? `There is no process ${pid}.` : `No permission to signal process ${pid}.`);
  }
  print(`Asked process ${pid} to reload; its log says what came of it.`);
}

async function requestReload(file: string | undefined, flags: ReloadFlags): Promise<void> {
  const { address, token } = await findAdmin(file, flags);
  const { postReload } = await import("./admin-client.ts");
  const { isApplied, report } = await postReload(address, token);
  if (!isApplied) throw new CommandFailure(`${report}\n\nThe running configuration was kept.`);
  print(`Reloaded: ${report}.`);
}
