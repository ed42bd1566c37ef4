/**
 * Passes bytes between two wires, unread, until both directions have ended. Each direction ends by itself (a FIN is
 * passed on as a FIN, behind the bytes before it) and has its own back-pressure: while one side takes nothing, the other
 * one is not read, so that a session holds one read of each side at most. A reset is passed on as a reset; that of an
 * endpoint when the client has what was sent before it, which a reset would throw away. A session in which nothing moves
 * for long is given up: by resets, too, so that neither side takes what it has for complete.
 */
import { Deadline, type TimerWheel } from "../base/timer-wheel.ts";
import { BlockPool } from "../net/block-pool.ts";
import { readMemoryBytes } from "../net/bare-socket.ts";
import { LastBytes } from "../net/last-bytes.ts";
import { WireMemory } from "../net/kernel-socket.ts";
import type { Wire, WireReader } from "../net/wire.ts";

/** How a relay ended. The client's or the endpoint's connection was lost; or nothing moved for too long. */
export type RelayEnd = "complete" | "client-lost" | "endpoint-lost" | "idle" | "closed";

/** Whoever has bytes relayed. */
export interface RelayHost {
  /** It is over, and both wires are closed: once. @param error of the connection that was lost */
  onRelayEnd(end: RelayEnd, error: NodeJS.ErrnoException | null): void;
  /** The first byte of the endpoint has come. */
  onFirstByte(): void;
  onInternalError(error: unknown): void;
}

/** What a relay is made of. */
export interface RelayParts {
  readonly client: Wire;
  readonly endpoint: Wire;
  readonly host: RelayHost;
  readonly wheel: TimerWheel;
  /** Milliseconds; 0 = no limit. */
  readonly idleMs: number;
}

/** How long a client may take for what its endpoint had sent before it broke off. */
const lastBytesMs = 10_000;

/** A block takes as much as a read brings. */
const blocks = new BlockPool(readMemoryBytes);

/** Two wires whose bytes go from one to the other. */
export class Relay {
  readonly client: RelaySide;
  readonly endpoint: RelaySide;
  readonly host: RelayHost;
  readonly #wheel: TimerWheel;
  readonly #idleMs: number;
  readonly #deadline: Deadline;
  /** The endpoint is lost, and the client may not have all that it had sent. */
  #isLingering = false;
  #lost: NodeJS.ErrnoException | null = null;
  #lastBytes: LastBytes | null = null;
  #isOver = false;

  constructor({ client, endpoint, host, wheel, idleMs }: RelayParts) {
    this.host = host;
    this.#wheel = wheel;
    this.#idleMs = idleMs;
    this.#deadline = new Deadline(() => this.#onDue());
    this.client = new RelaySide(this, client);
    this.endpoint = new RelaySide(this, endpoint);
    this.client.other = this.endpoint;
    this.endpoint.other = this.client;
  }

  /** Begins. @param hasClientEnded the client's FIN has come already */
  begin(hasClientEnded: boolean): void {
    const { client, endpoint } = this;
    this.noteActivity();
    client.wire.probeSilentPeer();
    endpoint.wire.probeSilentPeer();
    endpoint.wire.handTo(endpoint);
    client.wire.handTo(client);
    if (hasClientEnded) client.onEnd();
  }

  /** Something has moved. */
  noteActivity(): void {
    if (this.#idleMs > 0 && !this.#isOver && !this.#isLingering) this.#wheel.arm(this.#deadline, this.#idleMs);
  }

  /** One side is closed. */
  noteGone(side: RelaySide, error: NodeJS.ErrnoException | null): void {
    // Closed in good order: the other direction may still have bytes to write.
    if (error === null && side.hasEnded && !side.other.isGone) return;
    if (error === null && side.hasEnded) this.end("complete", null);
    else if (side === this.client) this.end("client-lost", error);
    else if (this.endpoint.receivedBytes === 0) this.end("endpoint-lost", error);
    else this.#linger(error);
  }

  /** The kernel has taken what was written to `side`. */
  noteWritten(side: RelaySide): void {
    this.noteActivity();
    if (this.#isLingering) this.#awaitLastBytes();
    else side.other.wire.resume();
  }

  #linger(error: NodeJS.ErrnoException | null): void {
    const { wire } = this.client;
    if (this.#isOver || this.#isLingering) return;
    this.#isLingering = true;
    this.#lost = error;
    wire.pause();
    this.#wheel.arm(this.#deadline, lastBytesMs);
    if (!wire.output.isBlocked) this.#awaitLastBytes();
  }

  #awaitLastBytes(): void {
    this.#lastBytes ??= new LastBytes({
      socket: this.client.wire.kernelSocket,
      wheel: this.#wheel,
      onTaken: () => this.end("endpoint-lost", this.#lost),
    });
  }

  #onDue(): void {
    if (this.#isLingering) this.end("endpoint-lost", this.#lost);
    else this.end("idle", null);
  }

  /** Ends it now; what is still open is reset. */
  end(how: RelayEnd, error: NodeJS.ErrnoException | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#wheel.remove(this.#deadline);
    this.#lastBytes?.remove();
    for (const side of [this.client, this.endpoint]) side.cut();
    this.host.onRelayEnd(how, error);
  }
}

/** One of the two wires: reads from it and writes to the other. */
export class RelaySide implements WireReader {
  readonly wire: Wire;
  /** Set once, by the relay. */
  other!: RelaySide;
  /** Bytes that have come from it. */
  receivedBytes = 0;
  /** Its FIN has come. */
  hasEnded = false;
  isGone = false;
  readonly #relay: Relay;
  readonly #isShared: boolean;
  readonly #isLent: boolean;

  constructor(relay: Relay, wire: Wire) {
    this.wire = wire;
    this.#relay = relay;
    this.#isShared = wire.memory === WireMemory.shared;
    this.#isLent = wire.memory === WireMemory.lent;
  }

  onBytes(bytes: Buffer, byteCount: number): void {
    if (this.receivedBytes === 0 && this === this.#relay.endpoint) this.#relay.host.onFirstByte();
    this.receivedBytes += byteCount;
    this.#relay.noteActivity();
    const { output } = this.other.wire;
    let isTaken: boolean;
    if (this.#isShared) {
      // The next read of any connection of the thread overwrites it.
      const isFitting = byteCount <= blocks.blockBytes;
      const block = isFitting ? blocks.take() : Buffer.allocUnsafeSlow(byteCount);
      bytes.copy(block, 0, 0, byteCount);
      isTaken = output.pass(block.subarray(0, byteCount));
      if (isTaken && isFitting) blocks.giveBack(block);
    } else {
      isTaken = output.pass(byteCount === bytes.length ? bytes : bytes.subarray(0, byteCount));
      if (!isTaken && this.#isLent) this.wire.keepMemory();
    }
    if (!isTaken) this.wire.pause();
  }

  /** The kernel has taken what came from the other side. */
  onWritable(): void {
    this.#relay.noteWritten(this);
  }

  onEnd(): void {
    this.hasEnded = true;
    this.#relay.noteActivity();
    this.other.wire.end();
  }

  onFinish(): void {}

  onGone(error: NodeJS.ErrnoException | null): void {
    this.isGone = true;
    this.#relay.noteGone(this, error);
  }

  /** Resets it, unless it is closed. */
  cut(): void {
    if (!this.isGone) this.wire.reset();
    this.isGone = true;
  }
}
