/**
 * Opens a connection to an endpoint for one guest, an attempt or whoever wants the wire itself: the name is resolved,
 * then its addresses are tried, each a moment after the one before, and the first that takes the connection gets the
 * guest (Happy Eyeballs, RFC 8305 section 5). One deadline covers all of it, TLS included if there is any. Nothing stays
 * behind when it is over.
 */
import type { Attempt, AttemptHandle } from "../../http/attempt.ts";
import { Deadline, type TimerWheel } from "../../base/timer-wheel.ts";
import type { ScheduledCall } from "../../base/scheduler.ts";
import { ProxyError, type ReasonCode } from "../../http/reason.ts";
import type { DialFailure, Dialling, WireTaker } from "../../net/dialer.ts";
import type { TlsFailureKind } from "../../net/tls/peer-verdict.ts";
import type { Wire } from "../../net/wire.ts";
import type { PooledAddress } from "./address-rotation.ts";

/** How long an address may take before the next one is tried beside it; RFC 8305 section 8 recommends 250 ms. */
const attemptDelayMs = 250;

/** For whom a connection is opened. */
export interface DialGuest {
  /** There is none. Nothing follows. */
  onFailure(error: ProxyError): void;
}

/** What a dial needs from its transport. */
export interface DialHost<Guest extends DialGuest> {
  readonly wheel: TimerWheel;
  readonly connectTimeoutMs: number;
  /** What the endpoint is told first of all on a connection for `guest`; null = nothing. */
  prefaceFor(guest: Guest): Buffer | null;
  /** Begins to connect to `address`, and tells `taker` the outcome later. */
  open(address: PooledAddress, taker: WireTaker): Dialling;
  /** Gives `guest` the wire, which has come up and leads to `address`. */
  serve(guest: Guest, wire: Wire, address: PooledAddress): void;
  /** `address` took a connection. */
  onAddressUp(address: PooledAddress): void;
  /** `address` cannot be connected to, or is slower than another that was tried later. */
  onAddressDown(address: PooledAddress): void;
  /** The dial is over, with a connection or without. */
  onDialEnd(dial: Dial<Guest>): void;
}

interface Candidate {
  readonly address: PooledAddress;
  readonly dialling: Dialling;
}

/** Opens a connection for one guest and has it served there, or tells it the reason why not: once, unless it is cancelled. */
export class Dial<Guest extends DialGuest = Attempt> implements AttemptHandle, WireTaker {
  readonly preface: Buffer | null;
  /** Cancels the resolving of the name while that is under way; else null. */
  resolving: ScheduledCall | null = null;
  readonly #host: DialHost<Guest>;
  readonly #guest: Guest;
  readonly #deadline: Deadline;
  /** Null until there is another address to try. */
  #nextTry: Deadline | null = null;
  /** The addresses to try yet, the next one first. */
  #left: readonly PooledAddress[] = [];
  #underWay: Candidate[] = [];
  #hasAddresses = false;
  #isOver = false;
  /** Why it fails if no address is left. */
  #error: ProxyError | null = null;

