/** Does anybody on this machine listen on a TCP port? Asked of the kernel's table, so that nothing has to be opened to find out. */
import { readFile } from "node:fs/promises";

/** The state LISTEN in the kernel's table. */
const listening = "0A";

/** @returns null where the system has no such table (it is Linux's) */
export async function isPortListenedOn(port: number): Promise<boolean | null> {
  try {
    const tables = await Promise.all(["/proc/net/tcp", "/proc/net/tcp6"].map((path) => readFile(path, "latin1").catch((error: NodeJS.ErrnoException) => {
      // Where IPv6 is switched off there is one table only.
      if (error.code === "ENOENT" && path.endsWith("6")) return "";
      throw error;
    })));
    return tables.some((table) => hasListener(table, port));
  } catch {
    return null;
  }
}

/** Is there a line `sl local_address rem_address st …` for `port` in the state LISTEN? */
export function hasListener(table: string, port: number): boolean {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return table.split("\n").some((line) => {
    const [, local, , state] = line.trim().split(/\s+/);
    return state === listening && local !== undefined && local.endsWith(ending);
  });
}
