/**
 * The step of a listener that speaks TLS: reads the ClientHello, chooses by it what the client gets, and has the
 * handshake made. The wire goes on as one that TLS carries. Nothing is chosen by a callback of OpenSSL, so that what is
 * chosen holds for resumed sessions, too.
 */
import type { WireStep } from "../protocol.ts";
import type { Wire, WireReader, WireTls } from "../wire.ts";
import { alertRecord } from "./alert-record.ts";
import type { ClientHello } from "./client-hello.ts";
import { ClientHelloReader, type HelloFault } from "./client-hello-reader.ts";
import { ClientTls } from "./client-tls.ts";
import { classifyHandshakeError, type HandshakeFailure } from "./handshake-failure.ts";
import type { GatedHandshake, HandshakeGate } from "./handshake-gate.ts";
import { acmeTlsProtocol, type ContextChoice, type ServerContexts } from "./server-contexts.ts";
import { acceptTls } from "./start-tls.ts";
import type { TlsSocket, TlsStarter } from "./tls-socket.ts";
import type { TlsTrafficWatch } from "./traffic-watch.ts";

/** What is told of a handshake that failed. */
export interface FailedHandshake {
  readonly failure: HandshakeFailure;
  /** What the client asked for; null = nothing, or it did not come so far. */
  readonly serverName: string | null;
  /** What OpenSSL or the system says; empty = nothing. */
  readonly detail: string;
}

/** What the step is made of. */
export interface TlsStepParts {
  readonly contexts: ServerContexts;
  /** The protocols that follow, as ALPN names them; the preferred first. */
  readonly alpn: readonly string[];
  readonly gate: HandshakeGate;
  readonly traffic: TlsTrafficWatch;
  onHandshake(tls: WireTls): void;
  /** `wire` is closed, but for `plain-http`, which is handed on to be told what is wrong. */
  onHandshakeFailed(wire: Wire, failed: FailedHandshake): void;
  /** A client sends much that carries no data: `wire` is about to fail. */
  onFlood(wire: Wire): void;
  onInternalError(error: unknown): void;
}

const acmeAlpn = [acmeTlsProtocol];

/** The step before HTTP. */
export function tlsStep(parts: TlsStepParts): WireStep {
  return (wire, next) => {
    const handshake = new Handshake(parts, wire, next);
    wire.handTo(handshake);
    return (end) => handshake.end(end);
  };
}

/** Has a wire until it is secure. */
class Handshake implements WireReader, GatedHandshake, TlsStarter {
  older: GatedHandshake | null = null;
  newer: GatedHandshake | null = null;
  readonly #parts: TlsStepParts;
  readonly #wire: Wire;
  readonly #next: (wire: Wire) => void;
  readonly #reader = new ClientHelloReader();
  #hello: ClientHello | null = null;
  #choice: ContextChoice | null = null;
  #isOver = false;

  constructor(parts: TlsStepParts, wire: Wire, next: (wire: Wire) => void) {
    this.#parts = parts;
    this.#wire = wire;
    this.#next = next;
  }

  onBytes(bytes: Buffer, byteCount: number): void {
    const found = this.#reader.take(bytes, byteCount);
    if (found === null || this.#hello !== null) return;
    if ("kind" in found) {
      this.#refuse(found, bytes, byteCount);
      return;
    }
    this.#hello = found;
    // While it waits, the kernel keeps what comes.
    this.#wire.pause();
    this.#parts.gate.begin(this);
  }

  #refuse({ kind, alert }: HelloFault, bytes: Buffer, byteCount: number): void {
    if (kind === "plain-http") {
      this.#over();
      this.#parts.onHandshakeFailed(this.#wire, { failure: "plain-http", serverName: null, detail: "" });
      this.#wire.origin = { ...this.#wire.origin, isMisplaced: true };
      // It was seen by the first byte: all that has come is in this read.
      this.#wire.putBack(bytes.subarray(0, byteCount));
      this.#next(this.#wire);
      return;
    }
    if (alert !== 0) this.#send(alert);
    this.#fail(kind === "alert" ? "refused-by-client" : "malformed", kind);
  }

