/**
 * How wires to endpoints come about: one try to connect to one address. Which addresses are tried, in what order and
 * for how long, is the caller's business; what is spoken over the wire, too.
 */
import { BareSocket } from "./bare-socket.ts";
import type { DialTarget } from "./dial-target.ts";
import { streamDoor } from "./node-internals.ts";
import { PlainSocket } from "./plain-socket.ts";
import { SocketWire, type WireHost } from "./socket-wire.ts";
import { socketShortage } from "./socket-shortage.ts";
import type { TlsFailureKind } from "./tls/peer-verdict.ts";
import type { Wire, WireReader } from "./wire.ts";

/** Why no connection came about. */
export interface DialFailure {
  /** What this process or machine runs short of, which is no failure of the endpoint; null = the endpoint is meant. */
  readonly shortage: "sockets" | "ports" | null;
  /** What kind of failure of TLS it is; null = the connection itself did not come about. */
  readonly tls: TlsFailureKind | null;
  /** The system's code for it, or a text. */
  readonly detail: string;
}

/** One try to connect, under way. */
export interface Dialling {
  /** The connection is there, and TLS is under way on it. */
  readonly isHandshaking: boolean;
  /** Gives it up: no callback follows. */
  cancel(): void;
}

/** Who has a connection opened. Exactly one callback comes, later, unless the try is given up. */
export interface WireTaker {
  /** Is written first of all, before TLS, if there is any. Absent and null = nothing. */
  readonly preface?: Buffer | null;
  /** It is up. The wire must be handed to a reader within this call. */
  onWire(wire: Wire, dialling: Dialling): void;
  onDialFailed(failure: DialFailure, dialling: Dialling): void;
}

/** Makes wires to endpoints. */
export interface Dialer {
  /** Begins to connect to `target`; tells `taker` how it went, later. */
  dial(target: DialTarget, taker: WireTaker): Dialling;
}

/** Makes plain wires, TCP or Unix. */
export class SocketDialer implements Dialer {
  readonly #onInternalError: (error: unknown) => void;

  constructor(onInternalError: (error: unknown) => void) {
    this.#onInternalError = onInternalError;
  }

  dial(target: DialTarget, taker: WireTaker): Dialling {
    return new SocketDialling(target, taker, this.#onInternalError);
  }
}

/** The first reader of a dialled wire, until it is up. */
class SocketDialling implements Dialling, WireReader, WireHost {
  readonly onInternalError: (error: unknown) => void;
  readonly isHandshaking = false;
  readonly #taker: WireTaker;
  readonly #family: "tcp" | "unix";
  readonly #wire: SocketWire;
  #isOver = false;

  constructor(target: DialTarget, taker: WireTaker, onInternalError: (error: unknown) => void) {
    this.onInternalError = onInternalError;
    this.#taker = taker;
    const socket = streamDoor === null ? PlainSocket.toConnect() : BareSocket.toConnect(target);
    const isUnix = "path" in target;
    this.#family = isUnix ? "unix" : "tcp";
    const peerAddress = isUnix ? "" : target.host;
    this.#wire = new SocketWire(
      socket,
      { peerAddress, peerPort: isUnix ? 0 : target.port, scheme: "http", tls: null },
      this,
    );
    this.#wire.handTo(this);
    socket.connect(target, this.#onConnect);
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#wire.destroy();
  }

  readonly #onConnect = (): void => {
    if (this.#isOver) return;
    this.#isOver = true;
    const { preface = null } = this.#taker;
    if (preface !== null) this.#wire.kernelSocket.writeBytes(preface);
    try {
      this.#taker.onWire(this.#wire, this);
    } catch (error) {
      this.onInternalError(error);
      this.#wire.destroy();
    }
  };

  onGone(error: NodeJS.ErrnoException | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#wire.destroy();
    const shortage = socketShortage(error?.code, this.#family);
    this.#taker.onDialFailed({ shortage, tls: null, detail: error?.code ?? error?.message ?? "closed" }, this);
  }

  onBytes(): void {}
  onWritable(): void {}
  onEnd(): void {}
  onFinish(): void {}
  onWireClosed(): void {}
}
