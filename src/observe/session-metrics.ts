/** What one thread counts about the sessions of TCP listeners: once at the end of each. */
import { reasons } from "../http/reason.ts";
import { families, noLabelValue } from "./families.ts";
import { goneLabelValue, type LabelNames } from "./label-names.ts";
import type { MetricWriter } from "./metric-writer.ts";
import type { ObservedSession } from "./observed-session.ts";

/** The value of `result` for a session that ended in good order. */
const completed = "completed";

/** Counts a session that ended. @param names what may be named; null = everything */
export function countSession(writer: MetricWriter, names: LabelNames | null, session: ObservedSession): void {
  const { listenerName, record } = session;
  const listener = names?.hasListener(listenerName) === false ? goneLabelValue : listenerName;
  const route = toLabel(record.routeName, names?.hasRoute(record.routeName));
  const upstream = toLabel(record.upstreamName, names?.hasUpstream(record.upstreamName));
  const { reason } = record;
  writer.counter(families.sessions, [listener, route, upstream, reason ?? completed]).add(1);
  if (record.requestBodyBytes > 0)
    writer.counter(families.requestBytes, [listener, route]).add(record.requestBodyBytes);
  if (record.responseBodyBytes > 0)
    writer.counter(families.responseBytes, [listener, route]).add(record.responseBodyBytes);
  if (reason === null) return;
  const { side, status } = reasons[reason];
  if (side === "downstream" && status !== 499) writer.counter(families.rejected, [listener, reason]).add(1);
  else writer.counter(families.failures, [listener, route, upstream, reason]).add(1);
}

function toLabel(name: string, isKnown: boolean | undefined): string {
  if (name === "") return noLabelValue;
  return isKnown === false ? goneLabelValue : name;
}
