/** Whose forwarding fields a listener believes: `trustedProxies`, compiled. */
import { AddressSet } from "./address-set.ts";
import { unixPeers } from "./listen-address.ts";

/** Says whether the forwarding fields of a peer are believed. Immutable. */
export class TrustedPeers {
  readonly #networks: AddressSet;
  readonly #hasUnixPeers: boolean;

  /**
   * @param entries networks, and `unix` for whoever connects to a Unix socket @throws RangeError as `AddressSet` does
   */
  constructor(entries: readonly string[]) {
    this.#networks = new AddressSet(entries.filter((entry) => entry !== unixPeers));
    this.#hasUnixPeers = entries.includes(unixPeers);
  }

  /** @param address normalised; empty = the peer has none, as on a Unix socket: nobody else gets so far */
  has(address: string): boolean {
    return address === "" ? this.#hasUnixPeers : this.#networks.has(address);
  }
}
