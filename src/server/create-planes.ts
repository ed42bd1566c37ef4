/** Decides where the data path of a proxy runs, and makes it: in the caller's thread, or in threads of its own. */
import { systemRandomBytes } from "../base/system-random.ts";
import type { RepeatedWarnings } from "../observe/repeated-warning.ts";
import type { DataPlaneParts } from "./data-plane.ts";
import type { DataPlanes } from "./data-planes.ts";
import { InlinePlane } from "./inline-plane.ts";
import { ProxyThreads, type ProxyThreadsParts } from "./threads/proxy-threads.ts";
import { decideThreadCount } from "./threads/thread-count.ts";

/** What both are made of. */
export interface PlanesParts
  extends Pick<ProxyThreadsParts, "onMetricPage" | "onDeath">,
    Pick<DataPlaneParts, "memory" | "idleGraceMs" | "logger" | "onAccessLog" | "onCertificateWanted"> {
  /** Of all threads. */
  readonly warnings: RepeatedWarnings;
}

/** The data planes of a proxy. Nothing runs yet. @param workers as configured */
export function createPlanes(workers: number | "auto", parts: PlanesParts): DataPlanes {
  const { warnings, onMetricPage } = parts;
  const pseudonym = `millrace-${systemRandomBytes(6).toString("hex")}`;
  const count = decideThreadCount(workers);
  if (count === 0)
    return new InlinePlane({
      ...parts,
      stripeIndex: 0,
      stripes: 1,
      pseudonym,
      onMetricPage: (page) => onMetricPage("inline", page),
    });
  return new ProxyThreads({
    ...parts,
    count,
    pseudonym,
    onWarning: (report) => warnings.take(report),
    troubles: () => warnings.current(),
  });
}
