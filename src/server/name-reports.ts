/** Warns of names that cannot be resolved, and counts look-ups. */
import { families } from "../observe/families.ts";
import type { MetricWriter } from "../observe/metric-writer.ts";
import type { WarningSink } from "../observe/repeated-warning.ts";
import type { HostResolverOptions } from "../upstream/names/host-resolver.ts";

/** What becomes of what a thread's resolver tells. */
export function nameReports(
  warnings: WarningSink,
  metrics: MetricWriter,
): Pick<HostResolverOptions, "onFailure" | "onSuccess"> {
  return {
    onFailure: (name, { code, hasLastGood }) => {
      metrics.counter(families.nameLookups, ["failure"]).add(1);
      warnings.warn({
        subject: `name ${name}`,
        reason: code,
        message: "a name cannot be resolved",
        fields: { name, errno: code, lastAddressesServe: hasLastGood },
      });
    },
    onSuccess: (name, wasFailing) => {
      metrics.counter(families.nameLookups, ["success"]).add(1);
      if (wasFailing) warnings.recover(`name ${name}`, "a name is resolved again", { name });
    },
  };
}
