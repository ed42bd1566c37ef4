/**
 * Turns a value (read from a file, or written in a program) into the normal form, or into all that is wrong with it.
 */
import { formatListenAddress, type ListenAddress } from "../net/listen-address.ts";
import { type ListenerOptions, withRedirects } from "../net/options.ts";
import { noTargetMessage, type RouteOptions } from "../route/options.ts";
import { noEndpointsMessage } from "../upstream/options.ts";
import { routeTargets } from "../route/targets/targets.ts";
import type { ConfigInput } from "./config-input.ts";
import { explainIssues, type Finding } from "./explain-issue.ts";
import { findForeignValues } from "./plain-data.ts";
import { ConfigError, formatPath } from "./problem.ts";
import { findReferenceProblems } from "./references.ts";
import { type Config, configSchema } from "./schema.ts";
import { findTcpProblems } from "./tcp-findings.ts";

/** A configuration, or why there is none: `findings` is empty exactly if `config` is not null. */
export type Reading =
  | { readonly config: Config; readonly findings: readonly [] }
  | { readonly config: null; readonly findings: readonly Finding[] };

/** Reads a value. Never throws. */
export function readConfig(given: unknown): Reading {
  const value = withoutExtensions(given);
  const foreign = findForeignValues(value);
  if (foreign.length > 0) return { config: null, findings: foreign };
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const message =
      value === null || value === undefined
        ? "the configuration is empty"
        : "a configuration is a section with keys such as listeners, routes and upstreams";
    return { config: null, findings: [{ path: [], isAtKey: false, message, hint: null }] };
  }
  const result = validate(value);
  if (result === null)
    return {
      config: null,
      findings: [
        { path: [], isAtKey: false, message: "there are too many mistakes in one section to tell them", hint: null },
      ],
    };
  const findings = [
    ...(result.success ? [] : explainIssues(result.error.issues, value)),
    ...findReferenceProblems(value),
    ...findTcpProblems(value),
  ];
  if (!result.success || findings.length > 0) return { config: null, findings: mergeFindings(findings) };
  return {
    config: {
      ...result.data,
      listeners: nameListeners(withRedirects(result.data.listeners)),
      routes: nameRoutes(result.data.routes),
      modules: [],
    },
    findings: [],
  };
}

/** If the schema library cannot report everything that is wrong, so many entries of each list and section are checked. */
const maxEntriesTold = 1_000;

/**
 * Validates `value` with the schema. The schema library passes all mistakes of a section as arguments of one call, which
 * fails from about a hundred thousand on: then only the first entries are checked. Null if nothing is wrong with those.
 */
function validate(value: unknown): ReturnType<typeof configSchema.safeParse> | null {
  // Compiling the schemas into code would cost more than one reading of most configurations.
  const options = { jitless: true } as const;
  try {
    return configSchema.safeParse(value, options);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const result = configSchema.safeParse(withFirstEntries(value), options);
    return result.success ? null : result;
  }
}

function withFirstEntries(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, maxEntriesTold).map(withFirstEntries);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, maxEntriesTold)
      .map(([key, member]) => [key, withFirstEntries(member)]),
  );
}

/**
 * Without the top-level keys that begin with `x-`: they hold what anchors and programs use elsewhere, and may be
 * anything.
 */
function withoutExtensions(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.keys(value).some(isExtension))
    return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !isExtension(key)));
}

const isExtension = (key: string): boolean => key.startsWith("x-");

/**
 * Reads a configuration that a program wrote.
 * @param workers in place of `workers` if the configuration does not say; default: as for a file
 * @throws ConfigError with every problem; they carry paths, no lines.
 */
export function parseConfig(input: ConfigInput, workers?: Config["workers"]): Config {
  // What a program hands over may be anything.
  const given: unknown = input;
  const isSection = typeof given === "object" && given !== null && !Array.isArray(given);
  const reading = readConfig(
    isSection && workers !== undefined ? { ...given, workers: (given as ConfigInput).workers ?? workers } : given,
  );
  if (reading.config !== null) return reading.config;
  throw new ConfigError(
    reading.findings.map((finding) => ({ ...finding, file: null, line: 0, column: 0, length: 1, excerpt: null })),
  );
}

