/** What the log and the metrics say of a client's exchange whose answer was fetched by another exchange. */
import type { ExchangeRecord } from "../../http/exchange-record.ts";

/** Notes in `to` what happened upstream. */
export function copyFacts(from: ExchangeRecord, to: ExchangeRecord): void {
  to.upstreamName = from.upstreamName;
  to.endpointName = from.endpointName;
  to.attempts = from.attempts;
  to.isUpstreamConnectionReused = from.isUpstreamConnectionReused;
  to.attemptStartedMs = from.attemptStartedMs;
  to.connectedMs = from.connectedMs;
  to.firstByteMs = from.firstByteMs;
  to.reason ??= from.reason;
  if (to.detail === "") to.detail = from.detail;
}
