/**
 * Where the admin listener of a running Millrace is, and the token for it: by flags, the environment, or the
 * configuration.
 */
import type { Command } from "commander";
import type { ListenAddress } from "../net/listen-address.ts";
import { loadResolved, resolveConfig } from "./config-file.ts";
import { CommandFailure } from "./failure.ts";

/** What the user said of it. */
export interface AdminFlags {
  readonly admin?: string;
  readonly token?: string;
}

/** An admin listener, and the token to send to it; null if none is known. */
export interface AdminPlace {
  readonly address: ListenAddress;
  readonly token: string | null;
}

/** How the token is found, for the help of a command. */
export const tokenHelp =
  'The token is that of --token, of MILLRACE_ADMIN_TOKEN, or the first with the role "write" in the configuration.';

/** Declares the flags. */
export function addAdminOptions(command: Command): Command {
  return command
    .option("--admin <address>", "the admin listener, instead of the one in the configuration")
    .option("--token <token>", 'a token with the role "write"');
}

/** Finds the admin listener. @throws CommandFailure if it cannot be known */
export async function findAdmin(file: string | undefined, flags: AdminFlags): Promise<AdminPlace> {
  const given = flags.token ?? process.env["MILLRACE_ADMIN_TOKEN"] ?? null;
  if (flags.admin !== undefined) {
    const { parseListenAddress } = await import("../net/listen-address.ts");
    try {
      return { address: parseListenAddress(flags.admin), token: given };
    } catch (error) {
      throw error instanceof RangeError ? new CommandFailure(`--admin: ${error.message}.`, 2) : error;
    }
  }
  const origin = await resolveConfig(file);
  const config = await loadResolved(origin);
  if (config.admin === null)
    throw new CommandFailure(
      `${origin.name} has no "admin" section. Add one, or name the admin listener with --admin.`,
    );
  return {
    address: config.admin.address,
    token: given ?? config.admin.tokens.find((entry) => entry.role === "write")?.token ?? null,
  };
}
