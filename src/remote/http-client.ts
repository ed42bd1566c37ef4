/**
 * Asks services over HTTP for the control side: whole answers within a time limit and a size, or long ones as they come.
 * Redirects are not followed. No message of an error holds what may be a secret: of a URL it names the host alone.
 */
import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request as httpRequest } from "node:http";
import type { LookupFunction } from "node:net";
import { type ScheduledCall, type Scheduler, systemScheduler } from "../base/scheduler.ts";
import { version } from "../base/version.ts";
import { GatheredBytes } from "./gathered-bytes.ts";
import { type ConnectionWish, HttpAgents } from "./http-agents.ts";
import type { RemoteTlsSource } from "./remote-tls.ts";

const defaultTimeoutMs = 10_000;
const defaultMaxBodyBytes = 8 * 1024 * 1024;
const defaultMaxSockets = 64;
/** Of what Node.js or OpenSSL says of a failure. */
const maxDetailLength = 300;

/** What kind of failure it is. */
export type RemoteFailure = "network" | "timeout" | "status" | "malformed" | "closed";

/** Why a service could not be asked. The message holds no secrets: no user, no token, no path, no body. */
export class RemoteError extends Error {
  readonly kind: RemoteFailure;
  /** The status of the answer; 0 = it gave none. */
  readonly status: number;

  constructor(kind: RemoteFailure, message: string, status = 0) {
    super(message);
    this.name = "RemoteError";
    this.kind = kind;
    this.status = status;
  }
}

/** What is sent. */
export interface RemoteQuestion {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  /** `http:` or `https:`; with a socket path, its authority is only what the service is told (`Host`). */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For the whole exchange; default: the client's, and none for a long answer. */
  readonly timeoutMs?: number;
  /** It may be sent twice if a kept connection was closed meanwhile. Default: every method but POST. */
  readonly isIdempotent?: boolean;
}

/** A whole answer, of any status. */
export interface RemoteAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Takes a long answer as it comes. `onEnd` is called once, and nothing after it or after `close()`. */
export interface RemoteStreamSink {
  onHead(status: number, headers: IncomingHttpHeaders): void;
  onData(chunk: Buffer): void;
  /** @param error null = the answer is complete */
  onEnd(error: RemoteError | null): void;
}

/** A long answer that is under way. */
export interface RemoteStream {
  /** Gives it up. */
  close(): void;
}

/** Asks services. */
export interface RemoteHttp {
  /**
   * The whole answer; what its status means is the caller's to judge.
   * @throws RemoteError `network`, `timeout`, `malformed` (too large, broken off, not HTTP) or `closed`
   */
  send(question: RemoteQuestion): Promise<RemoteAnswer>;
  /** Never throws. It ends with a `timeout` if nothing comes for `idleMs`. */
  stream(question: RemoteQuestion & { readonly idleMs: number }, sink: RemoteStreamSink): RemoteStream;
  /** Gives up everything under way and closes all connections. */
  close(): void;
}

/** How services are asked. */
export interface RemoteHttpOptions {
  /** null: what Node.js trusts, and nothing is shown. */
  readonly tls: RemoteTlsSource | null;
  /** Connects to this Unix socket, whatever the URL says. */
  readonly socketPath?: string | null;
  /** Default: 10 seconds. */
  readonly timeoutMs?: number;
  /** Default: 8 MiB. */
  readonly maxBodyBytes?: number;
  /** How many questions to one service are under way at a time; the others wait. Default: 64. */
  readonly maxSockets?: number;
  /** Without it, Node.js resolves names on its four threads. */
  readonly lookup?: LookupFunction;
  readonly scheduler?: Scheduler;
  /** What is under way keeps the process alive, as a command wants it. Default: it does not. */
  readonly keepsProcess?: boolean;
}

/** A client with connections of its own. Close it. */
export function createRemoteHttp(options: RemoteHttpOptions): RemoteHttp {
  return new Client(options);
}

class Client implements RemoteHttp {
  readonly #options: RemoteHttpOptions;
  readonly #agents: HttpAgents;
  readonly #scheduler: Scheduler;
  readonly #active = new Set<Exchange>();
  #isClosed = false;

