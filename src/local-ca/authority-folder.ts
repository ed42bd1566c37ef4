/**
 * Where a local authority is kept: two files of a folder that nobody else can read, shared by all processes of a user.
 */
import { homedir } from "node:os";
import { join } from "node:path";

/** systemd says where a service may keep something; else it is kept with the data of the user. */
export function defaultAuthorityFolder(
  environment: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform = process.platform,
): string {
  const own = environment["MILLRACE_CA_FOLDER"] ?? "";
  if (own !== "") return own;
  const state = environment["STATE_DIRECTORY"]?.split(":")[0] ?? "";
  if (state !== "") return join(state, "ca");
  const data = environment["XDG_DATA_HOME"] ?? "";
  if (data !== "") return join(data, "millrace/ca");
  const local = environment["LOCALAPPDATA"] ?? "";
  if (platform === "win32" && local !== "") return join(local, "Millrace/ca");
  const home = platform === "darwin" ? "Library/Application Support/Millrace/ca" : ".local/share/millrace/ca";
  return join(homedir(), home);
}
