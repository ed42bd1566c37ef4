/**
 * HTTP/1.1 to one endpoint: dials, keeps idle connections (last in, first out, so that the surplus grows old and is closed), and, where asked to, puts several
 * requests on one connection so that they share system calls.
 */
import { isIP } from "node:net";
import type { EndOfTurn } from "../base/end-of-turn.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import { ProxyError } from "../http/reason.ts";
import type { AttemptHandle, ClientAttempt, ConnectionOwner } from "../http1/client-attempt.ts";
import { ClientConnection } from "../http1/client-connection.ts";
import type { HeadLimits } from "../http1/request-parser.ts";
import type { EndpointSpec } from "./endpoint.ts";
import type { HostResolver } from "./host-resolver.ts";
import type { Attempt, Transport } from "./transport.ts";

/** Options of the connections to an endpoint; durations in milliseconds, 0 = none. */
export interface TransportOptions {
  readonly maxIdle: number;
  readonly idleTimeout: number;
  /** How many requests may share a connection, where they are pipelinable; 1 = no pipelining. */
  readonly pipelining: number;
  readonly timeouts: ConnectionOwner["timeouts"];
}

/** What a proxy thread lends to its transports. */
export interface TransportContext {
  readonly wheel: TimerWheel;
  readonly endOfTurn: EndOfTurn;
  readonly resolver: Pick<HostResolver, "resolve">;
  onInternalError(error: unknown): void;
}

/** An endpoint's answer head: larger ones are refused. */
const limits: HeadLimits = { headBytes: 65_536, headFields: 200 };
/** An idle connection is given up this long before the endpoint said it would close it: a request that crosses the FIN is lost. */
const keepAliveMarginMs = 1_000;
const maxAddresses = 4;

/** Connections to one endpoint. */
export class Http1Transport implements Transport, ConnectionOwner {
  readonly wheel: TimerWheel;
  readonly endOfTurn: EndOfTurn;
  readonly limits = limits;
  readonly timeouts: TransportOptions["timeouts"];
  readonly options: TransportOptions;
  readonly #spec: EndpointSpec;
  readonly #context: TransportContext;
  readonly #open = new Set<ClientConnection>();
  readonly #idle: ClientConnection[] = [];
  /** Connections that may be shared, where pipelining is on. */
  readonly #shared: ClientConnection[] = [];
  readonly #dials = new WeakMap<ClientAttempt, Dial>();
  #isDraining = false;

  constructor(spec: EndpointSpec, options: TransportOptions, context: TransportContext) {
    this.#spec = spec;
    this.options = options;
    this.timeouts = options.timeouts;
    this.#context = context;
    this.wheel = context.wheel;
    this.endOfTurn = context.endOfTurn;
  }

  get connectionCount(): number {
    return this.#open.size;
  }

  get idleCount(): number {
    return this.#idle.length;
  }

  send(attempt: Attempt): void {
    if (attempt.mayReuse) {
      if (this.options.pipelining > 1 && attempt.isPipelinable) {
        const shared = this.#shared;
        for (let i = 0; i < shared.length; i++) {
          const connection = shared[i]!;
          if (connection.inFlight < this.options.pipelining && connection.isPipeliner) return connection.start(attempt);
        }
      }
      const connection = this.#idle.pop();
      if (connection !== undefined) {
        if (this.options.pipelining > 1 && attempt.isPipelinable) this.#shared.push(connection);
        return connection.start(attempt);
      }
    }
    this.#dial(attempt);
  }

  drain(): void {
    this.#isDraining = true;
    for (const connection of [...this.#open]) connection.drain();
  }

  close(): void {
    this.#isDraining = true;
    for (const connection of [...this.#open]) connection.close();
  }

  #dial(attempt: Attempt): void {
    const { host, port, socketPath } = this.#spec;
    if (socketPath !== null) this.#connect(attempt, { path: socketPath });
    else if (isIP(host!) !== 0) this.#connect(attempt, { host: host!, port });
    else {
      const dial = new Dial(attempt, this.#dials);
      this.#context.resolver.resolve(host!, (error, addresses) => {
        if (dial.isCancelled) return;
        if (error !== null) {
          dial.forget();
          attempt.onError(error);
          return;
        }
        dial.addresses = addresses.slice(0, maxAddresses);
        this.#connect(attempt, { host: dial.addresses.shift()!, port });
      });
    }
  }

  #connect(attempt: ClientAttempt, target: { host: string; port: number } | { path: string }): void {
    this.#open.add(new ClientConnection(this, target, attempt));
  }

  // `ConnectionOwner`.

  onConnected(attempt: ClientAttempt): void {
    this.#dials.delete(attempt);
  }

  onConnectFailed(attempt: ClientAttempt, error: ProxyError): void {
    const next = this.#dials.get(attempt)?.addresses.shift();
    if (next === undefined) {
      this.#dials.delete(attempt);
      attempt.onError(error);
    } else this.#connect(attempt, { host: next, port: this.#spec.port });
  }

  onIdle(connection: ClientConnection, keepAliveHintMs: number): void {
    this.#unshare(connection);
    if (this.#isDraining || this.options.maxIdle === 0 || keepAliveHintMs === -1) {
      connection.drain();
      return;
    }
    let idleMs = this.options.idleTimeout;
    if (keepAliveHintMs > 0) idleMs = Math.min(idleMs, Math.max(keepAliveHintMs - keepAliveMarginMs, keepAliveHintMs / 2));
    connection.park(idleMs);
    this.#idle.push(connection);
    if (this.#idle.length > this.options.maxIdle) this.#idle[0]!.drain();
  }

  onClosed(connection: ClientConnection): void {
    this.#open.delete(connection);
    this.#unshare(connection);
    const index = this.#idle.lastIndexOf(connection);
    if (index !== -1) this.#idle.splice(index, 1);
  }

  onInternalError(error: unknown): void {
    this.#context.onInternalError(error);
  }

  #unshare(connection: ClientConnection): void {
    if (this.options.pipelining === 1) return;
    const index = this.#shared.indexOf(connection);
    if (index !== -1) this.#shared.splice(index, 1);
  }
}

/** An attempt whose endpoint's name is being resolved, or whose addresses are being tried one after the other. */
class Dial implements AttemptHandle {
  addresses: string[] = [];
  isCancelled = false;
  readonly #attempt: ClientAttempt;
  readonly #dials: WeakMap<ClientAttempt, Dial>;

  constructor(attempt: ClientAttempt, dials: WeakMap<ClientAttempt, Dial>) {
    this.#attempt = attempt;
    this.#dials = dials;
    attempt.handle = this;
    dials.set(attempt, this);
  }

  resume(): void {}

  cancel(): void {
    this.isCancelled = true;
    this.forget();
  }

  skip(): void {
    this.cancel();
  }

  forget(): void {
    this.#dials.delete(this.#attempt);
  }
}
