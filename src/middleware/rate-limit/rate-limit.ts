/**
 * The `rateLimit` middleware: decides before the body is read whether a request may pass, and says in the answer how
 * much is left (draft-ietf-httpapi-ratelimit-headers-11; RFC 6585 section 4 for 429, RFC 9110 section 10.2.3 for
 * Retry-After).
 */
import { AddedFields } from "../../http/answer.ts";
import type { Exchange } from "../../http/exchange.ts";
import { Fields } from "../../http/fields.ts";
import { families } from "../../observe/families.ts";
import type { Counter } from "../../observe/instruments.ts";
import type { LimitDecision, LimitStore } from "../../store/limit-store.ts";
import type { Middleware, MiddlewareContext } from "../middleware.ts";
import { Hold, passOn } from "../pass-on.ts";
import { BucketTable } from "./bucket-table.ts";
import { type ExchangedTables, openExchangedTables } from "./exchanged-limits.ts";
import { compileLimitKey, type LimitKey, toStoreKey } from "./limit-key.ts";
import { LimitPolicy, toSeconds } from "./limit-policy.ts";
import { limitName, reserveRateLimit } from "./limit-region.ts";
import type { RateLimitOptions } from "./options.ts";

/** A limit, compiled. */
interface Limit {
  readonly name: string;
  readonly policy: LimitPolicy;
  readonly keyOf: LimitKey;
  readonly options: RateLimitOptions;
  readonly refused: Counter;
}

/**
 * Creates the `rateLimit` middleware: requests over the limit are answered 429. @throws Error if the store is not
 * there
 */
export function createRateLimit(options: RateLimitOptions, context: MiddlewareContext): Middleware {
  const name = limitName(context.routeName, context.ordinal, options);
  const limit: Limit = {
    name,
    policy: new LimitPolicy(name, options.rate, options.burst),
    keyOf: compileLimitKey(options.key),
    options,
    refused: context.metrics.counter(families.rateLimited, [
      context.routeName,
      options.dryRun ? "dry-run" : "enforced",
    ]),
  };
  if (options.store === "local")
    return limitHere(limit, new BucketTable(reserveRateLimit(context.memory, name, options)));
  const store = context.stores.get(options.store);
  if (store === undefined) throw new Error(`there is no store "${options.store}"`);
  return store === "exchanged"
    ? limitTogether(limit, openExchangedTables(context.memory, name, options))
    : limitThere(limit, store);
}

/** Counts in shared memory. */
function limitHere({ policy, keyOf, options: { dryRun }, refused }: Limit, table: BucketTable): Middleware {
  return (next) => (exchange) => {
    const key = keyOf(exchange);
    const decision = table.take(key, policy);
    if (!decision.isAdmitted) refused.add();
    if (dryRun) return next(exchange);
    if (decision.isAdmitted) {
      exchange.filterAnswer(new AddedFields(policy.fields(decision)));
      next(exchange);
    } else refuse(exchange, policy, decision);
  };
}

/** Counts in shared memory, into which others' counts come, too, and tells what it admits. */
function limitTogether({ policy, keyOf, options, refused }: Limit, { buckets, usage }: ExchangedTables): Middleware {
  const { dryRun, onStoreFailure, key: kind } = options;
  return (next) => (exchange) => {
    if (onStoreFailure === "closed" && !dryRun && !usage.isExchanged) return exchange.fail("LIMIT_UNKNOWN");
    const key = toStoreKey(keyOf(exchange), kind);
    const decision = buckets.take(key, policy);
    if (decision.isAdmitted) usage.add(key);
    else refused.add();
    if (dryRun) return next(exchange);
    if (decision.isAdmitted) {
      exchange.filterAnswer(new AddedFields(policy.fields(decision)));
      next(exchange);
    } else refuse(exchange, policy, decision);
  };
}

/** Counts in a store, and holds the exchange meanwhile. */
function limitThere({ name, policy, keyOf, options, refused }: Limit, store: LimitStore): Middleware {
  return (next) => (exchange) => {
    const key = keyOf(exchange);
    const storeKey = `rate-limit:${name}:${toStoreKey(key, options.key)}`;
    if (options.dryRun) {
      store.take(storeKey, policy, (decision) => {
        if (decision?.isAdmitted === false) refused.add();
      });
      return next(exchange);
    }
    const hold = new Hold(exchange);
    const act = (decision: LimitDecision | null): void => {
      if (decision === null) {
        if (options.onStoreFailure === "open") next(exchange);
        else exchange.fail("LIMIT_UNKNOWN");
      } else if (decision.isAdmitted) {
        exchange.filterAnswer(new AddedFields(policy.fields(decision)));
        next(exchange);
      } else {
        refused.add();
        refuse(exchange, policy, decision);
      }
    };
    store.take(storeKey, policy, (decision) => {
      if (hold.release()) passOn(exchange, () => act(decision));
    });
  };
}

function refuse(exchange: Exchange, policy: LimitPolicy, decision: LimitDecision): void {
  exchange.filterAnswer(new AddedFields(policy.fields(decision)));
  exchange.fail("RATE_LIMITED", "", Fields.none.plus("Retry-After", `${toSeconds(decision.waitMs)}`));
}
