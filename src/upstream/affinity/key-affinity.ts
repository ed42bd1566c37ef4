/**
 * Affinity by the hash of a key such as the client's address: rendezvous hashing beside any balancer. Nothing is told
 * to the client, nothing is remembered.
 */
import type { Exchange } from "../../http/exchange.ts";
import type { KeyOf } from "../../http/exchange-key.ts";
import type { Balancer, PickHint } from "../balancer/balancer.ts";
import type { Endpoint } from "../endpoint.ts";
import type { Affinity } from "./affinity.ts";

const noEndpoints: readonly Endpoint[] = [];

/** Sends requests of one key to one endpoint, as long as that can be had. */
export class KeyAffinity implements Affinity, PickHint {
  // The hint, kept because a pick must not allocate.
  key: string | null = null;
  tried: readonly Endpoint[] = noEndpoints;
  readonly #keyOf: KeyOf;
  readonly #balancer: Balancer;

  /** @param balancer one that hashes keys */
  constructor(keyOf: KeyOf, balancer: Balancer) {
    this.#keyOf = keyOf;
    this.#balancer = balancer;
  }

  pick(exchange: Exchange, hint: PickHint): Endpoint | null {
    this.key = this.#keyOf(exchange);
    if (this.key === null) return null;
    this.tried = hint.tried;
    const endpoint = this.#balancer.pick(this);
    this.tried = noEndpoints;
    return endpoint;
  }

  answerFields(): string {
    return "";
  }
}
