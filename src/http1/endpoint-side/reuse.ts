/**
 * What stands in the way of using a connection to an endpoint again, beside the rules of RFC 9112 section 9.3:
 *
 * - A login that holds for the connection (RFC 4559 section 6): from the request that uses it, or the answer that
 *   offers it, on, it serves one client connection, for good.
 * - An answer that withholds its content (HEAD, 304). Careless endpoints send the content all the same, perhaps a
 *   moment later, and whatever request is on its way by then would be answered with it: bytes that a stranger may have
 *   chosen. Until the connection has been silent for a moment, nobody uses it. Not even the client who asked: it may be
 *   a proxy.
 * - A PROXY header that has named a client to the endpoint: it serves that client alone.
 */
import type { Attempt } from "../../http/attempt.ts";
import type { ResponseHead } from "../../http/message.ts";

/** Says who may use a connection to an endpoint next. One a connection. */
export class Reuse {
  /** A login holds for it, or may. */
  isBound = false;
  /** Content may follow that was not asked for. */
  isSuspect = false;
  /** Its number among all that were ever parked in the pool, from 1; the pool's to use. */
  parkedAt = 0;
  /** When it was parked. */
  parkedMs = 0;
  /** A request that cannot be sent again was there when the last answer ended; the pool's to use. */
  isAwaited = false;
  /** The only client connection that it may serve, as the endpoint was told; null = it may serve any. */
  #sole: object | null = null;
  /** The client connection that it is bound to; null = nobody's, whose attempt was given up. */
  #client: object | null = null;

  /** From now on it serves `client` alone; null = nobody but the attempt that it has. */
  keepFor(client: object | null): void {
    this.#sole = client ?? this;
  }

  /** May an attempt of `client` have it, as far as `keepFor` goes? */
  isOpenTo(client: object | null): boolean {
    return this.#sole === null || this.#sole === client;
  }

  noteRequest(attempt: Attempt): void {
    if (attempt.request.bindsConnection) this.#bind(attempt.client);
  }

  noteAnswer(head: ResponseHead, attempt: Attempt): void {
    if (head.bindsConnection) this.#bind(attempt.client);
    if (head.withholdsContent) this.isSuspect = true;
  }

  isBoundTo(client: object | null): boolean {
    return this.isBound && client !== null && this.#client === client;
  }

  /** If several clients share it, it belongs to the first who is offered a login. */
  #bind(client: object | null): void {
    if (this.isBound) return;
    this.isBound = true;
    this.#client = client;
  }
}
