/**
 * Affinity by the hash of a key such as the client's address: rendezvous hashing beside any balancer. It tells the
 * client nothing and remembers nothing.
 */
import type { Exchange } from "../../http/exchange.ts";
import type { KeyOf } from "../../http/exchange-key.ts";
import type { Balancer, PickHint } from "../balancer/balancer.ts";
import type { Endpoint } from "../endpoint.ts";
import type { Affinity } from "./affinity.ts";

const noEndpoints: readonly Endpoint[] = [];

/** Sends requests of one key to one endpoint, as long as that is available. */
export class KeyAffinity implements Affinity, PickHint {
  // The hint is kept, because a pick must not allocate.
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
