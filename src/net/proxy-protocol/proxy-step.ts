/**
 * The step of a listener that takes PROXY headers: reads the header of a trusted peer and puts the address that it names
 * in place of the peer's. A trusted peer has to send one. Of others nothing is read here: a header of theirs is what it
 * is to the protocol that follows, a malformed request.
 */
import { Deadline, type TimerWheel } from "../../base/timer-wheel.ts";
import { JoinedBytes } from "../joined-bytes.ts";
import type { WireStep } from "../protocol.ts";
import type { TrustedPeers } from "../trusted-peers.ts";
import type { Wire, WireReader } from "../wire.ts";
import { describeHeader } from "./describe-header.ts";
import type { HeaderProblem, ProxyHeader } from "./proxy-header.ts";
import { readProxyHeader } from "./read-header.ts";

/** Why a connection of a trusted peer was closed. */
export type ProxyHeaderFailure = HeaderProblem | "PROXY header took too long" | "closed before its PROXY header";

/** What the step is made of. */
export interface ProxyStepParts {
  readonly trusted: TrustedPeers;
  readonly wheel: TimerWheel;
  /** Milliseconds for the header, from the beginning of the connection. */
  readonly timeoutMs: number;
  /** The wire is closed because of `failure`. */
  onRefused(wire: Wire, failure: ProxyHeaderFailure): void;
}

/** The step before all others. */
export function proxyStep(parts: ProxyStepParts): WireStep {
  return (wire, next) => {
    if (!parts.trusted.has(wire.origin.peerAddress)) {
      next(wire);
      return;
    }
    const reader = new HeaderReader(parts, wire, next);
    wire.handTo(reader);
    return () => reader.end();
  };
}

const nothing = Buffer.alloc(0);

/** Has a wire until its header is read. */
class HeaderReader implements WireReader {
  readonly #parts: ProxyStepParts;
  readonly #wire: Wire;
  readonly #next: (wire: Wire) => void;
  readonly #deadline: Deadline;
  readonly #joined = new JoinedBytes();
  #before: Buffer = nothing;

  constructor(parts: ProxyStepParts, wire: Wire, next: (wire: Wire) => void) {
    this.#parts = parts;
    this.#wire = wire;
    this.#next = next;
    this.#deadline = new Deadline(() => this.#refuse("PROXY header took too long"));
    parts.wheel.arm(this.#deadline, parts.timeoutMs);
  }

  onBytes(bytes: Buffer, byteCount: number): void {
    const chunk = bytes.subarray(0, byteCount);
    const all = this.#before.length === 0 ? chunk : this.#joined.join(this.#before, chunk);
    const reading = readProxyHeader(all);
    if (typeof reading === "number") this.#before = all === chunk ? this.#joined.join(nothing, chunk) : all;
    else if (typeof reading === "string") this.#refuse(reading);
    else this.#pass(reading, all, chunk);
  }

  #pass(header: ProxyHeader, all: Buffer, chunk: Buffer): void {
    this.end();
    const wire = this.#wire;
    const { origin } = wire;
    const { source, destination } = header;
    wire.origin = {
      ...origin,
      peerAddress: source === null ? origin.peerAddress : source.address,
      peerPort: source === null ? origin.peerPort : source.port,
      proxied: { destination, note: describeHeader(header, origin) },
    };
    // The header was not complete before this read: what follows it came with this read.
    if (header.byteCount < all.length) wire.putBack(chunk.subarray(chunk.length - (all.length - header.byteCount)));
    this.#next(wire);
  }

  /** The wire is handed on, or closed. */
  end(): void {
    this.#parts.wheel.remove(this.#deadline);
  }

  #refuse(failure: ProxyHeaderFailure): void {
    this.end();
    this.#wire.destroy();
    this.#parts.onRefused(this.#wire, failure);
  }

  onEnd(): void {
    this.#leave();
  }

  onGone(): void {
    this.#leave();
  }

  /** A load balancer looks whether somebody listens by connecting alone: nothing is wrong with that. */
  #leave(): void {
    if (this.#before.length > 0) this.#refuse("closed before its PROXY header");
    else this.#wire.destroy();
  }

  onWritable(): void {}
  onFinish(): void {}
}
