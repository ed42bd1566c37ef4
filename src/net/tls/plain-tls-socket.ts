/**
 * A TLS socket over `tls.TLSSocket`, where handles are not used. It is slower, and gives every read in memory of its own.
 * Node.js tells of a handshake as the server by `secure` and `_tlsError` alone, unless a `tls.Server` has accepted.
 */
import type { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { afterReading } from "../after-reading.ts";
import { type Ends, nobodyListens } from "../kernel-socket.ts";
import { onUncleanEnd, setOcspResponse, verifyErrorOf } from "../node-internals.ts";
import { PlainSocket } from "../plain-socket.ts";
import {
  type AcceptTlsOptions,
  type DialTlsOptions,
  maxChainLength,
  type TlsFacts,
  type TlsRole,
  type TlsSocket,
  type TlsStarter,
} from "./tls-socket.ts";

/** Loaded when it is needed first. */
const tls = (): typeof import("node:tls") => process.getBuiltinModule("node:tls");

const nothing = Buffer.alloc(0);

/** As `BareTlsSocket`. */
export class PlainTlsSocket extends PlainSocket implements TlsSocket {
  facts: TlsFacts | null = null;
  readonly #below: Socket;
  /** Null once the handshake is over. */
  #starter: TlsStarter | null;
  #hasEndedUncleanly = false;
  #isReset = false;

  constructor(below: PlainSocket, role: TlsRole, starter: TlsStarter) {
    // What stands on the socket below has to be known before it is there.
    const successor: { ends: Ends } = { ends: nobodyEnds };
    const raw = below.handOver(
      { destroy: () => successor.ends.destroy(), reset: () => successor.ends.reset() },
      "accept" in role ? role.accept.received : nothing,
    );
    const socket = "accept" in role ? accept(raw, role.accept) : dial(raw, role.dial);
    super(socket);
    successor.ends = this;
    this.#below = raw;
    this.#starter = starter;
    raw.on("error", noteNothing);
    socket.on("_tlsError", this.noteLost);
    socket.once("accept" in role ? "secure" : "secureConnect", () => {
      if (socket.destroyed) return;
      this.#starter = null;
      this.facts = new PlainTlsFacts(socket, "accept" in role ? "server" : "client");
      starter.onSecure(this);
    });
    socket.once("end", () => this.facts === null && this.noteLost());
    onUncleanEnd(socket, raw, () => (this.#hasEndedUncleanly = true));
  }

  override get hasEndedUncleanly(): boolean {
    return this.#hasEndedUncleanly;
  }

  get networkBytesRead(): number {
    return this.isDestroyed ? 0 : this.#below.bytesRead;
  }

  override get isDestroyed(): boolean {
    return this.#isReset || super.isDestroyed;
  }

  override destroy(): void {
    if (!this.#isReset) super.destroy();
  }

  protected override tellLost(error: NodeJS.ErrnoException | null): void {
    const starter = this.#starter;
    this.#starter = null;
    if (starter === null) super.tellLost(error);
    else starter.onTlsFailed(error);
  }

  fail(error: NodeJS.ErrnoException): void {
    if (this.isDestroyed) return;
    this.socket.destroy(error);
  }

  override reset(): void {
    if (this.isDestroyed) return;
    this.#isReset = true;
    this.#starter = null;
    this.listener = nobodyListens;
    // Node resets sockets of TCP only, and this is none to it. If it were destroyed within a call of OpenSSL, now that
    // the one below is gone, the process would crash.
    this.#below.resetAndDestroy();
    setImmediate(() => super.destroy());
  }
}

const nobodyEnds: Ends = { destroy() {}, reset() {} };

function noteNothing(): void {}

function accept(socket: Socket, options: AcceptTlsOptions): TLSSocket {
  const { TLSSocket: Secured } = tls();
  const { verify } = options;
  const secured = new Secured(socket, {
    isServer: true,
    secureContext: options.secureContext,
    requestCert: verify !== "none",
    rejectUnauthorized: verify === "require",
    ...(options.alpn.length > 0 && { ALPNProtocols: [...options.alpn] }),
  });
  if (options.ocsp !== null) setOcspResponse(secured, options.ocsp);
  return secured;
}

function dial(socket: Socket, options: DialTlsOptions): TLSSocket {
  const { serverName, session, onSession } = options;
  const secured = tls().connect({
    socket,
    secureContext: options.secureContext,
    // The caller's business.
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    ...(serverName !== null && { servername: serverName }),
    ...(session !== null && { session }),
    ...(options.alpn.length > 0 && { ALPNProtocols: [...options.alpn] }),
  });
  if (onSession !== null) secured.on("session", onSession);
  readBeforeFailing(secured);
  return secured;
}

/** As `DialledSocket`: a failed write does not throw away what came before it. */
function readBeforeFailing(socket: TLSSocket): void {
  const destroy = socket.destroy.bind(socket);
  let isFailing = false;
  socket.destroy = (error?: NodeJS.ErrnoException): TLSSocket => {
    if (error?.syscall !== "write" || socket.destroyed) return destroy(error);
    if (!isFailing) afterReading(socket, () => destroy(error));
    isFailing = true;
    return socket;
  };
}

class PlainTlsFacts implements TlsFacts {
  readonly protocol: string;
  readonly cipher: string;
  readonly alpn: string | null;
  readonly isResumed: boolean;
  readonly verifyError: string | null;
  readonly #socket: TLSSocket;

  constructor(socket: TLSSocket, side: "server" | "client") {
    this.#socket = socket;
    this.protocol = socket.getProtocol() ?? "";
    this.cipher = socket.getCipher().standardName;
    this.alpn = socket.alpnProtocol || null;
    this.isResumed = socket.isSessionReused();
    // A client's certificate that is missing does not stand up either.
    const isMissing = side === "server" && socket.getPeerX509Certificate() === undefined;
    this.verifyError = isMissing ? null : verifyErrorOf(socket);
  }

  get peerCertificates(): readonly X509Certificate[] {
    const chain: X509Certificate[] = [];
    let one = this.#socket.destroyed ? undefined : this.#socket.getPeerX509Certificate();
    for (; one !== undefined && chain.length < maxChainLength; one = one.issuerCertificate) chain.push(one);
    return chain;
  }
}
