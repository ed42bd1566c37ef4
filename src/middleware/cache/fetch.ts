/**
 * Gets what the cache does not have, or must not use without asking its origin. Who wants the same waits for one fetch
 * (`fetch-together.ts`), which runs without a client (`fetch-fill.ts`): whoever asked may be slow, or go, and what is
 * fetched is stored and shared all the same.
 */
import { noListener } from "../../cache/fill/fill-ticket.ts";
import { Fill } from "./fetch-fill.ts";
import { shareKeyOf, standIn } from "./fetch-stale.ts";
import { FetchTogether } from "./fetch-together.ts";
import type { Miss } from "./miss.ts";
import { passBy } from "./pass-by.ts";

/** Gets what is not there, or must be validated, together with others if there are any, and answers the client. */
export function fetchAnswer(miss: Miss): void {
  if (standIn(miss)) return;
  const { route, directives } = miss;
  const { collapse } = route.options;
  if (isOwnBusiness(miss)) {
    miss.stale?.release();
    passBy(miss, miss.forward, "miss");
  }
  // Who demands an answer of his own does not get that of another (RFC 9111 section 5.2.1).
  else if (collapse === null || directives.noCache || directives.noStore)
    new Fill(miss, { client: miss, lead: null, isKeptUp: !directives.noStore }).run();
  else new FetchTogether(miss, collapse.timeout).run();
}

/**
 * Is it a range, or a validation of what the client has, of something that could not be stored lately? The whole of it
 * would be fetched in vain: the request goes on as it is.
 */
function isOwnBusiness(miss: Miss): boolean {
  const { route, facts, fillKey } = miss;
  if (facts.range === null && facts.ifNoneMatch === null && facts.ifModifiedSince === null) return false;
  return route.parts.fills.isRefused(shareKeyOf(miss, fillKey));
}

/** Refreshes what was used although it is stale: once for a key over all threads, and seldom while the origin fails. */
export function revalidateBehind(miss: Omit<Miss, "answer">): void {
  const { fills } = miss.route.parts;
  const key = shareKeyOf(miss, miss.staleKey);
  if (!fills.pauses.mayAsk(key)) return;
  const ticket = fills.join(key, noListener, 0);
  if (ticket.kind === "wait") ticket.cancel();
  if (ticket.kind === "lead") new Fill(miss, { client: null, lead: ticket.lead, isKeptUp: true }).run();
}
