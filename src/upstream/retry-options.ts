/** The options of retries. The normal form is `RetryOptions`. */
import * as z from "zod";
import { addProblem, count, documented, duration, section } from "../base/option-schema.ts";

const retryCauses = ["connect", "reset", "timeout"] as const;

/** Statuses that say that the same request may succeed at another endpoint or later. */
const isRetriable = (status: number): boolean =>
  status === 408 || status === 425 || status === 429 || (status >= 500 && status <= 599);

const causeSchema = z
  .union([z.enum(retryCauses), z.int()], {
    error: ({ input }) => `${JSON.stringify(input)} is no cause; it is "connect", "reset", "timeout" or a status`,
  })
  .superRefine((cause, context) => {
    if (typeof cause === "number" && !isRetriable(cause))
      addProblem(context, `${cause} cannot be retried; statuses that can are 408, 425, 429 and 500 to 599`);
  });

/** The schema of an upstream's `retry`. */
export const retrySchema = section({
  attempts: count(
    2,
    { about: "How many further endpoints are tried when an attempt fails.", zero: "never retry" },
    { min: 0, max: 10 },
  ),
  on: documented(z.array(causeSchema).prefault(["connect", "reset", 502, 503, 504]), {
    kind: "list of causes",
    about:
      "Which failures are retried. `connect`: no connection came about, so nothing was sent. `reset`: the connection broke before the first byte of the answer; `timeout`: that byte did not come in time; a status: the endpoint answered so. All but `connect` only for requests whose repetition is harmless (idempotent method, no body or one of at most 64 KiB). A 503 whose `Retry-After` is longer than a second is passed on.",
  }),
  budgetPercent: count(
    20,
    {
      about:
        "How many requests of a hundred may be retried, over the last ten seconds and all threads. Three at a time (and thirty in ten seconds) are allowed in any case. A retry after an attempt that brought no connection about does not count if it is answered (below 500): the request has reached an endpoint only once.",
      danger: "retries multiply the load on an upstream that is failing under load.",
    },
    { min: 0, max: 100 },
  ),
  perTryTimeout: duration("0s", {
    about:
      "How long a single attempt may take until the first byte of its answer; then the next endpoint is tried, if the request may be repeated.",
    zero: "no limit but the timeouts of the upstream",
  }),
});

/** The schema of an upstream's `hedge`. */
export const hedgeSchema = section({
  after: duration(
    "200ms",
    {
      about:
        "How long a request waits for the first byte of its answer before a second endpoint is asked as well. Best a little above what nearly all answers take.",
      danger: "too short a time doubles the load, as far as the retry budget allows.",
    },
    { min: 1 },
  ),
});

/** Retries in normal form; durations in milliseconds. */
export type RetryOptions = z.output<typeof retrySchema>;
