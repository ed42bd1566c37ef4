/**
 * Wires to servers over TLS: connects, makes the handshake, and gives the wire only if the server is who it has to be.
 * Nothing of a request is sent before. There is one dialer for each endpoint and its settings: sessions belong to both.
 */
import type { SecureContext } from "node:tls";
import type { Clock } from "../../base/clock.ts";
import { BareSocket } from "../bare-socket.ts";
import type { DialTarget } from "../dial-target.ts";
import type { Dialer, Dialling, WireTaker } from "../dialer.ts";
import { type KernelSocket, nobodyListens, type SocketListener } from "../kernel-socket.ts";
import { streamDoor } from "../node-internals.ts";
import { PlainSocket } from "../plain-socket.ts";
import { socketShortage } from "../socket-shortage.ts";
import { SocketWire, type WireHost } from "../socket-wire.ts";
import { ClientSessions, type Proof, type ProvenSession } from "./client-sessions.ts";
import { type PeerName, serverNameOf } from "./peer-name.ts";
import { judgePeer, type TlsFailure, type TlsFailureKind, toTlsFailure } from "./peer-verdict.ts";
import { dialTls } from "./start-tls.ts";
import type { TlsTrafficWatch } from "./traffic-watch.ts";
import type { TlsFacts, TlsSocket, TlsStarter } from "./tls-socket.ts";

/** How TLS is spoken to one server. */
export interface TlsDialerParts {
  /** Whom the server has to prove to be, and what it is asked for. */
  readonly name: PeerName;
  /** False: it may be anybody. */
  readonly isVerified: boolean;
  /** The protocols that may be agreed on (ALPN); a server that knows nothing of ALPN speaks the first. */
  readonly alpn: readonly string[];
  /** Made when it is asked for. */
  readonly context: () => SecureContext;
  readonly clock: Clock;
  /** A handshake has ended. */
  readonly onHandshake: (result: HandshakeResult) => void;
  /** Null = nobody watches what comes after the handshake. */
  readonly traffic: TlsTrafficWatch | null;
  /** The server sends much that carries no data: the connection is about to fail. */
  readonly onFlood: () => void;
  readonly onInternalError: (error: unknown) => void;
}

/** How a handshake ended. `given-up`: it took too long, or nobody waits for it any more. */
export interface HandshakeResult {
  /** As OpenSSL calls it: `TLSv1.3`; null = it failed. */
  readonly protocol: string | null;
  readonly result: "full" | "resumed" | "given-up" | TlsFailureKind;
}

/** Makes wires to one server over TLS. */
export class TlsDialer implements Dialer {
  readonly parts: TlsDialerParts;
  readonly sessions: ClientSessions;

  constructor(parts: TlsDialerParts) {
    this.parts = parts;
    this.sessions = new ClientSessions(parts.clock);
  }

  dial(target: DialTarget, taker: WireTaker): Dialling {
    return new TlsDialling(this, target, taker);
  }
}

/** One try: the owner of the socket until its wire is given. */
class TlsDialling implements Dialling, SocketListener, TlsStarter, WireHost {
  readonly #dialer: TlsDialer;
  readonly #target: DialTarget;
  readonly #taker: WireTaker;
  /** The plain one, then the one that stands on it. */
  #socket: KernelSocket;
  #isHandshaking = false;
  #offered: ProvenSession | null = null;
  /** Null = it is not known yet who the server is. */
  #proof: Proof | null = null;
  /** It was given before it was known who the server is: that is so in TLS 1.2. */
  #earlySession: Buffer | null = null;
  #isOver = false;

