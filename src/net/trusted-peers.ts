/** The peers whose forwarding fields a listener believes: `trustedProxies`, compiled. */
import { AddressSet } from "./address-set.ts";
import { unixPeers } from "./listen-address.ts";

/** Says whether the forwarding fields of a peer are believed. Immutable. */
export class TrustedPeers {
  readonly #networks: AddressSet;
  readonly #hasUnixPeers: boolean;

  /**
   * @param entries networks, and `unix` for every client of a Unix socket
   * @throws RangeError as `AddressSet` does
   */
  constructor(entries: readonly string[]) {
    this.#networks = new AddressSet(entries.filter((entry) => entry !== unixPeers));
    this.#hasUnixPeers = entries.includes(unixPeers);
  }

  /**
   * Are the forwarding fields of the peer with this address believed? @param address normalised; empty = it is a client
   * of a Unix socket (a TCP client without an address is closed before)
   */
  has(address: string): boolean {
    return address === "" ? this.#hasUnixPeers : this.#networks.has(address);
  }
}
