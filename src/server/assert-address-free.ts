/**
 * Looks whether an address is free before it is opened. Several sockets of one user can share a port (SO_REUSEPORT)
 * without either knowing; so a socket of ours would open beside that of another process, and take half of its
 * connections. A proxy's own sockets on the port are no hindrance: a reload moves `127.0.0.1:80` to `:80`.
 */
import { createServer } from "node:net";
import { lookup } from "node:dns/promises";
import { coversAddress, type ListenAddress, type TcpListenAddress } from "../net/listen-address.ts";
import { findListeners, findOwnSockets } from "../net/listening-ports.ts";

/**
 * Makes sure that nobody else listens on an address.
 * @param own where the proxy listens already @throws EADDRINUSE if another process, or another proxy of this one,
 * listens there
 */
export async function assertAddressFree(
  address: ListenAddress,
  own: readonly { readonly port: number }[],
): Promise<void> {
  if (address.kind !== "tcp" || address.port === 0) return;
  const listeners = await findListeners(address.port);
  if (listeners?.length === 0) return;
  const isOwnPort = own.some(({ port }) => port === address.port);
  // To open it even for a moment would tell whoever waits for this proxy that it is there.
  if (!isOwnPort) return openOnce(address);
  if (listeners === null) return;
  const ownSockets = await findOwnSockets();
  const wanted = { ...address, host: address.host === null ? null : (await lookup(address.host)).address };
  for (const { host, inode } of listeners) {
    const found: TcpListenAddress = { kind: "tcp", host, port: address.port };
    if (!ownSockets.has(inode) && (coversAddress(wanted, found) || coversAddress(found, wanted))) throw inUse(address);
  }
}

/**
 * Adds to the error of an address that is taken, as `usedBy`, which of `users` has taken it.
 * @returns `error`, whatever it is
 */
export function withUser(error: unknown, users: readonly { readonly port: number; readonly name: string }[]): unknown {
  if (!(error instanceof Error) || !("code" in error) || error.code !== "EADDRINUSE" || !("port" in error))
    return error;
  const user = users.find(({ port }) => port > 0 && port === error.port);
  return user === undefined ? error : Object.assign(error, { usedBy: user.name });
}

function inUse({ host, port }: TcpListenAddress): Error {
  const address = host ?? "::";
  return Object.assign(new Error(`listen EADDRINUSE: address already in use ${address}:${port}`), {
    code: "EADDRINUSE",
    syscall: "listen",
    address,
    port,
  });
}

async function openOnce(address: TcpListenAddress): Promise<void> {
  const probe = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  probe.once("error", reject);
  probe.listen({ port: address.port, exclusive: true, ...(address.host !== null && { host: address.host }) }, resolve);
  await promise;
  await new Promise((done) => probe.close(done));
}
