/**
 * The kernel's tables of TCP sockets (`/proc/net/tcp` and `tcp6`, Linux only; see proc_pid_net(5)), and the numbers
 * that identify sockets there: their inodes.
 */

/** The paths of the tables. The second is missing if IPv6 is switched off. */
export const socketTables = { IPv4: "/proc/net/tcp", IPv6: "/proc/net/tcp6" } as const;

/** What a line of a table says of a socket. */
export interface SocketLine {
  /** Address and port in hexadecimal; the words of the address are in the byte order of the machine. */
  readonly local: string;
  /** The state of TCP in hexadecimal, such as `0A` (LISTEN). */
  readonly state: string;
  /** Bytes that the peer has not acknowledged; NaN if the line does not say it. */
  readonly unsentBytes: number;
  readonly inode: string;
}

/**
 * Reads one line: number, both addresses, state, `tx_queue:rx_queue`, three columns of timers, user, a timeout, inode.
 * @returns null if it has fewer columns
 */
export function readSocketLine(line: string): SocketLine | null {
  const [, local, , state, queues, , , , , inode] = line.trimStart().split(/ +/, 10);
  if (local === undefined || state === undefined || queues === undefined || inode === undefined) return null;
  return { local, state, unsentBytes: Number.parseInt(queues, 16), inode };
}

/** The inode in the link target of a descriptor under `/proc/self/fd`, `socket:[4711]`; null if it is no socket. */
export function socketInodeOf(link: string): string | null {
  return /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? null;
}
