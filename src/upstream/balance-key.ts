/**
 * Reads the configured balancing: what it hashes, for the data path, and its description, for people. Loads no schema.
 */
import { compileExchangeKey, type KeyOf } from "../http/exchange-key.ts";
import type { BalanceOptions } from "./balance-options.ts";

const noKey: KeyOf = () => null;

/** What a balancer hashes of an exchange; always null for balancers that hash nothing. */
export function balanceKeyOf(balance: BalanceOptions): KeyOf {
  if (balance === "ip-hash") return compileExchangeKey("clientIp");
  if (typeof balance === "string") return noKey;
  return compileExchangeKey("ringHash" in balance ? balance.ringHash.key : balance.maglev.key);
}

/** Does the client's address alone decide which endpoint it gets? */
export function isByClientAddress(balance: BalanceOptions): boolean {
  if (typeof balance === "string") return balance === "ip-hash";
  return ("ringHash" in balance ? balance.ringHash.key : balance.maglev.key) === "clientIp";
}

/** The balancing in a few words: `round-robin`, `maglev by cookie:sid`. */
export function describeBalance(balance: BalanceOptions): string {
  if (typeof balance === "string") return balance;
  return "ringHash" in balance ? `ringHash by ${balance.ringHash.key}` : `maglev by ${balance.maglev.key}`;
}