  constructor(options: RemoteHttpOptions) {
    this.#options = options;
    this.#scheduler = options.scheduler ?? systemScheduler;
    this.#agents = new HttpAgents({
      tls: options.tls,
      lookup: options.lookup ?? null,
      maxSockets: options.maxSockets ?? defaultMaxSockets,
    });
  }

  send(question: RemoteQuestion): Promise<RemoteAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<RemoteAnswer>();
    const { maxBodyBytes = defaultMaxBodyBytes, timeoutMs = defaultTimeoutMs } = this.#options;
    const body = new GatheredBytes();
    let status = 0;
    let headers: IncomingHttpHeaders = {};
    const exchange = this.#open(
      { timeoutMs, ...question },
      {
        onHead(givenStatus, givenHeaders) {
          status = givenStatus;
          headers = givenHeaders;
        },
        onData(chunk) {
          if (body.byteLength + chunk.length <= maxBodyBytes) body.append(chunk);
          else exchange.fail("malformed", `an answer of more than ${maxBodyBytes} bytes`);
        },
        onEnd: (error) => {
          if (error === null) resolve({ status, headers, body: body.take().toString("utf8") });
          else reject(error);
        },
      },
    );
    if (!this.#isClosed) exchange.start("kept");
    return promise;
  }

  stream(question: RemoteQuestion & { readonly idleMs: number }, sink: RemoteStreamSink): RemoteStream {
    const exchange = this.#open(question, sink);
    exchange.watchIdle(question.idleMs);
    if (!this.#isClosed) exchange.start("fresh");
    return exchange;
  }

  close(): void {
    this.#isClosed = true;
    for (const exchange of this.#active) exchange.fail("closed", "given up");
    this.#agents.close();
  }

  #open(question: RemoteQuestion, sink: RemoteStreamSink): Exchange {
    const exchange = new Exchange({
      question,
      sink,
      agents: this.#agents,
      scheduler: this.#scheduler,
      socketPath: this.#options.socketPath ?? null,
      keepsProcess: this.#options.keepsProcess ?? false,
      onOver: () => void this.#active.delete(exchange),
    });
    this.#active.add(exchange);
    if (this.#isClosed) process.nextTick(() => exchange.fail("closed", "given up"));
    return exchange;
  }
}

interface ExchangeParts {
  readonly question: RemoteQuestion;
  readonly sink: RemoteStreamSink;
  readonly agents: HttpAgents;
  readonly scheduler: Scheduler;
  readonly socketPath: string | null;
  readonly keepsProcess: boolean;
  readonly onOver: () => void;
}

/** One question, and its answer as it comes. */
class Exchange implements RemoteStream {
  readonly #parts: ExchangeParts;
  #request: ClientRequest | null = null;
  #deadline: ScheduledCall | null = null;
  #idleCheck: ScheduledCall | null = null;
  #lastMs: number;
  #status = 0;
  #isOver = false;

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
    this.#lastMs = parts.scheduler.clock.now();
    const { timeoutMs } = parts.question;
    if (timeoutMs !== undefined)
      this.#deadline = parts.scheduler.after(timeoutMs, () => this.fail("timeout", `no answer in ${timeoutMs} ms`));
  }

  start(wish: ConnectionWish): void {
    if (this.#isOver) return;
    const { question, agents, socketPath } = this.#parts;
    try {
      const isSecure = question.url.startsWith("https:");
      const send = isSecure ? process.getBuiltinModule("node:https").request : httpRequest;
      const request = send(question.url, {
        method: question.method,
        headers: { "user-agent": `millrace/${version}`, ...question.headers },
        agent: agents.agentFor(isSecure, wish),
        ...(socketPath !== null && { socketPath }),
      });
      this.#request = request;
      request.on("socket", (socket) => (this.#parts.keepsProcess ? socket.ref() : socket.unref()));
      request.on("response", (answer) => this.#take(answer));
      request.on("error", (error) => this.#onError(request, error));
      request.on("close", () => {
        // An answer that has begun may have more to give, and sees its own end.
        if (this.#request === request && this.#status === 0) this.fail("network", "the connection was closed");
      });
      request.end(question.body);
    } catch (error) {
      // The caller does not have what this gives yet.
      process.nextTick(() => this.fail("network", describe(error)));
    }
  }

  /** Ends it with a `timeout` when nothing has come for `idleMs`. */
  watchIdle(idleMs: number): void {
    const { scheduler } = this.#parts;
    const leftMs = this.#lastMs + idleMs - scheduler.clock.now();
    if (leftMs <= 0) this.fail("timeout", `nothing came for ${idleMs} ms`);
    else this.#idleCheck = scheduler.after(leftMs, () => this.watchIdle(idleMs));
  }

  fail(kind: RemoteFailure, detail: string): void {
    const { question, socketPath } = this.#parts;
    const message = `${socketPath ?? hostOf(question.url)}: ${detail.slice(0, maxDetailLength)}`;
    this.#end(new RemoteError(kind, message, this.#status));
  }

  close(): void {
    this.#finish();
  }

  #take(answer: IncomingMessage): void {
    if (this.#isOver) return;
    const { sink } = this.#parts;
    this.#lastMs = this.#parts.scheduler.clock.now();
    this.#status = answer.statusCode ?? 0;
    const coding = answer.headers["content-encoding"] ?? "identity";
    if (coding !== "identity") return this.fail("malformed", "the answer is compressed, which was not asked for");
    sink.onHead(this.#status, answer.headers);
    answer.on("data", (chunk: Buffer) => {
      if (this.#isOver) return;
      this.#lastMs = this.#parts.scheduler.clock.now();
      sink.onData(chunk);
    });
    answer.on("error", () => this.fail("malformed", "the answer broke off"));
    answer.on("end", () => this.#end(null));
    answer.on("close", () => this.fail("malformed", "the answer broke off"));
  }

  #onError(request: ClientRequest, error: NodeJS.ErrnoException): void {
    if (this.#isOver || this.#request !== request) return;
    const { question } = this.#parts;
    const isStale = request.reusedSocket && this.#status === 0 && /^(?:ECONNRESET|EPIPE)$/.test(error.code ?? "");
    if (isStale && (question.isIdempotent ?? question.method !== "POST")) {
      // The service closed an idle connection at the moment of our question (RFC 9112 section 9.5).
      this.#request = null;
      return this.start("fresh");
    }
    this.fail((error.code ?? "").startsWith("HPE_") ? "malformed" : "network", describe(error));
  }

  #end(error: RemoteError | null): void {
    if (this.#isOver) return;
    this.#finish(error === null);
    this.#parts.sink.onEnd(error);
  }

  #finish(isComplete = false): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#deadline?.cancel();
    this.#idleCheck?.cancel();
    if (!isComplete) this.#request?.destroy();
    this.#parts.onOver();
  }
}

/** What may be shown of a URL: its host, without user, password, path and query, which may be secrets. */
export function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : "a URL that cannot be read";
}

function describe(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  // What is wrong with a field or a URL is our own mistake, and its text may hold the value.
  if (code?.startsWith("ERR_INVALID") === true) return `the request cannot be sent (${code})`;
  if (message === "" || message === undefined) return code ?? "failed";
  return code === undefined || message.includes(code) ? message : `${message} (${code})`;
}
