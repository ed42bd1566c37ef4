/**
 * Sticky sessions: what makes a client's requests go to the endpoint that has served it before. Asked before the
 * balancer, and told who answered. An upstream that is not sticky has none, and pays nothing.
 */
import type { Exchange } from "../../http/exchange.ts";
import type { PickHint } from "../balancer/balancer.ts";
import type { Endpoint } from "../endpoint.ts";

/** Says which endpoint has served a client before, and what the client is told of the one that serves it now. */
export interface Affinity {
  /**
   * The endpoint that `exchange` belongs to: it takes requests of its clients, and was not tried yet. Null = none; the
   * balancer chooses.
   */
  pick(exchange: Exchange, hint: PickHint): Endpoint | null;
  /**
   * The field lines that tell the client to come back to `endpoint`, which answers `exchange`; empty where there is
   * nothing new to tell.
   */
  answerFields(exchange: Exchange, endpoint: Endpoint): string;
}
