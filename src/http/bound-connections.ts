/**
 * The connections to endpoints that belong to one client connection, because a login holds for them
 * (`connection-login.ts`). They serve no other client, carry that client's further requests to the same upstream, and
 * are closed with the client's connection at the latest.
 */

/** A connection to an endpoint, as its owner sees it. */
export interface BoundConnection {
  /** Ends it now. */
  close(): void;
}

/** A bound connection and where it leads. */
export interface Bond {
  readonly upstreamName: string;
  readonly endpointName: string;
  readonly connection: BoundConnection;
}

/**
 * The most upstreams that a client connection may be logged in to at a time. With one more, it has to log in again at
 * the one that it has not asked for longest.
 */
const maxBonds = 8;

/** The bound connections of one client connection, at most one for each upstream. */
export class BoundConnections {
  /** In the order of their last use: the one that was used longest ago comes first. */
  readonly #bonds: Bond[] = [];

  find(upstreamName: string): Bond | null {
    for (const bond of this.#bonds) if (bond.upstreamName === upstreamName) return bond;
    return null;
  }

  /** Takes `bond`, in place of the one to the same upstream, which is closed. */
  keep(bond: Bond): void {
    const before = this.find(bond.upstreamName);
    if (before !== null) {
      this.#remove(before);
      if (before.connection !== bond.connection) before.connection.close();
    }
    this.#bonds.push(bond);
    if (this.#bonds.length > maxBonds) this.#bonds.shift()!.connection.close();
  }

  /** Closes `bond`. */
  end(bond: Bond): void {
    this.#remove(bond);
    bond.connection.close();
  }

  /** The client's connection is gone. */
  close(): void {
    for (const bond of this.#bonds.splice(0)) bond.connection.close();
  }

  #remove(bond: Bond): void {
    this.#bonds.splice(this.#bonds.indexOf(bond), 1);
  }
}
