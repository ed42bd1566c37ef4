/**
 * Clients that keep a proxy busy, in no protocol's terms: each has one connection and sends its next request when the
 * answer to the last one is read. Every other client sends POST, which no proxy may try twice, unless all are to be
 * tried again. Every answer is checked to be the answer to its own request; `echo` (`endpoint.ts`) makes endpoints that
 * answer so.
 */
import { Signal } from "./signal.ts";
import type { Ask, Speaker } from "./speaker.ts";

export interface LoadOptions {
  /** Opens a connection of a client. */
  readonly connect: () => Promise<Speaker>;
  readonly clients: number;
  /** Requests of each client; default: until `stop`. */
  readonly requestsPerClient?: number;
  /** Only requests that may be tried again: GET and PUT. Default: GET and POST. */
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
  readonly #open = new Set<Speaker>();
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
    let connection: Speaker | null = null;
    let requestsHere = 0;
    const total = this.#options.requestsPerClient ?? Infinity;
    for (let count = 0; count < total && !this.#isStopping && this.failures.length < maxFailures; count++) {
      const target = `/${index}-${count}`;
      try {
        connection ??= await this.#connect();
        const isLast = await this.#ask(connection, this.#requestOf(index, target));
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

  #requestOf(client: number, path: string): Ask {
    const what = { path, authority: "load.example" };
    if (client % 2 === 0) return what;
    return { ...what, method: this.#options.isIdempotent === true ? "PUT" : "POST", body: "body" };
  }

  /** @returns whether the connection is not kept */
  async #ask(connection: Speaker, request: Ask): Promise<boolean> {
    const answer = await connection.ask(request);
    const { status, text, isLast } = answer;
    this.answered++;
    this.byStatus[status] = (this.byStatus[status] ?? 0) + 1;
    if (status === 200) {
      const endpoint = answer.value("x-endpoint") ?? "";
      this.byEndpoint[endpoint] = (this.byEndpoint[endpoint] ?? 0) + 1;
      if (text !== request.path) this.failures.push(`${request.path} was answered with ${text}`);
    } else if (!(this.#options.mayAnswer ?? []).includes(status))
      this.failures.push(`${request.path} was answered with ${status} ${text}`);
    this.#signal.notify();
    return isLast;
  }

  async #connect(): Promise<Speaker> {
    const connection = await this.#options.connect();
    this.#open.add(connection);
    return connection;
  }

  async #leave(connection: Speaker): Promise<void> {
    await connection.close();
    this.#open.delete(connection);
  }
}
