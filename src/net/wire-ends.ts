/** Where a client's connection comes from and where it went to. */
import { normalizeIp } from "../base/ip-address.ts";
import type { HeaderAddresses } from "./proxy-protocol/write-header.ts";
import type { Wire } from "./wire.ts";

/**
 * The ends of the connection that `wire` is to a client: those that a PROXY header named, else those of the socket. Null =
 * it has none, as on a Unix socket, or it is gone.
 */
export function endsOf({ origin, kernelSocket }: Wire): HeaderAddresses | null {
  const { peerAddress, peerPort, proxied } = origin;
  if (peerAddress === "") return null;
  const source = { address: peerAddress, port: peerPort };
  if (proxied?.destination != null) return { source, destination: proxied.destination };
  const own = kernelSocket.localEnd();
  return own === null ? null : { source, destination: { address: normalizeIp(own.address) ?? "", port: own.port } };
}