  constructor(host: DialHost<Guest>, guest: Guest) {
    this.#host = host;
    this.#guest = guest;
    this.preface = host.prefaceFor(guest);
    this.#deadline = new Deadline(this.#onDeadline);
    if (host.connectTimeoutMs > 0) host.wheel.arm(this.#deadline, host.connectTimeoutMs);
  }

  /** How many connections it is trying to open. */
  get tryCount(): number {
    return this.#underWay.length;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Tries `addresses`, at least one, in this order. */
  begin(addresses: readonly PooledAddress[]): void {
    this.resolving = null;
    this.#hasAddresses = true;
    this.#left = addresses;
    this.#tryNext();
  }

  fail(error: ProxyError): void {
    if (this.#isOver) return;
    this.#end();
    this.#guest.onFailure(error);
  }

  // `AttemptHandle`: the attempt that waits.

  resume(): void {}

  cancel(): void {
    if (!this.#isOver) this.#end();
  }

  skip(): void {
    this.cancel();
  }

  // `WireTaker`.

  onWire(wire: Wire, dialling: Dialling): void {
    const at = this.#underWay.findIndex((candidate) => candidate.dialling === dialling);
    // Addresses that were tried earlier had more time than this one, and still have no connection.
    for (const { address } of this.#underWay.slice(0, at)) this.#host.onAddressDown(address);
    const [winner] = this.#underWay.splice(at, 1);
    const { address } = winner!;
    this.#host.onAddressUp(address);
    this.#end();
    this.#host.serve(this.#guest, wire, address);
  }

  onDialFailed(failure: DialFailure, dialling: Dialling): void {
    const at = this.#underWay.findIndex((candidate) => candidate.dialling === dialling);
    if (at === -1) return;
    const [failed] = this.#underWay.splice(at, 1);
    const error = new ProxyError(reasonOf(failure), { replay: "safe", detail: failure.detail });
    // A shortage of this process says nothing about the address, and the next address would meet it, too.
    if (error.code === "OVERLOADED") {
      this.fail(error);
      return;
    }
    this.#host.onAddressDown(failed!.address);
    // That one address cannot be reached from here (no IPv6 on this machine) matters only if it is so for all.
    if (this.#error === null || this.#error.side !== "upstream") this.#error = error;
    if (this.#left.length > 0) this.#tryNext();
    else if (this.#underWay.length === 0) this.fail(this.#error);
  }

  readonly #tryNext = (): void => {
    const [address, ...left] = this.#left;
    if (address === undefined || this.#isOver) return;
    this.#left = left;
    this.#underWay.push({ address, dialling: this.#host.open(address, this) });
    if (left.length > 0) this.#host.wheel.arm((this.#nextTry ??= new Deadline(this.#tryNext)), attemptDelayMs);
    else if (this.#nextTry !== null) this.#host.wheel.disarm(this.#nextTry);
  };

  readonly #onDeadline = (): void => {
    for (const { address } of this.#underWay) this.#host.onAddressDown(address);
    this.fail(new ProxyError(this.#waitedFor, { replay: "safe" }));
  };

  /** What has taken too long. */
  get #waitedFor(): ReasonCode {
    if (!this.#hasAddresses) return "UPSTREAM_DNS_TIMEOUT";
    return this.#underWay.some(({ dialling }) => dialling.isHandshaking)
      ? "UPSTREAM_TLS_TIMEOUT"
      : "UPSTREAM_CONNECT_TIMEOUT";
  }

  #end(): void {
    this.#isOver = true;
    this.#host.wheel.remove(this.#deadline);
    if (this.#nextTry !== null) this.#host.wheel.remove(this.#nextTry);
    this.resolving?.cancel();
    this.resolving = null;
    this.#left = [];
    const underWay = this.#underWay;
    this.#underWay = [];
    for (const { dialling } of underWay) dialling.cancel();
    this.#host.onDialEnd(this);
  }
}

const tlsReasons: Readonly<Record<TlsFailureKind, ReasonCode>> = {
  untrusted: "UPSTREAM_TLS_UNTRUSTED",
  expired: "UPSTREAM_TLS_EXPIRED",
  "wrong-name": "UPSTREAM_TLS_WRONG_NAME",
  refused: "UPSTREAM_TLS_REFUSED",
  protocol: "UPSTREAM_TLS_FAILED",
};

/** What this process or machine runs short of is no failure of the endpoint. */
function reasonOf({ shortage, tls }: DialFailure): ReasonCode {
  if (shortage === null) return tls === null ? "UPSTREAM_CONNECT_FAILED" : tlsReasons[tls];
  return shortage === "ports" ? "NO_LOCAL_ADDRESS" : "OVERLOADED";
}
