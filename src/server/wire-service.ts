/** What is spoken at a listener, by its options. */
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { TurnQueue } from "../base/turn-queue.ts";
import type { ClientContext } from "../http1/client-side/client-context.ts";
import { ClientConnection } from "../http1/client-side/client-connection.ts";
import { http1Alpn } from "../http1/client-side/http1-alpn.ts";
import type { ListenerOptions } from "../net/options.ts";
import type { Protocol, WireStep } from "../net/protocol.ts";
import { type ProxyHeaderFailure, proxyStep } from "../net/proxy-protocol/proxy-step.ts";
import { TrustedPeers } from "../net/trusted-peers.ts";
import type { HandshakeGate } from "../net/tls/handshake-gate.ts";
import type { ServerContexts } from "../net/tls/server-contexts.ts";
import type { TlsTrafficWatch } from "../net/tls/traffic-watch.ts";
import { type FailedHandshake, tlsStep, type TlsStepParts } from "../net/tls/tls-step.ts";
import type { Wire, WireTls } from "../net/wire.ts";
import type { TcpListenerContext } from "../tcp/tcp-context.ts";
import { TcpSession } from "../tcp/tcp-session.ts";

/** What is spoken at a listener, and what stands before that. */
export interface WireService {
  readonly steps: readonly WireStep[];
  readonly protocol: Protocol<ClientContext & TcpListenerContext>;
}

/** What steps and protocols need of the listener that they stand in. */
export interface WireServiceParts {
  readonly wheel: TimerWheel;
  readonly turns: TurnQueue;
  readonly handshakes: HandshakeGate;
  readonly tlsTraffic: TlsTrafficWatch;
  readonly contexts: ServerContexts;
  onInternalError(error: unknown): void;
  onHandshake(tls: WireTls): void;
  onHandshakeFailed(wire: Wire, failed: FailedHandshake): void;
  /** A client sends much over TLS that carries no data: `wire` is about to fail. */
  onTlsFlood(wire: Wire): void;
  /** A load balancer that must send a PROXY header has sent no usable one: `wire` is closed. */
  onProxyHeaderRefused(wire: Wire, failure: ProxyHeaderFailure): void;
}

/** HTTP/1.1 from the first byte on. */
export const plainHttp1: WireService = {
  steps: [],
  protocol: (wire, context) => new ClientConnection(wire, context),
};

/** Whatever the client offers is between it and the endpoint. */
const noAlpn: readonly string[] = [];

/** Bytes that nobody reads. */
const plainTcp: WireService = {
  steps: [],
  protocol: (wire, context) => new TcpSession(wire, context),
};

/**
 * The service that `options` ask for. It is made for each configuration; wires that came before stay with the one that
 * they came to.
 */
export function serviceOf(options: ListenerOptions, parts: WireServiceParts): WireService {
  const { mode, proxyProtocol, tls } = options;
  const service = mode === "http" ? plainHttp1 : plainTcp;
  const steps: WireStep[] = [];
  if (proxyProtocol !== null) {
    const { trusted, timeout } = proxyProtocol;
    steps.push(
      proxyStep({
        trusted: new TrustedPeers(trusted),
        timeoutMs: timeout,
        wheel: parts.wheel,
        onRefused: (wire, failure) => parts.onProxyHeaderRefused(wire, failure),
      }),
    );
  }
  if (tls !== null) steps.push(tlsStep({ alpn: mode === "tcp" ? noAlpn : http1Alpn, ...tlsPartsOf(parts) }));
  return steps.length === 0 ? service : { ...service, steps };
}

function tlsPartsOf(parts: WireServiceParts): Omit<TlsStepParts, "alpn"> {
  return {
    contexts: parts.contexts,
    gate: parts.handshakes,
    traffic: parts.tlsTraffic,
    onHandshake: (tls) => parts.onHandshake(tls),
    onHandshakeFailed: (wire, failed) => parts.onHandshakeFailed(wire, failed),
    onFlood: (wire) => parts.onTlsFlood(wire),
    onInternalError: (error) => parts.onInternalError(error),
  };
}