/** Drops repeated findings, and findings that a key is missing if the key is there but misspelt. */
function mergeFindings(findings: readonly Finding[]): Finding[] {
  const seen = new Set<string>();
  const misspelt = new Set<string>();
  for (const { path, message, hint } of findings) {
    const meant = message.startsWith("unknown key") ? /^did you mean "(.*)"\?$/.exec(hint ?? "")?.[1] : undefined;
    if (meant === undefined) continue;
    const parent = path.slice(0, -1);
    misspelt.add(`${formatPath([...parent, meant])}\n"${meant}" is missing`);
    if (routeTargets.some(({ key }) => key === meant)) misspelt.add(`${formatPath(parent)}\n${noTargetMessage}`);
    if (meant === "endpoints" || meant === "discovery") misspelt.add(`${formatPath(parent)}\n${noEndpointsMessage}`);
  }
  return findings.filter((finding) => {
    if (misspelt.has(`${formatPath(finding.path)}\n${finding.message}`)) return false;
    const key = `${formatPath(finding.path)}\n${finding.message}`;
    return !seen.has(key) && seen.add(key);
  });
}

function nameListeners(
  listeners: readonly (Omit<ListenerOptions, "name"> & { name: string | null })[],
): ListenerOptions[] {
  return giveNames(tellFreePortsApart(listeners.map(toDatagrams)), (listener) => formatListenAddress(listener.address));
}

/** Whoever asks for a free port of one host several times means a port each: addresses are what listeners are known by. */
function tellFreePortsApart<Listener extends Pick<ListenerOptions, "address" | "redirect">>(
  listeners: readonly Listener[],
): Listener[] {
  const counts = new Map<string, number>();
  const renamed = new Map<ListenAddress, ListenAddress>();
  for (const { address } of listeners) {
    if (!("port" in address) || address.port !== 0) continue;
    const written = formatListenAddress(address);
    const count = (counts.get(written) ?? 0) + 1;
    counts.set(written, count);
    if (count > 1) renamed.set(address, { ...address, ordinal: count });
  }
  if (renamed.size === 0) return [...listeners];
  return listeners.map((listener) => {
    const { address, redirect } = listener;
    const now = renamed.get(address) ?? address;
    const to = redirect === null ? null : { ...redirect, to: renamed.get(redirect.to) ?? redirect.to };
    return { ...listener, address: now, redirect: to };
  });
}

/** Anybody can send datagrams in the name of many addresses: their sessions are bounded in any case. */
const maxDatagramSessions = 10_000;

/** A listener of UDP has an address of UDP, which may be that of a listener of TCP as well. */
function toDatagrams<Listener extends Omit<ListenerOptions, "name">>(listener: Listener): Listener {
  const { mode, address, limits } = listener;
  if (mode !== "udp" || address.kind !== "tcp") return listener;
  return {
    ...listener,
    address: { ...address, kind: "udp" },
    limits: { ...limits, connections: limits.connections || maxDatagramSessions },
  };
}

function nameRoutes(routes: readonly (Omit<RouteOptions, "name"> & { name: string | null })[]): RouteOptions[] {
  return giveNames(routes, (_route, at) => `route-${at + 1}`);
}

/** Names what has no name; if the name is taken, `#2` and so on follow. */
function giveNames<Entry extends { name: string | null }>(
  entries: readonly Entry[],
  makeName: (entry: Entry, at: number) => string,
): (Entry & { name: string })[] {
  const taken = new Set(entries.flatMap((entry) => (entry.name === null ? [] : [entry.name])));
  return entries.map((entry, at) => {
    if (entry.name !== null) return { ...entry, name: entry.name };
    const wanted = makeName(entry, at);
    let name = wanted;
    for (let number = 2; taken.has(name); number++) name = `${wanted}#${number}`;
    taken.add(name);
    return { ...entry, name };
  });
}
