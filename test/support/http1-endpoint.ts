/** Endpoints over HTTP/1.1: a `ScriptedUpstream`, whose strict reader looks at every byte. */
import type { EndpointExchange, EndpointListener, EndpointProtocol, EndpointServer, Reply } from "./endpoint-server.ts";
import { frame, lastChunk, linesOf, pieceOf } from "./http1-framing.ts";
import { endToEnd, type FieldList, ReceivedRequest } from "./message.ts";
import { ScriptedUpstream, type Secure, type UpstreamConnection } from "./scripted-upstream.ts";
import { authorityFile, TlsEndpointSocket } from "./tls-endpoint-socket.ts";
import { valuesOf, type WireRequest } from "./wire-reader.ts";

function toRequest(request: WireRequest): ReceivedRequest {
  const { method, target, body, isComplete } = request;
  return new ReceivedRequest(
    { method, target, authority: valuesOf(request, "host")[0] ?? "" },
    { fields: endToEnd(request.fields, "host"), body, trailers: endToEnd(request.trailers), isComplete },
  );
}

class Http1EndpointExchange implements EndpointExchange {
  readonly #connection: UpstreamConnection;
  #request: ReceivedRequest | null = null;
  #isChunked = false;

  constructor(connection: UpstreamConnection) {
    this.#connection = connection;
  }

  get request(): ReceivedRequest {
    return this.#request ?? toRequest(this.#connection.partialRequest!);
  }

  get connectionIndex(): number {
    return this.#connection.index;
  }

  get isGone(): boolean {
    return this.#connection.isEnded || this.#connection.isClosed;
  }

  untilGone(): Promise<void> {
    return this.#connection.untilOver();
  }

  /** Notes that all of it has come. */
  complete(request: WireRequest): void {
    this.#request = toRequest(request);
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

  abort(): void {
    this.#connection.reset();
  }
}

/** Makes exchanges of what reaches `wire`, for `listener`. */
function connect(wire: ScriptedUpstream, listener: EndpointListener): void {
  /** Those whose head was told, and whose request is not complete. */
  const begun = new Map<UpstreamConnection, Http1EndpointExchange>();
  wire.script = {
    onConnection: (connection) => {
      if (listener.refusesConnections) connection.reset();
    },
    onRequest: (connection, request) => {
      const told = begun.get(connection);
      const exchange = told ?? new Http1EndpointExchange(connection);
      begun.delete(connection);
      exchange.complete(request);
      if (told === undefined) listener.onHead?.(exchange);
      listener.onRequest(exchange);
    },
    onData: (connection) => {
      if (connection.unread.length === 0) connection.forget();
      else if (listener.onHead !== null && !begun.has(connection) && connection.partialRequest !== null) {
        const exchange = new Http1EndpointExchange(connection);
        begun.set(connection, exchange);
        listener.onHead(exchange);
      }
    },
  };
}

/** @param secure null = plain text */
async function listen(listener: EndpointListener, port: number, secure: Secure | null): Promise<EndpointServer> {
  const wire = await ScriptedUpstream.start({}, port, secure);
  connect(wire, listener);
  return wire;
}

export const http1Endpoint: EndpointProtocol = {
  name: "HTTP/1.1",
  upstream: () => ({}),
  listen: (listener, port) => listen(listener, port, null),
};

export const http1TlsEndpoint: EndpointProtocol = {
  name: "HTTP/1.1 over TLS",
  // A section about TLS is refused if nobody speaks it.
  upstream: (endpoints) => (JSON.stringify(endpoints ?? []).includes("https:") ? { tls: { ca: authorityFile } } : {}),
  listen: (listener, port) => listen(listener, port, (socket) => new TlsEndpointSocket(socket)),
};
