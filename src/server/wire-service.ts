/** What is spoken at a listener, by its options. */
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { TurnQueue } from "../base/turn-queue.ts";
import type { ClientContext } from "../http1/client-side/client-context.ts";
import { ClientConnection } from "../http1/client-side/client-connection.ts";
import type { ListenerOptions } from "../net/options.ts";
import type { Protocol, WireStep } from "../net/protocol.ts";
import { type ProxyHeaderFailure, proxyStep } from "../net/proxy-protocol/proxy-step.ts";
import { TrustedPeers } from "../net/trusted-peers.ts";
import type { Wire } from "../net/wire.ts";

/** What is spoken at a listener, and what stands before that. */
export interface WireService {
  readonly steps: readonly WireStep[];
  readonly protocol: Protocol<ClientContext>;
}

/** What steps and protocols need of the listener that they stand in. */
export interface WireServiceParts {
  readonly wheel: TimerWheel;
  readonly turns: TurnQueue;
  onInternalError(error: unknown): void;
  /** A load balancer that must send a PROXY header has sent no usable one: `wire` is closed. */
  onProxyHeaderRefused(wire: Wire, failure: ProxyHeaderFailure): void;
}

/** HTTP/1.1 from the first byte on. */
export const plainHttp1: WireService = {
  steps: [],
  protocol: (wire, context) => new ClientConnection(wire, context),
};

/**
 * The service that `options` ask for. It is made for each configuration; wires that came before stay with the one that
 * they came to.
 */
export function serviceOf(options: ListenerOptions, parts: WireServiceParts): WireService {
  const { proxyProtocol } = options;
  if (proxyProtocol === null) return plainHttp1;
  const step = proxyStep({
    trusted: new TrustedPeers(proxyProtocol.trusted),
    timeoutMs: proxyProtocol.timeout,
    wheel: parts.wheel,
    onRefused: (wire, failure) => parts.onProxyHeaderRefused(wire, failure),
  });
  return { ...plainHttp1, steps: [step, ...plainHttp1.steps] };
}
