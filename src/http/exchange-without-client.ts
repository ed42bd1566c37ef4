/**
 * An exchange that no client waits for: a request that is mirrored, a stored answer that is validated again, a probe.
 * Code takes the answer in the place of a client's connection. Everything between, routes and middlewares and the
 * attempt loop, sees an exchange like any other.
 */
import type { Clock } from "../base/clock.ts";
import type { AnswerHead } from "./answer.ts";
import { type BodySink, type BodySource, emptySource, type RequestBody } from "./body.ts";
import { type ClientSide, Exchange, type ExchangeOrigin } from "./exchange.ts";
import type { Fields } from "./fields.ts";
import type { ForwardingPrefix } from "./forwarding-fields.ts";
import { GuardedSink } from "./guarded-sink.ts";
import type { ReceivedRequest } from "./message.ts";
import type { ReasonCode } from "./reason.ts";

/** Who takes the answer to an exchange without a client. What it throws ends that exchange. */
export interface AnswerTaker {
  /** Takes an interim answer. Absent: they are left out. */
  interim?(head: AnswerHead): void;
  /**
   * Takes the answer: an endpoint's, or the proxy's own, as `head.from` says. @param source gives the body; `stop` ends
   * the exchange. @returns where the body goes
   */
  start(head: AnswerHead, source: BodySource): BodySink;
  /** The exchange is over, however it went: `exchange.record` says how. Comes once. */
  onEnd(exchange: Exchange): void;
}

/** What an exchange without a client is made of. */
export interface ExchangeParts {
  readonly request: ReceivedRequest;
  readonly body: RequestBody;
  /** In whose name it is made: a client that has asked for something like it, or the proxy itself. */
  readonly origin: Pick<ExchangeOrigin, "listenerName" | "scheme" | "peerAddress" | "peerPort">;
  readonly forwardingPrefix: ForwardingPrefix;
  readonly clock: Clock;
  readonly taker: AnswerTaker;
  /** Told of a bug of ours that has ended the exchange. */
  readonly onInternalError: (error: unknown) => void;
}

/** An exchange without a client, to be handed to a route. */
export interface OpenExchange {
  readonly exchange: Exchange;
  /** Nobody wants the answer any more: the exchange ends. Harmless if it is over. */
  cancel(code: ReasonCode): void;
}

/**
 * Makes an exchange whose answer `parts.taker` takes.
 *
 * @example
 * const { exchange } = openExchange({ request, body: noBody, origin, forwardingPrefix, clock, taker, onInternalError });
 * route.answer(exchange);
 */
export function openExchange(parts: ExchangeParts): OpenExchange {
  return new TakerSide(parts);
}

/** Stands where a client's connection would. */
class TakerSide implements ClientSide, OpenExchange, BodySink, BodySource {
  readonly exchange: Exchange;
  readonly #taker: AnswerTaker;
  readonly #clock: Clock;
  readonly #report: (error: unknown) => void;
  /** Gives the answer; null before it. */
  #source: BodySource | null = null;
  #sink: BodySink | null = null;

  constructor({ request, body, origin, forwardingPrefix, clock, taker, onInternalError }: ExchangeParts) {
    this.#taker = taker;
    this.#clock = clock;
    this.#report = onInternalError;
    const { listenerName, scheme, peerAddress, peerPort } = origin;
    // Logins of the client's connection are not for this request: it has no connection to endpoints of its own yet.
    this.exchange = new Exchange(request, this, { listenerName, scheme, peerAddress, peerPort, bonds: null });
    this.exchange.body = body;
    this.exchange.forwardingPrefix = forwardingPrefix;
    this.exchange.upgrade = null;
    const { record } = this.exchange;
    record.startedMs = clock.now();
    record.headCompleteMs = record.startedMs;
    record.startedWallMs = clock.wall();
  }

  cancel(code: ReasonCode): void {
    if (this.exchange.isEnded) return;
    this.#note(code);
    this.#end(code);
  }

  // `ClientSide`.

  interim(head: AnswerHead): boolean {
    this.#taker.interim?.(head);
    return true;
  }

  start(head: AnswerHead, source: BodySource): BodySink {
    if (head.tunnel !== null) throw new Error("there is no client for a tunnel");
    const { exchange } = this;
    exchange.isHeadSent = true;
    exchange.answerer = null;
    exchange.record.status = head.status;
    this.#source = source;
    this.#sink = new GuardedSink(this.#taker.start(head, this), exchange);
    return this;
  }

  openTunnel(): BodySource {
    return emptySource;
  }

  onInternalError(error: unknown): void {
    this.#report(error);
  }

  // `BodySink`: the answer comes.

  data(chunk: Buffer): void {
    if (this.exchange.isEnded) return;
    this.exchange.record.responseBodyBytes += chunk.length;
    this.#sink!.data(chunk);
  }

  flush(): boolean {
    return this.exchange.isEnded || this.#sink!.flush();
  }

  end(trailers: Fields | null): boolean {
    if (this.exchange.isEnded) return true;
    const isTaken = this.#sink!.end(trailers);
    this.#source = null;
    this.#end("CLIENT_GONE");
    return isTaken;
  }

  abort(code: ReasonCode): void {
    if (this.exchange.isEnded) return;
    this.#note(code);
    this.#sink?.abort(code);
    this.#end(code);
  }

  // `BodySource`: the taker speaks.

  resume(): void {
    this.#source?.resume();
  }

  stop(code: ReasonCode): void {
    this.cancel(code);
  }

  #note(code: ReasonCode): void {
    const { exchange } = this;
    exchange.record.reason ??= code;
    if (!exchange.isHeadSent) exchange.record.status = 499;
  }

  #end(code: ReasonCode): void {
    const { exchange } = this;
    if (exchange.isEnded) return;
    exchange.isEnded = true;
    exchange.record.endedMs = this.#clock.now();
    const source = this.#source;
    this.#source = null;
    for (const step of [
      () => (source === null ? exchange.cancel(code) : source.stop(code)),
      () => exchange.onEnd?.(),
      () => this.#taker.onEnd(exchange),
      () => exchange.origin.bonds?.close(),
    ]) {
      try {
        step();
      } catch (error) {
        this.#report(error);
      }
    }
  }
}
