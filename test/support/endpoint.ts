/** An endpoint in no protocol's terms: it records what reached it as plain data and answers by a fixed reply or a function. */
import type { EndpointExchange, EndpointListener, EndpointProtocol, EndpointServer, Reply } from "./endpoint-server.ts";
import type { ReceivedRequest } from "./message.ts";

/** What an endpoint does with a request that is complete: answers, or lets a function do something about it. */
export type Behaviour = Reply | ((exchange: EndpointExchange) => void);

/** Does nothing about any request. */
export const silence: Behaviour = () => {};
/** Breaks off without an answer. */
export const breakOff: Behaviour = (exchange) => exchange.abort();
/** Answers with the request target, under the name `name`: what `Load` wants to hear. */
export const echo =
  (name: string): ((exchange: EndpointExchange) => void) =>
  (exchange) =>
    exchange.answer({ fields: { "x-endpoint": name }, body: exchange.request.target });

/** A running endpoint on a loopback port. */
export class Endpoint implements EndpointListener {
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
  #server!: EndpointServer;

  private constructor(behaviour: Behaviour) {
    this.behaviour = behaviour;
  }

  /** @param behaviour default: 200 with the body `ok` @param port to come back at a known one; default: any */
  static async start(protocol: EndpointProtocol, behaviour: Behaviour = {}, port = 0): Promise<Endpoint> {
    const endpoint = new Endpoint(behaviour);
    endpoint.#server = await protocol.listen(endpoint, port);
    return endpoint;
  }

  get url(): string {
    return this.#server.url;
  }

  get port(): number {
    return this.#server.port;
  }

  /** Connections accepted since the start. */
  get connectionCount(): number {
    return this.#server.connectionCount;
  }

  /** Connections still open. */
  get openCount(): number {
    return this.#server.openCount;
  }

  /** What reached the endpoint and was no request that everybody reads alike; must stay empty. */
  get violations(): readonly string[] {
    return this.#server.violations;
  }

  /** Waits for a state, looked at after each event. */
  until(isTrue: () => boolean, what: string): Promise<void> {
    return this.#server.until(isTrue, what);
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

  onRequest(exchange: EndpointExchange): void {
    this.exchanges.push(exchange);
    this.requests.push(exchange.request);
    if (typeof this.behaviour === "function") this.behaviour(exchange);
    else exchange.answer(this.behaviour);
  }

  /** Breaks all open connections; new ones are accepted. */
  breakConnections(): void {
    this.#server.breakConnections();
  }

  /** Breaks all connections and stops listening. */
  close(): Promise<void> {
    return this.#server.close();
  }
}
