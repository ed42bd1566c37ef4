/** Where a process keeps what must outlive it, if nobody says where: one rule for all that is kept. */
import { homedir } from "node:os";
import { join } from "node:path";

/**
 * The folder for what is called `name`. systemd says where a service may keep something (`StateDirectory=`); else it is
 * kept with the data of the user. Nothing is made.
 */
export function stateFolder(
  environment: Readonly<Record<string, string | undefined>>,
  name: string,
  platform: NodeJS.Platform = process.platform,
): string {
  const state = environment["STATE_DIRECTORY"]?.split(":")[0] ?? "";
  if (state !== "") return join(state, name);
  const data = environment["XDG_DATA_HOME"] ?? "";
  if (data !== "") return join(data, "millrace", name);
  const local = environment["LOCALAPPDATA"] ?? "";
  if (platform === "win32" && local !== "") return join(local, "Millrace", name);
  const home = platform === "darwin" ? "Library/Application Support/Millrace" : ".local/share/millrace";
  return join(homedir(), home, name);
}
