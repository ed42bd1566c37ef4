import type { Server } from "node:net";

/** Is `server`, which listens, a TCP socket, so that whoever connects has an address? An inherited socket may be either. */
export function isTcp(server: Server): boolean {
  const address = server.address();
  return typeof address === "object" && address !== null;
}
