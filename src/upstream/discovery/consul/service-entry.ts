/**
 * One instance of a service, as Consul's health endpoint lists it: where it is, whether it may get requests, and how
 * many. Whoever may register services writes it, so nothing of it is trusted to be well-formed.
 */
import { ipVersion } from "../../../base/ip-address.ts";
import type { ListedEndpoint } from "../../endpoint-source.ts";
import { readEndpointRecord } from "../endpoint-record.ts";
import type { ConsulDiscoveryOptions } from "./options.ts";

/** What decides about instances. */
export type InstanceRules = Pick<ConsulDiscoveryOptions, "passing" | "scheme">;

type Json = Readonly<Record<string, unknown>>;

const maxShownChars = 100;
const maxIdentityChars = 256;
const schemes: readonly unknown[] = ["http", "https", "tcp", "udp"];

/** @returns the endpoint, or a sentence that says why the instance gets no requests */
export function readServiceEntry(entry: unknown, rules: InstanceRules): ListedEndpoint | string {
  const { Node: node, Service: service, Checks: checks } = asJson(entry);
  const [ofNode, ofService] = [asJson(node), asJson(service)];
  const { ID: id, Port: port } = ofService;
  const name = typeof id === "string" ? shown(id) : "an instance without an id";
  const worst = worstCheck(checks);
  if (worst.status === "critical") {
    if (/^_(?:node|service)_maintenance/.test(worst.id)) return `${name} is in maintenance`;
    return `${name} is critical by its check ${shown(worst.name)}`;
  }
  if (worst.status === "warning" && rules.passing)
    return `${name} has a warning of its check ${shown(worst.name)}, and only passing instances are wanted`;
  if (typeof port !== "number" || port === 0) return `${name} has no port`;
  // Only an instance that has none of its own is at its node's.
  if (typeof (ofService["Address"] ?? "") !== "string") return `${name} has an address that is no text`;
  const address = textOf(ofService["Address"]) || textOf(ofNode["Address"]);
  if (address === "") return `${name} has no address, and its node has none`;
  const meta = asJson(ofService["Meta"]);
  const scheme = rules.scheme ?? meta["millrace-scheme"] ?? "http";
  if (!schemes.includes(scheme)) return `${name} has the scheme ${shown(String(scheme))}, which is none`;
  const host = ipVersion(address) === 6 ? `[${address}]` : address;
  const record = readEndpointRecord({
    url: `${String(scheme)}://${host}:${port}`,
    weight: weightOf(ofService["Weights"], worst.status),
    zone: meta["millrace-zone"] ?? zoneOf(ofService) ?? zoneOf(ofNode),
    backup: meta["millrace-backup"] === "true",
    identity: `${textOf(ofNode["ID"]) || textOf(ofNode["Node"])}/${textOf(id)}`.slice(-maxIdentityChars),
  });
  return typeof record === "string" ? `${name}: ${record}` : record;
}

interface Check {
  readonly status: "passing" | "warning" | "critical";
  readonly id: string;
  readonly name: string;
}

const noChecks: Check = { status: "passing", id: "", name: "" };

/** The one that decides: of the instance or of its node, which Consul lists together. */
function worstCheck(checks: unknown): Check {
  let worst = noChecks;
  for (const one of Array.isArray(checks) ? (checks as unknown[]) : []) {
    const { Status: status, CheckID: id, Name: name } = asJson(one);
    if (status === "passing" || (status === "warning" && worst.status === "warning")) continue;
    // What is none of Consul's words is no reason to send requests.
    worst = { status: status === "warning" ? "warning" : "critical", id: textOf(id), name: textOf(name) };
    if (worst.status === "critical") return worst;
  }
  return worst;
}

/** Versions before 1.2.3 know no weights. */
function weightOf(weights: unknown, status: Check["status"]): unknown {
  const { Passing: passing = 1, Warning: warning = 1 } = asJson(weights);
  return status === "warning" ? warning : passing;
}

function zoneOf(owner: Json): unknown {
  return textOf(asJson(owner["Locality"])["Zone"]) || null;
}

function asJson(value: unknown): Json {
  return typeof value === "object" && value !== null ? (value as Json) : {};
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function shown(text: string): string {
  return JSON.stringify(text.length > maxShownChars ? `${text.slice(0, maxShownChars)}…` : text);
}
