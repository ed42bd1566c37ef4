/**
 * A session of a TCP listener: a client's connection and, for as long as both live, one to an endpoint. It waits for
 * the ClientHello if the routes of its listener go by server names, is given a route, has an endpoint looked for
 * (`endpoint-search.ts`), and then lets the bytes pass (`relay.ts`). What it has read of the client by then goes on
 * untouched. See LIFECYCLE.md.
 */
import { Deadline } from "../base/timer-wheel.ts";
import { ExchangeRecord } from "../http/exchange-record.ts";
import { type ReasonCode, reasons } from "../http/reason.ts";
import type { Session } from "../net/protocol.ts";
import { alertRecord } from "../net/tls/alert-record.ts";
import { Alert, ClientHelloReader } from "../net/tls/client-hello-reader.ts";
import type { Wire, WireReader } from "../net/wire.ts";
import type { ObservedSession } from "../observe/observed-session.ts";
import { EndpointSearch, type SearchHost } from "./endpoint-search.ts";
import { Relay, type RelayEnd, type RelayHost } from "./relay.ts";
import type { TcpListenerContext, TcpRoute } from "./tcp-context.ts";

/** What a session that ended in good order is logged with, as other proxies do. */
const completedStatus = 200;

/** The longest silence, unless the configuration says otherwise. */
const idleMs = 3_600_000;
const datagramIdleMs = 30_000;

/** What is logged of a relay that ended otherwise than by both sides' ends. */
const reasonOf: Readonly<Record<RelayEnd, ReasonCode | null>> = {
  complete: null,
  "client-lost": "CLIENT_GONE",
  "endpoint-lost": "UPSTREAM_RESET",
  idle: "SESSION_IDLE",
  closed: "SHUTTING_DOWN",
};

/** One client of a TCP listener. */
export class TcpSession implements Session, WireReader, SearchHost, RelayHost, ObservedSession {
  readonly record = new ExchangeRecord();
  readonly listenerName: string;
  readonly clientIp: string;
  readonly peerAddress: string;
  readonly peerPort: number;
  serverName: string | null;
  readonly protocol: "tcp" | "udp";
  readonly #wire: Wire;
  readonly #context: TcpListenerContext;
  /** While the ClientHello is read. */
  #hello: ClientHelloReader | null = null;
  #deadline: Deadline | null = null;
  #search: EndpointSearch | null = null;
  #relay: Relay | null = null;
  #hasClientEnded = false;
  #isOver = false;