  constructor(dialer: TlsDialer, target: DialTarget, taker: WireTaker) {
    this.#dialer = dialer;
    this.#target = target;
    this.#taker = taker;
    const socket = streamDoor === null ? PlainSocket.toConnect() : BareSocket.toConnect(target);
    this.#socket = socket;
    socket.listener = this;
    socket.connect(target, () => this.#onConnect(socket));
  }

  get isHandshaking(): boolean {
    return this.#isHandshaking;
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket.destroy();
    if (this.#isHandshaking) this.#dialer.parts.onHandshake({ protocol: null, result: "given-up" });
  }

  #onConnect(socket: KernelSocket): void {
    if (this.#isOver) return;
    try {
      const { parts, sessions } = this.#dialer;
      const secureContext = parts.context();
      const { preface = null } = this.#taker;
      if (preface !== null) socket.writeBytes(preface);
      this.#offered = sessions.take();
      this.#isHandshaking = true;
      this.#socket = dialTls(
        socket,
        {
          secureContext,
          alpn: parts.alpn,
          serverName: serverNameOf(parts.name),
          session: this.#offered?.session ?? null,
          onSession: this.#onSession,
        },
        this,
      );
    } catch (error) {
      this.onInternalError(error);
      this.#fail({ kind: "protocol", detail: "internal error" });
    }
  }

  // `TlsStarter`.

  onSecure(socket: TlsSocket): void {
    if (this.#isOver) return;
    const { parts, sessions } = this.#dialer;
    const { facts } = socket;
    const failure = this.#judge(socket);
    if (failure !== null) {
      this.#fail(failure);
      return;
    }
    this.#isOver = true;
    const { protocol, isResumed } = facts!;
    parts.onHandshake({ protocol, result: isResumed ? "resumed" : "full" });
    const proof = (this.#proof = this.#proofOf(socket));
    if (this.#offered !== null && !isResumed) sessions.drop(this.#offered);
    if (this.#earlySession !== null) sessions.keep(this.#earlySession, protocol, proof);
    const isUnix = "path" in this.#target;
    const wire = new SocketWire(
      socket,
      {
        peerAddress: isUnix ? "" : this.#target.host,
        peerPort: isUnix ? 0 : this.#target.port,
        scheme: "https",
        tls: null,
      },
      this,
    );
    parts.traffic?.add(socket, parts.onFlood);
    try {
      this.#taker.onWire(wire, this);
    } catch (error) {
      parts.onInternalError(error);
      wire.destroy();
    }
  }

  #judge({ facts }: TlsSocket): TlsFailure | null {
    const { name, isVerified, alpn } = this.#dialer.parts;
    const { verifyError, peerCertificates, alpn: agreed } = facts!;
    // OpenSSL ends a handshake in which something is agreed on that was not offered.
    if (agreed !== null && !alpn.includes(agreed)) return { kind: "protocol", detail: "no application protocol" };
    // Who resumes a session shows no certificate: this one has been kept by us, for this name, since it was proved.
    if (!isVerified || this.#isResumed(facts!)) return null;
    return judgePeer({ chainError: verifyError, certificate: peerCertificates[0] ?? null }, name);
  }

  #isResumed({ isResumed, verifyError }: TlsFacts): boolean {
    return isResumed && this.#offered !== null && verifyError === null;
  }

  #proofOf({ facts }: TlsSocket): Proof {
    if (facts!.isResumed && this.#offered !== null) return this.#offered.proof;
    const certificate = facts!.peerCertificates[0];
    return {
      sinceMs: this.#dialer.parts.clock.now(),
      expiresWallMs: certificate === undefined ? Infinity : Date.parse(certificate.validTo),
    };
  }

  onTlsFailed(error: NodeJS.ErrnoException | null): void {
    if (!this.#isOver) this.#fail(toTlsFailure(error));
  }

  readonly #onSession = (session: Buffer): void => {
    const { facts } = this.#socket as Partial<TlsSocket>;
    if (facts != null && this.#proof !== null) this.#dialer.sessions.keep(session, facts.protocol, this.#proof);
    else this.#earlySession = session;
  };

  #fail({ kind, detail }: TlsFailure): void {
    this.#isOver = true;
    this.#socket.listener = nobodyListens;
    this.#socket.destroy();
    // One that the server cannot take up would fail again and again (envoyproxy/envoy#18757).
    if (this.#offered !== null) this.#dialer.sessions.clear();
    this.#dialer.parts.onHandshake({ protocol: null, result: kind });
    this.#taker.onDialFailed({ shortage: null, tls: kind, detail }, this);
  }

  // `SocketListener`, until the handshake begins.

  onLost(error: NodeJS.ErrnoException | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const shortage = socketShortage(error?.code, "path" in this.#target ? "unix" : "tcp");
    this.#taker.onDialFailed({ shortage, tls: null, detail: error?.code ?? error?.message ?? "closed" }, this);
  }

  onRead(): void {}
  onEnd(): void {}
  onSent(): void {}
  onFinish(): void {}

  // `WireHost`.

  onWireClosed(): void {}

  onInternalError(error: unknown): void {
    this.#dialer.parts.onInternalError(error);
  }
}
