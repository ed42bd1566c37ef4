/** The options of outlier detection. The normal form is `OutlierOptions`. */
import * as z from "zod";
import { addProblem, count, documented, duration, section, sectionCheck } from "../base/option-schema.ts";

const outlierSectionSchema = section({
  consecutiveErrors: count(
    5,
    {
      about:
        "After how many failures in a row an endpoint is ejected. Failures are: no connection, a broken connection, an answer that is too late or not HTTP, and the `statuses`.",
    },
    { min: 1, max: 1_000 },
  ),
  statuses: documented(z.array(z.int().min(500).max(599)).prefault([502, 503, 504]), {
    kind: "list of statuses",
    about:
      "Which answers are failures of the endpoint: 500 to 599. Add 500 if it means that this instance is broken, not that this request is.",
  }),
  ejection: duration(
    "10s",
    { about: "How long an endpoint is ejected the first time; each time it fails again soon after, this much longer." },
    { min: 100 },
  ),
  maxEjection: duration("300s", { about: "The longest ejection." }, { min: 100 }),
  maxEjectedPercent: count(
    50,
    {
      about:
        "How many of a hundred endpoints may be ejected at a time: at least one, but never the last one that serves; if all others are lost later, it serves again.",
    },
    { min: 1, max: 100 },
  ),
}).check(
  sectionCheck((outlier: { ejection?: unknown; maxEjection?: unknown }, context) => {
    const { ejection, maxEjection } = outlier;
    if (typeof ejection === "number" && typeof maxEjection === "number" && ejection > maxEjection)
      addProblem(context, "the first ejection is longer than the longest", {}, ["ejection"]);
  }),
);

/** On unless it is switched off. */
export const outlierSchema = documented(
  z
    .union([z.boolean(), outlierSectionSchema])
    .prefault(true)
    .transform((value) => (value === true ? outlierSectionSchema.parse({}) : value === false ? null : value)),
  {
    defaultText: "on",
    about:
      "Passive health checks: an endpoint that fails requests is sent no new ones for a while. It returns when its time is over, or when an active health check passes (if traffic has it ejected again soon after: only when one passes that had failed). `false` switches this off.",
  },
);

/** Outlier detection in normal form; durations in milliseconds. */
export type OutlierOptions = z.output<typeof outlierSectionSchema>;
