/**
 * The page at `/` of the admin listener: tables of what is configured and how it fares. Plain HTML without scripts,
 * renewed by the browser every five seconds.
 */
import { version } from "../base/version.ts";
import type {
  CertificateStatus,
  ConfigurationStatus,
  DiscoveryStatus,
  EndpointStatus,
  ProxyStatus,
} from "./admin-sources.ts";

const style = `
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; } .bad { color: #c22; font-weight: 600; } .good { color: #282; }
`;

/** Writes the page. */
export function renderStatusPage(status: ProxyStatus, uptimeSeconds: number): string {
  const upstreams = status.upstreams
    .map(
      (upstream) =>
        `<h3>${escapeHtml(upstream.name)} <small>${escapeHtml(upstream.balance)}</small></h3>${describeDiscovery(upstream.discovery)}${table(
          ["Endpoint", "State", "#Weight", "#In flight"],
          upstream.endpoints.map((endpoint) => [
            escapeHtml(endpoint.url),
            describeState(endpoint),
            describeWeight(endpoint),
            String(endpoint.inFlight),
          ]),
        )}`,
    )
    .join("\n");
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="5"><title>Millrace</title><style>${style}</style></head><body>
<h1>Millrace ${escapeHtml(version)}</h1>
<p><span class="${status.state === "ready" ? "good" : "bad"}">${status.state}</span>, up ${formatUptime(uptimeSeconds)}.
<a href="/metrics">metrics</a> · <a href="/api/v1/status">status as JSON</a> · <a href="/readyz">readiness</a></p>
${renderConfiguration(status.configuration)}<h2>Listeners</h2>
${table(
  ["Name", "Address", "Scheme", "#Connections", "#In flight"],
  status.listeners.map((one) => [
    escapeHtml(one.name),
    escapeHtml(one.address),
    one.scheme,
    String(one.connections),
    String(one.inFlight),
  ]),
)}
<h2>Upstreams</h2>
${upstreams || "<p>None.</p>"}
<h2>Routes</h2>
${table(
  ["Name", "Match", "Action"],
  status.routes
    .slice(0, maxShownRoutes)
    .map((one) => [escapeHtml(one.name), escapeHtml(one.match), escapeHtml(one.action)]),
)}
${status.routes.length > maxShownRoutes ? `<p>${status.routes.length - maxShownRoutes} more; see the JSON.</p>` : ""}
${renderCertificates(status.certificates)}<h2>Threads</h2>
${table(
  ["Name", "State", "#Restarts"],
  status.threads.map((one) => [escapeHtml(one.name), one.state, String(one.restarts)]),
)}
</body></html>
`;
}

/** Where the configuration comes from, and what is wrong with that; nothing if a program has given it. */
function renderConfiguration({ source, store }: ConfigurationStatus): string {
  if (source === null) return "";
  const troubles: string[] = [];
  if (store !== null) {
    if (!store.isUp) troubles.push(`the store does not answer: ${store.lastError ?? "never heard"}`);
    if (store.isMissing) troubles.push("the key is gone");
    if (store.isCopy) troubles.push("what runs is the copy on the disk");
    if (store.refused !== null)
      troubles.push(`version ${store.refused.version} was refused: ${store.refused.problems.join("; ")}`);
  }
  const version = store === null || store.version === null ? "" : `, version ${escapeHtml(store.version)}`;
  const bad = troubles.map((trouble) => `<br><span class="bad">${escapeHtml(trouble)}</span>`).join("");
  return `<p>Configuration: ${escapeHtml(source)}${version}${bad}</p>\n`;
}

const maxShownRoutes = 500;
const maxShownCertificates = 200;
const maxShownNames = 5;

/** Those that expire first come first; nothing if nobody speaks TLS. */
function renderCertificates(certificates: readonly CertificateStatus[]): string {
  if (certificates.length === 0) return "";
  const shown = certificates
    .toSorted((one, other) => one.expiresInSeconds - other.expiresInSeconds)
    .slice(0, maxShownCertificates);
  const rows = shown.map(({ listener, names, keyType, notAfter, expiresInSeconds }) => [
    escapeHtml(listener),
    escapeHtml(names.slice(0, maxShownNames).join(", ") + (names.length > maxShownNames ? ", …" : "")),
    escapeHtml(keyType),
    `<span class="${expiresInSeconds > 0 ? "good" : "bad"}">${escapeHtml(notAfter.slice(0, 10))}</span>`,
  ]);
  const more = certificates.length - shown.length;
  return `<h2>Certificates</h2>
${table(["Listener", "Names", "Key", "Expires"], rows)}
${more > 0 ? `<p>${more} more; see the JSON.</p>` : ""}`;
}

/** One line: where the endpoints are from, and how that fares. Nothing if they are written. */
function describeDiscovery(discovery: DiscoveryStatus | null): string {
  if (discovery === null) return "";
  const { source, state, version, ageSeconds, heldBack, lastError, refusedCount, refused } = discovery;
  const parts = [escapeHtml(source), `<span class="${state === "live" ? "good" : "bad"}">${state}</span>`];
  if (version !== null) parts.push(`at ${escapeHtml(version)}`);
  if (ageSeconds !== null) parts.push(`said ${formatUptime(ageSeconds)} ago`);
  if (heldBack > 0) parts.push(`${heldBack} kept that it no longer has`);
  if (lastError !== null && state !== "live") parts.push(escapeHtml(lastError.reason));
  if (refusedCount > 0) parts.push(`${refusedCount} records refused: ${escapeHtml(refused.slice(0, 3).join("; "))}`);
  return `<p>${parts.join(", ")}</p>`;
}

function describeState(endpoint: EndpointStatus): string {
  const words: string[] = [endpoint.health === "unknown" ? "not checked" : endpoint.health];
  if (endpoint.isDraining) words.push("draining");
  if (endpoint.isEjected) words.push("ejected");
  if (endpoint.isBackup) words.push("backup");
  if (endpoint.tls === "unverified") words.push("may be anybody");
  if (!endpoint.isAvailable && endpoint.health !== "unhealthy" && !endpoint.isDraining && !endpoint.isEjected)
    words.push("not available");
  const isGood = endpoint.isAvailable && endpoint.tls !== "unverified";
  return `<span class="${isGood ? "good" : "bad"}">${words.join(", ")}</span>`;
}

function describeWeight({ weight, configuredWeight }: EndpointStatus): string {
  return weight === configuredWeight ? String(weight) : `${weight} (configured: ${configuredWeight})`;
}

/** A table; headings with `#` are numbers. Cells are HTML already. */
function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "<p>None.</p>";
  const cell = (tag: "th" | "td", content: string, at: number): string =>
    `<${tag}${headings[at]?.startsWith("#") ? ' class="number"' : ""}>${content}</${tag}>`;
  const head = headings.map((heading, at) => cell("th", heading.replace("#", ""), at)).join("");
  return `<table><thead><tr>${head}</tr></thead><tbody>${rows.map((row) => `<tr>${row.map((content, at) => cell("td", content, at)).join("")}</tr>`).join("\n")}</tbody></table>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function formatUptime(seconds: number): string {
  const whole = Math.floor(seconds);
  const parts = [
    [Math.floor(whole / 86_400), "d"],
    [Math.floor(whole / 3600) % 24, "h"],
    [Math.floor(whole / 60) % 60, "min"],
    [whole % 60, "s"],
  ] as const;
  return (
    parts
      .filter(([count]) => count > 0)
      .slice(0, 2)
      .map(([count, unit]) => `${count} ${unit}`)
      .join(" ") || "0 s"
  );
}
