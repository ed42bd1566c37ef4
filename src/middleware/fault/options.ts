/** The options of the `fault` middleware. Schema and documentation; the normal form is `FaultOptions`. */
import type { OptionsOf, SchemaTools } from "../../base/schema-builder.ts";

/** Makes the schema of `fault`. */
export const createFaultSchema = ({
  addProblem,
  documented,
  duration,
  maybe,
  percentNumber,
  section,
  sectionCheck,
  size,
  z,
}: SchemaTools) => {
  const share = percentNumber("100%", { about: "The share of requests that it happens to, each by its own chance." });
  return section({
    delay: documented(
      maybe(
        section({
          percent: share,
          duration: duration("1s", { about: "How long the request is held before it goes on." }, { max: 3_600_000 }),
        }),
      ),
      { about: "Holds requests for a while." },
    ),
    abort: documented(
      maybe(
        section({
          percent: share,
          status: documented(z.int().min(400).max(599).prefault(503), { about: "The status of the answer." }),
        }),
      ),
      { about: "Answers in place of the endpoint." },
    ),
    bandwidth: documented(
      maybe(
        section({
          percent: share,
          bytesPerSecond: size("64KiB", { about: "How fast the answer's body is sent." }, { min: 1, max: 2 ** 40 }),
        }),
      ),
      { about: "Sends answers slowly." },
    ),
  }).check(
    sectionCheck((fault: Record<string, unknown>, context) => {
      if (["delay", "abort", "bandwidth"].every((key) => fault[key] === undefined || fault[key] === null))
        addProblem(context, 'the fault is empty; it takes "delay", "abort" or "bandwidth"');
    }),
  );
};

/** The `fault` middleware in normal form; null = not asked for. */
export type FaultOptions = OptionsOf<typeof createFaultSchema>;
