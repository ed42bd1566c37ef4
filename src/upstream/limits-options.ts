/** The options of an upstream's limits. The normal form is `LimitsOptions`. */
import type * as z from "zod";
import { count, documented, duration, section, switchable } from "../base/option-schema.ts";

const adaptiveSchema = section({
  minRequests: count(8, { about: "The limit is never lower, for each thread." }, { min: 1, max: 100_000 }),
  maxRequests: count(1_000, { about: "The limit is never higher, for each thread." }, { min: 1, max: 1_000_000 }),
  tolerancePercent: count(
    25,
    { about: "How much slower than its best the upstream may answer before the limit is lowered, in percent." },
    { min: 0, max: 1_000 },
  ),
});

/** The schema of an upstream's `limits`. */
export const limitsSchema = section({
  maxRequests: count(
    0,
    {
      about: "The most requests in flight at the upstream, over all threads, open WebSockets included. Others wait.",
      zero: "no limit",
    },
    { min: 0, max: 10_000_000 },
  ),
  maxRequestsPerEndpoint: count(
    0,
    {
      about:
        "The most requests in flight at each endpoint, over all threads. Another endpoint is picked; if all are full, requests wait.",
      zero: "no limit",
    },
    { min: 0, max: 10_000_000 },
  ),
  maxPending: count(
    1_024,
    {
      about: "The most requests that wait, over all threads; others are answered 503 (`QUEUE_FULL`).",
      zero: "nobody waits",
    },
    { min: 0, max: 1_000_000 },
  ),
  pendingTimeout: duration("5s", { about: "How long a request may wait; then 503 (`QUEUE_TIMEOUT`)." }),
  adaptive: documented(switchable(adaptiveSchema), {
    defaultText: "off",
    about:
      "Finds the limit by itself: it grows while answers come as fast as they can, and shrinks as soon as they slow down, because requests queue up inside the upstream.",
  }),
});

/** Limits in normal form; durations in milliseconds. */
export type LimitsOptions = z.output<typeof limitsSchema>;

/** The adaptive limit in normal form. */
export type AdaptiveOptions = z.output<typeof adaptiveSchema>;
