/**
 * Which sockets of this machine listen on a TCP port. The kernel's table says it, so no socket has to be opened to find
 * out.
 */
import { open, readdir, readlink } from "node:fs/promises";
import { endianness } from "node:os";
import { readSocketLine, socketInodeOf, socketTables } from "./socket-table.ts";

/** The state LISTEN in the kernel's table. */
const listening = "0A";

/** A socket that listens, of any process. */
export interface PortListener {
  /** Its address, in the spelling of `normalizeIp` or `::`. */
  readonly host: string;
  readonly inode: string;
}

/** The sockets that listen on `port`; null if the system has no such table (only Linux has it). */
export async function findListeners(port: number): Promise<readonly PortListener[] | null> {
  try {
    const tables = await Promise.all(
      [socketTables.IPv4, socketTables.IPv6].map((path) =>
        readListeningPart(path).catch((error: NodeJS.ErrnoException) => {
          // If IPv6 is switched off, there is one table only.
          if (error.code === "ENOENT" && path === socketTables.IPv6) return "";
          throw error;
        }),
      ),
    );
    return tables.flatMap((table) => readListeners(table, port));
  } catch {
    return null;
  }
}

/** How much of a table is read at once: some four hundred lines. */
const partBytes = 65_536;

/**
 * The part of a table that lists listening sockets. It comes first (kernel documentation, `proc_net_tcp`), and the rest
 * may be large: 150 bytes for each connection of the machine, those that wait for their end included.
 */
export async function readListeningPart(path: string): Promise<string> {
  const part = Buffer.allocUnsafe(partBytes);
  let text = "";
  const file = await open(path);
  try {
    for (;;) {
      const { bytesRead } = await file.read(part, 0, partBytes, null);
      text += part.latin1Slice(0, bytesRead);
      const lastLine = text.slice(text.lastIndexOf("\n", text.lastIndexOf("\n") - 1) + 1);
      const isHeading = lastLine.length === text.length;
      if (bytesRead === 0 || (!isHeading && readSocketLine(lastLine)?.state !== listening)) return text;
    }
  } finally {
    await file.close();
  }
}

/** The lines of `table` for `port` in the state LISTEN. */
export function readListeners(table: string, port: number): PortListener[] {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return table.split("\n").flatMap((line) => {
    const found = readSocketLine(line);
    if (found === null || found.state !== listening || !found.local.endsWith(ending)) return [];
    return [{ host: readHost(found.local.slice(0, -ending.length)), inode: found.inode }];
  });
}

/** In the table, the words of an address are in the byte order of the machine. */
function readHost(hex: string): string {
  const bytes = Buffer.from(hex, "hex");
  if (endianness() === "LE") bytes.swap32();
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.every((byte) => byte === 0)) return "::";
  return Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(at * 2).toString(16)).join(":");
}

/** Which sockets this process has open, by inode. */
export async function findOwnSockets(): Promise<ReadonlySet<string>> {
  const links = await Promise.all(
    (await readdir("/proc/self/fd")).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")),
  );
  return new Set(links.flatMap((link) => socketInodeOf(link) ?? []));
}
