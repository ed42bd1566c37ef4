/** What an upstream does about failure, as the attempt loop uses it; made once per configuration and thread. Null = not asked for, and then it costs nothing. */
import type { SharedMemory } from "../base/shared-memory.ts";
import type { AttemptObserver } from "./attempt-observer.ts";
import type { Endpoint } from "./endpoint.ts";
import type { UpstreamOptions } from "./options.ts";
import { RetryBudget } from "./retry-budget.ts";

/** See the head of this file. */
export interface UpstreamPolicies {
  /** Told of every attempt. */
  readonly observers: readonly AttemptObserver[];
  /** Null = no retries. */
  readonly retryBudget: RetryBudget | null;
}

/** An upstream that does nothing about failure. */
export const noPolicies: UpstreamPolicies = { observers: [], retryBudget: null };

/** What policies are made from. */
export interface PolicyParts {
  readonly upstreamName: string;
  readonly options: Pick<UpstreamOptions, "retry">;
  readonly endpoints: readonly Endpoint[];
  readonly memory: SharedMemory;
  readonly stripeIndex: number;
  readonly stripes: number;
}

export function createPolicies(parts: PolicyParts): UpstreamPolicies {
  const { options } = parts;
  return {
    observers: [],
    retryBudget: options.retry.attempts > 0 ? new RetryBudget({ ...parts, percent: options.retry.budgetPercent }) : null,
  };
}
