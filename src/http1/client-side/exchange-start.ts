/**
 * The beginning of each exchange of a client connection: when the first byte of its head came, when it was complete,
 * and the exchange that is made of it.
 */
import type { Clock } from "../../base/clock.ts";
import { type ClientSide, Exchange } from "../../http/exchange.ts";
import type { RequestHead } from "../../http/message.ts";
import type { ReasonCode } from "../../http/reason.ts";
import type { ClientOrigin } from "./client-origin.ts";

/**
 * Why a request that was understood is refused before its body comes; null = it is not. @param maxBodyBytes 0 = no
 * limit
 */
export function decideRefusal(
  { hasUnknownExpectation, contentLength }: RequestHead,
  maxBodyBytes: number,
): ReasonCode | null {
  if (hasUnknownExpectation) return "EXPECTATION_FAILED";
  return maxBodyBytes > 0 && contentLength > maxBodyBytes ? "BODY_TOO_LARGE" : null;
}

/** Makes the exchanges of one client connection, with the times at which their heads came. */
export class ExchangeStart {
  /** Exchanges made so far. */
  count = 0;
  readonly #clock: Clock;
  readonly #origin: ClientOrigin;
  #headStartedMs = -1;

  constructor(clock: Clock, origin: ClientOrigin) {
    this.#clock = clock;
    this.#origin = origin;
  }

  /** Bytes of a head are there. */
  noteHead(): void {
    if (this.#headStartedMs === -1) this.#headStartedMs = this.#clock.now();
  }

  /** The bytes that were noted are no head, but an empty line. */
  forgetHead(): void {
    this.#headStartedMs = -1;
  }

  /** Makes the exchange of a head that is complete. @param wasSplit the head did not come in one piece */
  make(head: RequestHead, client: ClientSide, wasSplit: boolean): Exchange {
    const exchange = new Exchange(head, client, this.#origin);
    exchange.record.startedMs = this.#headStartedMs;
    exchange.record.headCompleteMs = wasSplit ? this.#clock.now() : this.#headStartedMs;
    exchange.record.startedWallMs = this.#clock.wall();
    exchange.isPeerTrusted = this.#origin.isPeerTrusted;
    this.#headStartedMs = -1;
    this.count++;
    return exchange;
  }
}
