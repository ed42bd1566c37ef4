/**
 * The addresses of one endpoint in one thread, each with its idle connections: whose turn it is, in what order a new
 * connection tries them, and which of them failed lately. A name may stand for many machines; all of them serve.
 */
import { ipVersion } from "../../base/ip-address.ts";
import type { Clock } from "../../base/clock.ts";
import type { PooledConnection } from "../../http1/endpoint-side/pooled-connection.ts";
import type { DialTarget } from "../../net/dial-target.ts";

/**
 * An address that cannot be connected to is passed over for this time, while there are others; then one connection
 * tries it.
 */
const avoidMs = 30_000;
/** The most addresses that one connection tries before it gives up. */
const maxTries = 8;

/** One address, and what this thread knows about it. */
export class PooledAddress {
  /** The address itself, or the path of a Unix socket. */
  readonly name: string;
  readonly target: DialTarget;
  readonly family: number;
  /** Idle connections, the youngest last. */
  readonly idle: PooledConnection[] = [];
  /** Until this time other addresses are preferred; 0 = it is as good as any. */
  avoidUntilMs = 0;
  /** The name no longer stands for it: its connections are closed after their last answer. */
  isGone = false;

  constructor(name: string, target: DialTarget) {
    this.name = name;
    this.target = target;
    this.family = ipVersion(name);
  }
}

/** The addresses of one endpoint in their order of use; addresses that failed lately come last. */
export class AddressRotation {
  #addresses: readonly PooledAddress[] = [];
  #byName = new Map<string, PooledAddress>();
  #cursor = 0;
  /** An address is avoided, or was not long ago. */
  #hasAvoided = false;

  /** A rotation of one address, which never changes. */
  static of(name: string, target: DialTarget): AddressRotation {
    const rotation = new AddressRotation();
    rotation.#addresses = [new PooledAddress(name, target)];
    return rotation;
  }

  get addresses(): readonly PooledAddress[] {
    return this.#addresses;
  }

  /**
   * Makes `names` the addresses; what is known about those that stay is kept. @returns those that are no longer among
   * them, marked as gone
   */
  update(names: readonly string[], port: number): PooledAddress[] {
    const before = this.#byName;
    this.#byName = new Map();
    for (const name of names) this.#byName.set(name, before.get(name) ?? new PooledAddress(name, { host: name, port }));
    this.#addresses = [...this.#byName.values()];
    const gone = [...before.values()].filter((address) => !this.#byName.has(address.name));
    for (const address of gone) address.isGone = true;
    return gone;
  }

  /**
   * Takes a turn: returns the address whose turn it is; null if none is known. An address that failed is passed over
   * for a while and then has one turn: unless that ends in a connection, it is passed over again. If all have failed,
   * none is passed over.
   */
  next(clock: Clock): PooledAddress | null {
    const count = this.#addresses.length;
    if (count <= 1) return this.#addresses[0] ?? null;
    if (!this.#hasAvoided) return this.#turn();
    const nowMs = clock.now();
    for (let step = 0; step < count; step++) {
      const address = this.#turn();
      if (address.avoidUntilMs === 0) return address;
      if (address.avoidUntilMs <= nowMs) {
        address.avoidUntilMs = nowMs + avoidMs;
        return address;
      }
    }
    return this.#turn();
  }

  #turn(): PooledAddress {
    this.#cursor = (this.#cursor + 1) % this.#addresses.length;
    return this.#addresses[this.#cursor]!;
  }

  /**
   * The addresses that a new connection tries, in order: `first`, then the others, families in turn (RFC 8305 section
   * 4), those that failed lately last.
   */
  orderFrom(first: PooledAddress, nowMs: number): PooledAddress[] {
    const start = this.#addresses.indexOf(first);
    const others =
      start === -1 ? [...this.#addresses] : [...this.#addresses.slice(start + 1), ...this.#addresses.slice(0, start)];
    const good = others.filter((address) => address.avoidUntilMs <= nowMs);
    const avoided = others.filter((address) => address.avoidUntilMs > nowMs);
    return [...(start === -1 ? [] : [first]), ...interleave(good, first.family), ...avoided].slice(0, maxTries);
  }

  noteFailure(address: PooledAddress, nowMs: number): void {
    address.avoidUntilMs = nowMs + avoidMs;
    this.#hasAvoided = true;
  }

  noteSuccess(address: PooledAddress): void {
    if (address.avoidUntilMs === 0) return;
    address.avoidUntilMs = 0;
    this.#hasAvoided = this.#addresses.some((one) => one.avoidUntilMs > 0);
  }
}

/** `addresses` with families in turn, beginning with the one that is not `family`. */
function interleave(addresses: readonly PooledAddress[], family: number): PooledAddress[] {
  const same = addresses.filter((address) => address.family === family);
  const other = addresses.filter((address) => address.family !== family);
  return addresses.flatMap((_, at) => [...other.slice(at, at + 1), ...same.slice(at, at + 1)]);
}
