/**
 * One address of an upstream, as one proxy thread sees it: facts, a window on the shared state, and this thread's
 * transport.
 */
import type { ProxyProtocolVersion } from "../net/proxy-protocol/write-header.ts";
import type { EndpointState } from "./endpoint-state.ts";
import type { EndpointTls } from "./endpoint-tls.ts";
import type { Transport } from "./transport.ts";

/** The heaviest an endpoint can be. */
export const maxWeight = 65_535;

/** What the configuration (or discovery) says about an endpoint. */
export interface EndpointSpec {
  /**
   * `http://host:port`, `https://host:port`, `tcp://host:port` or `unix:/path`: its identity within the upstream, and its
   * name in logs and metrics.
   */
  readonly url: string;
  /** Host name or address to connect to; null for a Unix socket. */
  readonly host: string | null;
  readonly port: number;
  /** Path of the Unix socket, or null. */
  readonly socketPath: string | null;
  /** Relative share of the traffic, 0 to `maxWeight`; 0 = no new traffic. */
  readonly weight: number;
  /** Used only when no other endpoint is available. */
  readonly isBackup: boolean;
  /** Where it is: data centre, availability zone. Default: null, not known. */
  readonly zone?: string | null;
  /** What tells it from another at the same address before or after it. Default: null, nothing. */
  readonly identity?: string | null;
  /** Its answers may be malformed in ways that can be repaired. Default: no. */
  readonly isLenient?: boolean;
  /** Which PROXY header it is sent. Default: null, none. */
  readonly proxyProtocol?: ProxyProtocolVersion | null;
  /** How TLS is spoken to it. Default: null, it is not. */
  readonly tls?: EndpointTls | null;
}

/** An endpoint in a proxy thread. */
export class Endpoint {
  /** Replaced by another of the same URL if a source says something new about its weight, its role or its zone. */
  spec: EndpointSpec;
  /** It is in the list no more; another may have its URL. What its last attempts come to says nothing about that one. */
  isGone = false;
  readonly name: string;
  readonly state: EndpointState;
  readonly transport: Transport;
  /** The Host of requests that came without one (HTTP/1.0). */
  readonly authority: string;

  constructor(spec: EndpointSpec, state: EndpointState, transport: Transport) {
    this.spec = spec;
    this.name = spec.url;
    this.state = state;
    this.transport = transport;
    // The interface of an address (`fe80::1%eth0`) has a meaning on this machine only.
    this.authority = spec.host === null ? "localhost" : spec.url.replace(/^https?:\/\//, "").replace(/%[^\]]*/, "");
  }

  /** Its share of new traffic: what was set at run time, else what is configured. */
  get weight(): number {
    return this.state.weightOverride ?? this.spec.weight;
  }

  /** Smaller is preferred: 0 = primary, 1 = backup. */
  get priority(): number {
    return this.spec.isBackup ? 1 : 0;
  }

  /** Attempts under way in all threads. */
  get inFlight(): number {
    return this.state.inFlight;
  }

  /** Do all gates admit a new request? The one place that decides whether an endpoint is available. */
  get isAvailable(): boolean {
    return this.state.isAdmitting;
  }

  // The rest of `Candidate`.

  get isWanted(): boolean {
    return this.state.isWanted;
  }

  get isOnlyEjected(): boolean {
    return this.state.isOnlyEjected;
  }

  get isAnswering(): boolean {
    return this.state.isAnswering;
  }

  get returnedMs(): number {
    return this.state.returnedMs;
  }

  get zone(): string | null {
    return this.spec.zone ?? null;
  }

  expectedLatencyMs(nowMs: number): number {
    return this.state.latency.at(nowMs);
  }
}
