/**
 * The resolver's settings as the machine keeps them: `resolv.conf`, with the meaning it has for the system's own
 * resolver (resolv.conf(5)), and which names are asked for when a host is looked up.
 */
import { ipVersion } from "../../base/ip-address.ts";

/** Settings of the resolver. */
export interface ResolverSettings {
  /** Name servers in their order, `address` or `address:port`; empty = whatever the machine has. */
  readonly servers: readonly string[];
  /** Domains to look names up in, in lower case, without dots at their ends; "" = the root. */
  readonly search: readonly string[];
  /** A name with at least so many dots is looked up as it is before the domains are tried. */
  readonly ndots: number;
  /** How long to wait for a name server, in milliseconds. */
  readonly timeoutMs: number;
  /** How often each name server is asked. */
  readonly attempts: number;
  /** Name servers take turns. */
  readonly canRotate: boolean;
}

/** What decides beside the file. */
export interface ResolverSurroundings {
  /** This machine's name; its domain is searched if nothing else names a domain. */
  readonly hostName: string;
  /** The variables LOCALDOMAIN and RES_OPTIONS override the file. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

// The system's resolver has the same bounds.
const maxServers = 3;
const maxNdots = 15;
const maxTimeoutSeconds = 30;
const maxAttempts = 5;
/** Recent versions of the system's resolver have no such bound; Kubernetes allows 32. */
const maxSearchDomains = 32;
/** Shorter than the system's 5 s: a request waits for it. */
const defaultTimeoutMs = 2_000;
const maxNameLength = 253;

/**
 * Reads the text of a `resolv.conf`; null = there is none. Of several `search` and `domain` lines the last counts.
 * Lines that are not understood are ignored.
 */
export function parseResolvConf(
  text: string | null,
  { hostName, environment }: ResolverSurroundings,
): ResolverSettings {
  const servers: string[] = [];
  let search: string[] | null = null;
  const options: string[] = [];
  for (const line of (text ?? "").split("\n")) {
    if (/^[#;]/.test(line)) continue;
    const [keyword, ...values] = line.trim().split(/\s+/);
    if (keyword === "nameserver") servers.push(...values.slice(0, 1).filter(isServer));
    else if (keyword === "search") search = values;
    else if (keyword === "domain") search = values.slice(0, 1);
    else if (keyword === "options") options.push(...values);
  }
  const { LOCALDOMAIN, RES_OPTIONS = "" } = environment;
  if (LOCALDOMAIN !== undefined) search = LOCALDOMAIN.split(/\s+/).filter((domain) => domain !== "");
  options.push(...RES_OPTIONS.split(/\s+/));
  const ownDomain = hostName.includes(".") ? [hostName.slice(hostName.indexOf(".") + 1)] : [];
  return {
    // A file that names no server means the server on this machine.
    servers: text !== null && servers.length === 0 ? ["127.0.0.1"] : servers.slice(0, maxServers),
    search: [...new Set((search ?? ownDomain).map((domain) => trimDots(domain.toLowerCase())))].slice(
      0,
      maxSearchDomains,
    ),
    ndots: numberOption(options, "ndots", { least: 0, most: maxNdots }) ?? 1,
    timeoutMs:
      (numberOption(options, "timeout", { least: 1, most: maxTimeoutSeconds }) ?? defaultTimeoutMs / 1_000) * 1_000,
    attempts: numberOption(options, "attempts", { least: 1, most: maxAttempts }) ?? 2,
    canRotate: options.includes("rotate"),
  };
}

/** An address (with an interface, if it is local to a link), or `address:port`. */
function isServer(text: string): boolean {
  const withPort = /^(?:\[([^\]]+)\]|([\d.]+)):\d{1,5}$/.exec(text);
  return ipVersion(withPort?.[1] ?? withPort?.[2] ?? text) !== 0;
}

/** The last one that is given counts. */
function numberOption(
  options: readonly string[],
  name: string,
  { least, most }: { readonly least: number; readonly most: number },
): number | null {
  const written = options.findLast((option) => option.startsWith(`${name}:`))?.slice(name.length + 1);
  if (written === undefined || !/^\d{1,9}$/.test(written)) return null;
  return Math.min(most, Math.max(least, Number(written)));
}

function trimDots(domain: string): string {
  return domain.replace(/^\.+|\.+$/g, "");
}

/**
 * The names that `host` may mean, in the order in which they are asked for; the first that exists is used. A name that
 * ends in a dot means only itself.
 */
export function namesToTry(host: string, { search, ndots }: Pick<ResolverSettings, "search" | "ndots">): string[] {
  const name = host.toLowerCase();
  if (name.endsWith(".")) return [trimDots(name)];
  const inDomains = search.map((domain) => (domain === "" ? name : `${name}.${domain}`));
  const dots = name.split(".").length - 1;
  const names = dots >= ndots ? [name, ...inDomains] : [...inDomains, name];
  return [...new Set(names)].filter((one) => one.length <= maxNameLength);
}
