/**
 * An endpoint in no protocol's terms: it records what reached it as plain data and answers by a fixed reply or a
 * function. Over HTTP/1.1 it stands on a `ScriptedUpstream`, whose strict reader looks at every byte.
 */
import { frame, lastChunk, linesOf, pieceOf } from "./http1-framing.ts";
import { type Content, endToEnd, type FieldList, ReceivedRequest } from "./message.ts";
import { ScriptedUpstream, type UpstreamConnection } from "./scripted-upstream.ts";
import { valuesOf, type WireRequest } from "./wire-reader.ts";

/** An answer. */
export interface Reply {
  /** Default: 200. */
  readonly status?: number;
  readonly fields?: FieldList;
  /** Default: `ok`. */
  readonly body?: Content;
  readonly trailers?: FieldList;
}

/** What an endpoint does with a request that is complete: answers, or lets a function do something about it. */
export type Behaviour = Reply | ((exchange: EndpointExchange) => void);

/** Does nothing about any request. */
export const silence: Behaviour = () => {};
/** Breaks off without an answer. */
export const breakOff: Behaviour = (exchange) => exchange.abort();

function toRequest(request: WireRequest): ReceivedRequest {
  const { method, target, body, isComplete } = request;
  return new ReceivedRequest(
    { method, target, authority: valuesOf(request, "host")[0] ?? "" },
    { fields: endToEnd(request.fields, "host"), body, trailers: endToEnd(request.trailers), isComplete },
  );
}

/** A request at an endpoint, and its answer. */
export class EndpointExchange {
  readonly #connection: UpstreamConnection;
  #request: WireRequest | null = null;
  #isChunked = false;

  constructor(connection: UpstreamConnection) {
    this.#connection = connection;
  }

  /** As far as it has come. */
  get request(): ReceivedRequest {
    return toRequest(this.#request ?? this.#connection.partialRequest!);
  }

  /** Connections of the endpoint, in the order in which they were opened. */
  get connectionIndex(): number {
    return this.#connection.index;
  }

  /** The proxy has given it up, or ended its connection. */
  get isGone(): boolean {
    return this.#connection.isEnded || this.#connection.isClosed;
  }

  untilGone(): Promise<void> {
    return this.#connection.untilOver();
  }

  /** Notes that all of it has come. */
  complete(request: WireRequest): void {
    this.#request = request;
  }

  interim(status: number, fields?: FieldList): void {
    this.#connection.send(`HTTP/1.1 ${status} Interim\r\n${linesOf(fields)}\r\n`);
  }

  answer({ status = 200, fields, body = "ok", trailers }: Reply = {}): void {
    const { field, bytes } = frame(body, trailers);
    const isBodyless = status === 204 || status === 304 || this.request.method === "HEAD";
    const head = `HTTP/1.1 ${status} X\r\n${linesOf(fields)}${status === 204 ? "" : field}\r\n`;
    this.#connection.send(Buffer.concat([Buffer.from(head, "latin1"), isBodyless ? Buffer.alloc(0) : bytes]));
  }

  /** Begins an answer whose content comes by `send` and `finish`: so many bytes, or `unknown`: its end tells. */
  start(length: number | "unknown", { status = 200, fields }: Pick<Reply, "status" | "fields"> = {}): void {
    this.#isChunked = length === "unknown";
    const field = this.#isChunked ? "Transfer-Encoding: chunked" : `Content-Length: ${length}`;
    this.#connection.send(`HTTP/1.1 ${status} X\r\n${linesOf(fields)}${field}\r\n\r\n`);
  }

  send(content: string | Buffer): void {
    this.#connection.send(pieceOf(content, this.#isChunked));
  }

  finish(trailers?: FieldList): void {
    if (this.#isChunked) this.#connection.send(lastChunk(trailers));
  }

  /** Breaks off. HTTP/1.1 can only reset the connection. */
  abort(): void {
    this.#connection.reset();
  }
}

/** A running endpoint on a loopback port. */
export class Endpoint {
  /** May be replaced at any time. */
  behaviour: Behaviour;
  /** Each new connection is reset at once. */
  refusesConnections = false;
  /** Called when the head of a request is there, before `behaviour`; null: nobody is. */
  onHead: ((exchange: EndpointExchange) => void) | null = null;
  /** Complete requests, in the order in which they became so. */
  readonly requests: ReceivedRequest[] = [];
  /** Those of `requests`. */
  readonly exchanges: EndpointExchange[] = [];
  readonly #wire: ScriptedUpstream;
  readonly #begun = new Map<UpstreamConnection, EndpointExchange>();

  private constructor(wire: ScriptedUpstream, behaviour: Behaviour) {
    this.#wire = wire;
    this.behaviour = behaviour;
    wire.script = {
      onConnection: (connection) => {
        if (this.refusesConnections) connection.reset();
      },
      onRequest: (connection, request) => this.#onRequest(connection, request),
      onData: (connection) => this.#onData(connection),
    };
  }

  /** @param behaviour default: 200 with the body `ok` @param port to come back at a known one; default: any */
  static async start(behaviour: Behaviour = {}, port = 0): Promise<Endpoint> {
    return new Endpoint(await ScriptedUpstream.start({}, port), behaviour);
  }

  get url(): string {
    return this.#wire.url;
  }

  get port(): number {
    return this.#wire.port;
  }

  /** Connections accepted since the start. */
  get connectionCount(): number {
    return this.#wire.connections.length;
  }

  /** Connections still open. */
  get openCount(): number {
    return this.#wire.openCount;
  }

  /** What reached the endpoint and was no request that everybody reads alike; must stay empty. */
  get violations(): readonly string[] {
    return this.#wire.violations;
  }

  /** Waits for a state, looked at after each event. */
  until(isTrue: () => boolean, what: string): Promise<void> {
    return this.#wire.until(isTrue, what);
  }

  /** Waits for the complete request number `count`, from 1. */
  async asked(count = 1): Promise<EndpointExchange> {
    await this.until(() => this.exchanges.length >= count, `request ${count} came`);
    return this.exchanges[count - 1]!;
  }

  /** Waits for the head of the next request. */
  nextHead(): Promise<EndpointExchange> {
    const { promise, resolve } = Promise.withResolvers<EndpointExchange>();
    const before = this.onHead;
    this.onHead = (exchange) => {
      this.onHead = before;
      before?.(exchange);
      resolve(exchange);
    };
    return promise;
  }

  /** Breaks all open connections; new ones are accepted. */
  breakConnections(): void {
    this.#wire.breakConnections();
  }

  /** Breaks all connections and stops listening. */
  close(): Promise<void> {
    return this.#wire.close();
  }

  #onRequest(connection: UpstreamConnection, request: WireRequest): void {
    const exchange = this.#begun.get(connection) ?? this.#begin(connection, request);
    this.#begun.delete(connection);
    exchange.complete(request);
    this.exchanges.push(exchange);
    this.requests.push(exchange.request);
    if (typeof this.behaviour === "function") this.behaviour(exchange);
    else exchange.answer(this.behaviour);
  }

  #onData(connection: UpstreamConnection): void {
    if (this.onHead !== null && !this.#begun.has(connection) && connection.partialRequest !== null)
      this.#begun.set(connection, this.#begin(connection, null));
  }

  #begin(connection: UpstreamConnection, request: WireRequest | null): EndpointExchange {
    const exchange = new EndpointExchange(connection);
    if (request !== null) exchange.complete(request);
    this.onHead?.(exchange);
    return exchange;
  }
}