  /** The gate lets it begin. */
  runInTurn(): void {
    if (this.#isOver) return;
    try {
      this.#choose("first");
    } catch (error) {
      this.#crash(error);
    }
  }

  #choose(stage: "first" | "afterWait"): void {
    const { contexts } = this.#parts;
    const hello = this.#hello!;
    const choice = contexts.choose(hello, stage);
    if (choice === "awaited") {
      contexts.want(hello).then(
        () => this.#goOn(),
        (error: unknown) => this.#crash(error),
      );
    } else if ("alert" in choice) {
      this.#send(choice.alert);
      this.#fail(choice.reason === "unrecognized_name" ? "unknown-name" : "no-certificate", "");
    } else this.#begin(choice);
  }

  #goOn(): void {
    if (this.#isOver) return;
    try {
      this.#choose("afterWait");
    } catch (error) {
      this.#crash(error);
    }
  }

  #begin(choice: ContextChoice): void {
    const { gate, alpn } = this.#parts;
    this.#choice = choice;
    gate.enter(this);
    const { secureContext, verify, ocsp, isChallenge } = choice;
    const socket = acceptTls(
      this.#wire.kernelSocket,
      { secureContext, alpn: isChallenge ? acmeAlpn : alpn, received: this.#reader.bytes, verify, ocsp },
      this,
    );
    this.#wire.standOn(socket);
  }

  onSecure(socket: TlsSocket): void {
    if (this.#isOver) return;
    try {
      this.#pass(socket);
    } catch (error) {
      this.#crash(error);
    }
  }

  #pass(socket: TlsSocket): void {
    const choice = this.#choice!;
    const tls = new ClientTls(socket.facts!, this.#hello!.serverName, choice);
    if (choice.verify === "require" && !tls.hasValidCertificate) {
      this.#fail("client-certificate", tls.client?.verifyError ?? "");
      return;
    }
    this.#over();
    this.#parts.onHandshake(tls);
    if (choice.isChallenge) {
      // RFC 8737 section 3: nothing follows the handshake.
      this.#wire.destroy();
      return;
    }
    const wire = this.#wire;
    wire.origin = { ...wire.origin, scheme: "https", tls };
    const parts = this.#parts;
    parts.traffic.add(socket, () => parts.onFlood(wire));
    this.#next(wire);
  }

  onTlsFailed(error: NodeJS.ErrnoException | null): void {
    this.#fail(classifyHandshakeError(error), error?.code ?? "");
  }

  giveWay(): void {
    this.#fail("too-many", "");
  }

  /** The listener is done with it. */
  end(how: "passed" | "closed" | "timeout"): void {
    if (this.#isOver) return;
    if (how === "timeout") this.#fail("timeout", this.#hello === null ? "no ClientHello" : "");
    else this.#over();
  }

  onEnd(): void {
    this.#leave(null);
  }

  onGone(error: NodeJS.ErrnoException | null): void {
    this.#leave(error);
  }

  /** Whoever looks whether somebody listens connects and leaves: nothing is wrong with that. */
  #leave(error: NodeJS.ErrnoException | null): void {
    if (this.#isOver) return;
    if (this.#reader.bytes.length > 0) {
      this.#fail("client-gone", error?.code ?? "");
      return;
    }
    this.#over();
    this.#wire.destroy();
  }

  onWritable(): void {}
  onFinish(): void {}

  /** Before TLS has begun. */
  #send(alert: number): void {
    const { output } = this.#wire;
    output.text(alertRecord(alert));
    output.flush();
  }

  #fail(failure: HandshakeFailure, detail: string): void {
    if (this.#isOver) return;
    this.#over();
    this.#wire.destroy();
    this.#parts.onHandshakeFailed(this.#wire, { failure, serverName: this.#hello?.serverName ?? null, detail });
  }

  #crash(error: unknown): void {
    if (this.#isOver) return;
    this.#over();
    this.#parts.onInternalError(error);
    this.#wire.destroy();
  }

  #over(): void {
    this.#isOver = true;
    this.#parts.gate.leave(this);
  }
}
