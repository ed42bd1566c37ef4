/**
 * Sticky sessions: the contract of what makes a client's requests go to the endpoint that has served it before. It is
 * asked before the balancer, and told which endpoint answers. An upstream that is not sticky has none, at no cost.
 */
import type { Exchange } from "../../http/exchange.ts";
import type { PickHint } from "../balancer/balancer.ts";
import type { Endpoint } from "../endpoint.ts";

/** Tells which endpoint has served a client before, and how a client is told about the one that serves it now. */
export interface Affinity {
  /**
   * The endpoint that `exchange` belongs to: it takes requests of its clients, and was not tried yet. Null = none; the
   * balancer chooses.
   */
  pick(exchange: Exchange, hint: PickHint): Endpoint | null;
  /**
   * The field lines that tell the client to come back to `endpoint`, which answers `exchange`; empty if there is
   * nothing new to tell.
   */
  answerFields(exchange: Exchange, endpoint: Endpoint): string;
}
