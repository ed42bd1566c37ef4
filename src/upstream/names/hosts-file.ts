/** The hosts file: names that are known without a name server. */
import { ipVersion } from "../../base/ip-address.ts";

/** Addresses by name (in lower case, without a dot at the end), in the order of the file. */
export type HostsTable = ReadonlyMap<string, readonly string[]>;

/** Its path. */
export const hostsPath =
  process.platform === "win32"
    ? `${process.env["SystemRoot"] ?? "C:\\Windows"}\\System32\\drivers\\etc\\hosts`
    : "/etc/hosts";

/** Reads the text of a hosts file; malformed lines are ignored. */
export function parseHosts(text: string): HostsTable {
  const table = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const [address = "", ...names] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (ipVersion(address) === 0) continue;
    for (const written of names) {
      const name = written.toLowerCase().replace(/\.$/, "");
      const addresses = table.get(name);
      if (addresses === undefined) table.set(name, [address]);
      else if (!addresses.includes(address)) addresses.push(address);
    }
  }
  return table;
}