  constructor(wire: Wire, context: TcpListenerContext) {
    const { peerAddress, peerPort, tls } = wire.origin;
    this.listenerName = context.listenerName;
    this.clientIp = peerAddress;
    this.peerAddress = peerAddress;
    this.peerPort = peerPort;
    this.serverName = tls === null ? null : tls.serverName;
    this.protocol = context.isDatagrams ? "udp" : "tcp";
    this.#wire = wire;
    this.#context = context;
    this.record.startedMs = context.wheel.clock.now();
    this.record.startedWallMs = context.wheel.clock.wall();
    wire.handTo(this);
    if (wire.origin.isMisplaced === true) this.#end("PLAIN_HTTP_ON_TLS_PORT", "");
    else if (tls !== null || !context.tcpRoutes.asksForName(this.listenerName)) this.#begin();
    else {
      this.#hello = new ClientHelloReader();
      if (context.timeouts.head > 0)
        context.wheel.arm((this.#deadline = new Deadline(() => this.#end("HELLO_TIMEOUT", ""))), context.timeouts.head);
    }
  }

  // `Session`.

  drain(idleGraceMs: number): void {
    if (this.#hello === null || this.#isOver) return;
    // Nothing has been asked for yet: it has as long as an idle connection.
    if (idleGraceMs === 0) this.close();
    else this.#context.wheel.arm((this.#deadline ??= new Deadline(() => this.#end("HELLO_TIMEOUT", ""))), idleGraceMs);
  }

  close(): void {
    if (this.#relay !== null) this.#relay.end("closed", null);
    else this.#end("SHUTTING_DOWN", "");
  }

  // Reading, until the relay does.

  onBytes(bytes: Buffer, byteCount: number): void {
    if (this.#hello === null) {
      // There is no endpoint yet. Nothing more is read, and so the client's leaving is not seen, until there is one.
      this.#wire.putBack(bytes.subarray(0, byteCount));
      return;
    }
    const hello = this.#hello.take(bytes, byteCount);
    if (hello === null) return;
    if ("kind" in hello) {
      this.#refuse("BAD_CLIENT_HELLO", hello.kind, hello.alert);
      return;
    }
    this.serverName = hello.serverName;
    const { bytes: received } = this.#hello;
    this.#hello = null;
    const route = this.#findRoute();
    if (route === null) this.#refuse("NO_ROUTE", "", Alert.unrecognizedName);
    else {
      this.#wire.putBack(received);
      this.#follow(route);
    }
  }

  onEnd(): void {
    if (this.#hello !== null) this.#end("BAD_CLIENT_HELLO", "closed before it was complete");
    else this.#hasClientEnded = true;
  }

  onGone(error: NodeJS.ErrnoException | null): void {
    this.#end("CLIENT_GONE", error?.code ?? "");
  }

  onWritable(): void {}
  onFinish(): void {}

  // The way to an endpoint.

  #findRoute(): TcpRoute | null {
    const { wheel, tcpRoutes } = this.#context;
    if (this.#deadline !== null) wheel.remove(this.#deadline);
    this.record.headCompleteMs = wheel.clock.now();
    return tcpRoutes.match(this);
  }

  #begin(): void {
    const route = this.#findRoute();
    if (route === null) this.#end("NO_ROUTE", "");
    else this.#follow(route);
  }

  #follow(route: TcpRoute): void {
    const { wheel, forwarding } = this.#context;
    this.record.routeName = route.name;
    this.#search = new EndpointSearch({
      host: this,
      session: this,
      client: this.#wire,
      plan: route.plan(),
      context: forwarding,
      clock: wheel.clock,
    });
    this.#search.run();
  }

  onEndpointWire(wire: Wire): void {
    const { wheel, timeouts, forwarding, isDatagrams } = this.#context;
    this.#relay = new Relay({
      client: this.#wire,
      endpoint: wire,
      host: this,
      wheel,
      idleMs: timeouts.idle ?? (isDatagrams ? datagramIdleMs : idleMs),
    });
    forwarding.onTunnel(this, 1);
    this.#relay.begin(this.#hasClientEnded);
  }

  onNoEndpoint(code: ReasonCode, detail: string): void {
    this.#end(code, detail);
  }

  onFirstByte(): void {
    this.record.firstByteMs = this.#context.wheel.clock.now();
  }

  onInternalError(error: unknown): void {
    this.#context.onInternalError(error);
    if (this.#relay !== null) this.#relay.end("closed", null);
    else this.#end("INTERNAL_ERROR", "");
  }

  // The end.

  /** Tells a client of TLS why, if there is something to tell, and closes in good order. */
  #refuse(code: ReasonCode, detail: string, alert: number): void {
    if (alert !== 0) {
      const { output } = this.#wire;
      output.text(alertRecord(alert));
      output.flush();
      this.#wire.destroy();
    }
    this.#end(code, detail);
  }

  onRelayEnd(end: RelayEnd, error: NodeJS.ErrnoException | null): void {
    this.#context.forwarding.onTunnel(this, -1);
    const isDone = end === "idle" && this.#context.isDatagrams;
    this.#end(isDone ? null : reasonOf[end], error?.code ?? "");
  }

  #end(reason: ReasonCode | null, detail: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { record } = this;
    const { wheel } = this.#context;
    if (this.#deadline !== null) wheel.remove(this.#deadline);
    this.#hello = null;
    record.endedMs = wheel.clock.now();
    record.reason = reason;
    record.detail = detail;
    record.status = reason === null ? completedStatus : reasons[reason].status;
    if (this.#relay !== null) {
      record.requestBodyBytes = this.#relay.client.receivedBytes;
      record.responseBodyBytes = this.#relay.endpoint.receivedBytes;
    }
    this.#search?.end();
    // A reset tells the client that what it has is not complete.
    if (this.#relay === null) this.#wire.reset();
    this.#context.onSessionEnd(this);
  }
}
