/** The options of the circuit breaker. The normal form is `BreakerOptions`. */
import * as z from "zod";
import { count, duration, section } from "../base/option-schema.ts";

/** The schema of an upstream's `breaker`. */
export const breakerSchema = section({
  errorPercent: count(
    50,
    {
      about:
        "How many of a hundred attempts may fail before the breaker opens: no connection, a broken connection, a late answer, one that is not HTTP, or a status of 500 and above.",
    },
    { min: 1, max: 100 },
  ),
  minRequests: count(
    20,
    { about: "How many attempts it takes within the window before their share of errors says anything." },
    { min: 1, max: 1_000_000 },
  ),
  window: duration(
    "10s",
    { about: "The time that is looked back on, over all threads." },
    { min: 1_000, max: 600_000 },
  ),
  latency: duration("0s", {
    about: "An answer whose first byte takes longer counts as an error.",
    zero: "only errors count",
  }),
  open: duration(
    "10s",
    { about: "How long requests are refused at once (503, `BREAKER_OPEN`) before the upstream is tried again." },
    { min: 100 },
  ),
  ramp: duration(
    "10s",
    {
      about:
        "In what time traffic then comes back: a tenth at first, evenly more, all of it at the end. When it fails again, the breaker opens again.",
      zero: "all at once",
    },
    { min: 0 },
  ),
});

/** The circuit breaker in normal form; durations in milliseconds. */
export type BreakerOptions = z.output<typeof breakerSchema>;
