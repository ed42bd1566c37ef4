/** `millrace reload`: asks a running Millrace to read its configuration again, and says what came of it. */
import type { Command } from "commander";
import type { ListenAddress } from "../net/listen-address.ts";
import { resolveConfigFile } from "./config-file.ts";
import { CommandFailure } from "./failure.ts";
import { toCommandFailure } from "./problems.ts";

interface ReloadFlags {
  readonly admin?: string;
  readonly token?: string;
  readonly pid?: string;
}

const examples = `
Examples:
  millrace reload                          the Millrace of this folder's configuration
  millrace reload --admin 127.0.0.1:9901   the one with this admin listener
  millrace reload --pid 1234               by signal; what comes of it is in its log

The token is that of --token, of MILLRACE_ADMIN_TOKEN, or the first with the role "write" in the configuration.
`;

/** Declares the command. */
export function addReloadCommand(program: Command): Command {
  return program
    .command("reload")
    .usage("[options] [FILE]")
    .description("Make a running Millrace reload its configuration.")
    .argument("[file]", "the configuration, which says where the admin listener is (default: the one in this folder)")
    .option("--admin <address>", "the admin listener, instead of the one in the configuration")
    .option("--token <token>", "a token with the role \"write\"")
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
  console.log(`Asked process ${pid} to reload; its log says what came of it.`);
}

async function requestReload(file: string | undefined, flags: ReloadFlags): Promise<void> {
  const { address, token } = await findAdmin(file, flags);
  const { postReload } = await import("./admin-client.ts");
  const { isApplied, report } = await postReload(address, flags.token ?? process.env["MILLRACE_ADMIN_TOKEN"] ?? token);
  if (!isApplied) throw new CommandFailure(`${report}\n\nThe running configuration was kept.`);
  console.log(`Reloaded: ${report}.`);
}

/** Where the admin listener is, and a token for it where the configuration has one. */
async function findAdmin(file: string | undefined, flags: ReloadFlags): Promise<{ address: ListenAddress; token: string | null }> {
  if (flags.admin !== undefined) {
    const { parseListenAddress } = await import("../net/listen-address.ts");
    try {
      return { address: parseListenAddress(flags.admin), token: null };
    } catch (error) {
      throw error instanceof RangeError ? new CommandFailure(`--admin: ${error.message}.`, 2) : error;
    }
  }
  const path = await resolveConfigFile(file);
  const { loadConfig } = await import("../config/load-config.ts");
  let config;
  try {
    config = await loadConfig(path);
  } catch (error) {
    throw await toCommandFailure(error);
  }
  if (config.admin === null) throw new CommandFailure(`${path} has no "admin" section. Add one, name the admin listener with --admin, or use \`millrace reload --pid PID\`.`);
  return { address: config.admin.address, token: config.admin.tokens.find((entry) => entry.role === "write")?.token ?? null };
}
