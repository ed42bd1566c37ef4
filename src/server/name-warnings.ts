/** Warns of names that cannot be resolved. */
import type { WarningSink } from "../observe/repeated-warning.ts";
import type { HostResolverOptions } from "../upstream/names/host-resolver.ts";

/** What a resolver tells of failures, said in `warnings`. */
export function nameWarnings(warnings: WarningSink): Pick<HostResolverOptions, "onFailure" | "onRecovery"> {
  return {
    onFailure: (name, { code, hasLastGood }) => warnings.warn({ subject: `name ${name}`, reason: code, message: "a name cannot be resolved", fields: { name, error: code, lastAddressesServe: hasLastGood } }),
    onRecovery: (name) => warnings.recover(`name ${name}`, "a name is resolved again", { name }),
  };
}
