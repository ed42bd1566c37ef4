/**
 * The server side of a protocol as `Endpoint` stands on it: requests and answers in no protocol's terms.
 * `http1-endpoint.ts` is the one for HTTP/1.1.
 */
import type { Content, FieldList, ReceivedRequest } from "./message.ts";

/** An answer. */
export interface Reply {
  /** Default: 200. */
  readonly status?: number;
  readonly fields?: FieldList;
  /** Default: `ok`. */
  readonly body?: Content;
  readonly trailers?: FieldList;
}

/** A request at an endpoint, and its answer. */
export interface EndpointExchange {
  /** As far as it has come. */
  readonly request: ReceivedRequest;
  /** Connections of the endpoint, in the order in which they were opened. */
  readonly connectionIndex: number;
  /** The proxy has given it up: it has ended the exchange, or its connection. */
  readonly isGone: boolean;
  untilGone(): Promise<void>;
  interim(status: number, fields?: FieldList): void;
  answer(reply?: Reply): void;
  /** Begins an answer whose content comes by `send` and `finish`: so many bytes, or `unknown`: its end tells. */
  start(length: number | "unknown", head?: Pick<Reply, "status" | "fields">): void;
  send(content: string | Buffer): void;
  finish(trailers?: FieldList): void;
  /** Breaks off. HTTP/1.1 can only reset the connection. */
  abort(): void;
}

/** What a server asks and tells. May change its mind at any time. */
export interface EndpointListener {
  /** Each new connection is to be reset at once. */
  readonly refusesConnections: boolean;
  /** Is told of each request whose head has come, before `onRequest`; null: nobody wants to know. */
  readonly onHead: ((exchange: EndpointExchange) => void) | null;
  /** All of a request has come. */
  onRequest(exchange: EndpointExchange): void;
}

/** A running server on a loopback port. */
export interface EndpointServer {
  readonly url: string;
  readonly port: number;
  /** Connections accepted since the start. */
  readonly connectionCount: number;
  /** Connections still open. */
  readonly openCount: number;
  /** What reached the server and was no request that everybody reads alike; must stay empty. */
  readonly violations: readonly string[];
  /** Waits for a state, looked at after each event. */
  until(isTrue: () => boolean, what: string): Promise<void>;
  /** Breaks all open connections; new ones are accepted. */
  breakConnections(): void;
  /** Breaks all connections and stops listening. */
  close(): Promise<void>;
}

/** A protocol that is spoken to endpoints. */
export interface EndpointProtocol {
  /** As the names of tests say it. */
  readonly name: string;
  /** What an upstream of the configuration says beside its own keys, so that this is spoken to its `endpoints`. */
  upstream(endpoints: unknown): Readonly<Record<string, unknown>>;
  /** Starts a server on 127.0.0.1. @param listener is told of what reaches it @param port 0: any */
  listen(listener: EndpointListener, port: number): Promise<EndpointServer>;
}
