/**
 * Clients that keep a proxy busy: each has one keep-alive connection and sends its next request when the answer to the
 * last one is read. Every other client sends POST, which no proxy may try twice, unless all are to be tried again.
 * Every answer is checked to be the answer to its own request; `echo` makes endpoints that answer so.
 */
import type { RequestListener } from "node:http";
import { RawClient } from "./raw-client.ts";
import { Signal } from "./signal.ts";
import { valuesOf } from "./wire-reader.ts";

/** Answers with the request target, under the name `name`. */
export const echo =
  (name: string): RequestListener =>
  (request, response) => {
    const body = request.url ?? "";
    response.writeHead(200, { "x-endpoint": name, "content-length": body.length }).end(body);
  };

export interface LoadOptions {
  readonly port: number;
  readonly clients: number;
  /** Requests of each client; default: until `stop`. */
  readonly requestsPerClient?: number;
  /** Only requests that may be tried again: GET. Default: POST, too. */
  readonly isIdempotent?: boolean;
  /** A client whose connection is not kept is done; default: it opens another. */
  readonly isOneConnection?: boolean;
  /** Statuses beside 200 that are no failure; default: none. */
  readonly mayAnswer?: readonly number[];
}

/** New connections now and then, so that they are under test, too. */
const maxRequestsPerConnection = 300;
const maxFailures = 20;

/** Load that is running. */
export class Load {
  readonly #options: LoadOptions;
  readonly #signal = new Signal();
  readonly #clients: Promise<void>[];
  readonly #open = new Set<RawClient>();
  #isStopping = false;
  /** Answers that were read. */
  answered = 0;
  /** What went wrong, each with the client and its request. */
  readonly failures: string[] = [];
  /** Answers by endpoint. */
  readonly byEndpoint: Record<string, number> = {};
  /** Answers by status. */
  readonly byStatus: Record<number, number> = {};

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#clients = Array.from({ length: options.clients }, (_, index) => this.#run(index));
  }

  /** Waits until `count` more answers have been read. */
  untilMore(count: number): Promise<void> {
    const goal = this.answered + count;
    return this.#signal.until(
      () => this.answered >= goal || this.failures.length >= maxFailures,
      `${count} more answers came`,
    );
  }

  /** Lets every client finish what it is doing. Resolves when their connections are closed. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.done();
  }

  /** Resolves when every client has made its requests and closed its connection. */
  async done(): Promise<void> {
    await Promise.all(this.#clients);
  }

  /** Breaks off whatever is open; for the end of a test that failed. */
  abandon(): void {
    this.#isStopping = true;
    for (const connection of this.#open) connection.destroy();
  }

  async #run(index: number): Promise<void> {
    let connection: RawClient | null = null;
    let requestsHere = 0;
    const total = this.#options.requestsPerClient ?? Infinity;
    for (let count = 0; count < total && !this.#isStopping && this.failures.length < maxFailures; count++) {
      const target = `/${index}-${count}`;
      try {
        connection ??= await this.#connect();
        const isLast = await this.#ask(
          connection,
          index % 2 === 0 || this.#options.isIdempotent === true ? `GET ${target}` : `POST ${target}`,
          target,
        );
        if (isLast && this.#options.isOneConnection === true) break;
        if (isLast || (++requestsHere === maxRequestsPerConnection && this.#options.isOneConnection !== true)) {
          await this.#leave(connection);
          connection = null;
          requestsHere = 0;
        }
      } catch (error) {
        this.failures.push(
          `${target}, request ${requestsHere} of its connection: ${error instanceof Error ? error.message : String(error)}`,
        );
        this.#signal.notify();
        connection?.destroy();
        connection = null;
        requestsHere = 0;
      }
    }
    if (connection !== null) await this.#leave(connection);
  }

  /** @returns whether the connection is not kept */
  async #ask(connection: RawClient, start: string, target: string): Promise<boolean> {
    const body = start.startsWith("POST") ? "Content-Length: 4\r\n\r\nbody" : "\r\n";
    connection.send(`${start} HTTP/1.1\r\nHost: load.example\r\n${body}`);
    const answer = await connection.response();
    this.answered++;
    this.byStatus[answer.status] = (this.byStatus[answer.status] ?? 0) + 1;
    if (answer.status === 200) {
      const endpoint = valuesOf(answer, "x-endpoint")[0] ?? "";
      this.byEndpoint[endpoint] = (this.byEndpoint[endpoint] ?? 0) + 1;
      if (answer.body.toString() !== target)
        this.failures.push(`${target} was answered with ${answer.body.toString()}`);
    } else if (!(this.#options.mayAnswer ?? []).includes(answer.status))
      this.failures.push(`${target} was answered with ${answer.status} ${answer.body.toString()}`);
    this.#signal.notify();
    return valuesOf(answer, "connection").includes("close");
  }

  async #connect(): Promise<RawClient> {
    const connection = await RawClient.connect(this.#options.port);
    this.#open.add(connection);
    return connection;
  }

  async #leave(connection: RawClient): Promise<void> {
    await connection.close();
    this.#open.delete(connection);
  }
}
