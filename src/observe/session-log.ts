/**
 * The access log lines of sessions of TCP listeners. They have the fields of an exchange that mean something for them,
 * under the same names; the others are null, or `-` in templates.
 */
import { reasons } from "../http/reason.ts";
import type { AccessLogFormatName } from "./access-log-format.ts";
import { elapsedMs } from "./access-log-fields.ts";
import { escapeJsonText, escapePlainText, maxLoggedLength, truncate } from "./log-escape.ts";
import { formatCommonTime, formatIsoTime, formatMs } from "./log-time.ts";
import type { ObservedSession } from "./observed-session.ts";

interface SessionField {
  readonly isText: boolean;
  read(session: ObservedSession): string | null;
}

const text = (read: SessionField["read"]): SessionField => ({ isText: true, read });
const number = (read: SessionField["read"]): SessionField => ({ isText: false, read });
const duration = (fromMs: number, toMs: number): string | null => {
  const ms = elapsedMs(fromMs, toMs);
  return ms < 0 ? null : formatMs(ms);
};

/** The fields of a session, in the order in which `json` writes them. */
const sessionFields: ReadonlyMap<string, SessionField> = new Map([
  ["time", text(({ record }) => formatIsoTime(record.startedWallMs))],
  ["level", text(({ record: { reason } }) => (reason === null ? "info" : reasons[reason].level))],
  ["listener", text(({ listenerName }) => listenerName)],
  ["route", text(({ record }) => record.routeName)],
  ["upstream", text(({ record }) => record.upstreamName)],
  ["endpoint", text(({ record }) => record.endpointName)],
  ["clientIp", text(({ clientIp }) => clientIp)],
  ["peer", text(({ peerAddress, peerPort }) => (peerAddress === "" ? null : `${peerAddress}:${peerPort}`))],
  ["scheme", text(({ protocol }) => protocol)],
  ["protocol", text(({ protocol }) => protocol)],
  ["serverName", text(({ serverName }) => (serverName === null ? null : truncate(serverName, maxLoggedLength.host)))],
  ["status", number(({ record }) => String(record.status))],
  ["reason", text(({ record }) => record.reason)],
  ["detail", text(({ record }) => truncate(record.detail, maxLoggedLength.detail))],
  ["attempts", number(({ record }) => String(record.attempts))],
  ["requestBytes", number(({ record }) => String(record.requestBodyBytes))],
  ["responseBytes", number(({ record }) => String(record.responseBodyBytes))],
  ["headMs", number(({ record }) => duration(record.startedMs, record.headCompleteMs))],
  ["waitMs", number(({ record }) => duration(record.headCompleteMs, record.attemptStartedMs))],
  ["connectMs", number(({ record }) => duration(record.attemptStartedMs, record.connectedMs))],
  ["firstByteMs", number(({ record }) => duration(record.attemptStartedMs, record.firstByteMs))],
  ["totalMs", number(({ record }) => duration(record.startedMs, record.endedMs))],
]);

/** Makes the line of a session, line feed included; ASCII only. */
export type SessionFormat = (session: ObservedSession) => string;

/** The function for a format. @param parts of a template: its literal pieces, and the names of its fields */
export function compileSessionFormat(
  format: AccessLogFormatName,
  parts: readonly (string | { readonly name: string })[],
): SessionFormat {
  switch (format) {
    case "json":
      return formatJson;
    case "common":
      return (session) => `${formatCommon(session)}\n`;
    case "combined":
      return (session) => `${formatCommon(session)} "-" "-"\n`;
    case "template":
      return (session) =>
        `${parts.map((part) => (typeof part === "string" ? part : plain(part.name, session))).join("")}\n`;
  }
}

function formatJson(session: ObservedSession): string {
  let line = "";
  for (const [name, { isText, read }] of sessionFields) {
    const value = read(session);
    const isEmpty = value === null || value === "";
    if (name === "detail" && isEmpty) continue;
    line += `${line === "" ? "{" : ","}"${name}":${isEmpty ? "null" : isText ? `"${escapeJsonText(value)}"` : value}`;
  }
  return `${line}}\n`;
}

function plain(name: string, session: ObservedSession): string {
  if (name === "commonTime") return formatCommonTime(session.record.startedWallMs);
  const value = sessionFields.get(name)?.read(session) ?? "";
  return value === "" ? "-" : escapePlainText(value);
}

/** The Common Log Format; there is no request line. */
function formatCommon({ clientIp, record }: ObservedSession): string {
  const bytes = record.responseBodyBytes === 0 ? "-" : record.responseBodyBytes;
  return `${escapePlainText(clientIp) || "-"} - - [${formatCommonTime(record.startedWallMs)}] "-" ${record.status} ${bytes}`;
}
