/**
 * Tells a failure to connect that is a shortage of this process or machine, and so says nothing about the peer, from
 * other failures.
 *
 * `EADDRNOTAVAIL` (and `EADDRINUSE`): every local port towards that address is in use, or this machine has no address
 * of that family. `EAGAIN`: on TCP a table of the kernel is full. On a Unix socket it means that the backlog of the
 * socket's owner is full, so it is the endpoint that cannot keep up.
 */
const shortages: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]);
const portShortages: ReadonlySet<string> = new Set(["EADDRNOTAVAIL", "EADDRINUSE"]);

/**
 * Which shortage is the system's error `code`, met while connecting? `sockets`: no descriptor or memory; `ports`: no
 * local address or port; null: none, the failure concerns the peer.
 */
export function socketShortage(code: string | undefined, family: "tcp" | "unix"): "sockets" | "ports" | null {
  if (code === undefined) return null;
  if (shortages.has(code)) return "sockets";
  if (portShortages.has(code)) return "ports";
  return code === "EAGAIN" && family === "tcp" ? "sockets" : null;
}
