/** Makes the affinity that an upstream's `sticky` configures. */
import { systemClock } from "../../base/clock.ts";
import type { SharedMemory } from "../../base/shared-memory.ts";
import { compileExchangeKey } from "../../http/exchange-key.ts";
import { type BalancerContext, createBalancer } from "../balancer/create-balancer.ts";
import type { Endpoint } from "../endpoint.ts";
import type { StickyOptions } from "../sticky-options.ts";
import type { Affinity } from "./affinity.ts";
import { KeyAffinity } from "./key-affinity.ts";
import { StickyCookie, type StickyResult } from "./sticky-cookie.ts";
import { readStickySecret } from "./sticky-secret.ts";
import { StickyTokens } from "./sticky-token.ts";

/** What an affinity is made from. */
export interface AffinityParts {
  readonly upstreamName: string;
  readonly options: StickyOptions;
  readonly endpoints: readonly Endpoint[];
  readonly find: (url: string) => Endpoint | null;
  readonly context: BalancerContext;
  /** Holds the secret if none is configured. */
  readonly memory: SharedMemory;
  readonly onResult: (result: StickyResult) => void;
}

/** Makes what the `sticky` of an upstream asks for: by a key, or by a cookie. */
export function createAffinity(parts: AffinityParts): Affinity {
  const { upstreamName, options, endpoints, find, context, memory, onResult } = parts;
  if ("key" in options)
    return new KeyAffinity(compileExchangeKey(options.key), createBalancer("ip-hash", endpoints, context));
  const { secret, maxAge } = options.cookie;
  const tokens = new StickyTokens({
    secret: secret === null ? readStickySecret(memory) : Buffer.from(secret),
    upstreamName,
    urls: endpoints.map((endpoint) => endpoint.name),
    maxAgeMs: maxAge,
    clock: systemClock,
  });
  return new StickyCookie({ upstreamName, options: options.cookie, tokens, find, onResult });
}
