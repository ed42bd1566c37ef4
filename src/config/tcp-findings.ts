/**
 * What is wrong between listeners with `mode: tcp`, their routes and the upstreams of these: what means something for
 * HTTP alone must not be written there, or it would be silently ignored. Works on the value as written.
 */
import { formatListenAddress, parseListenAddress, parseSocketPath } from "../net/listen-address.ts";
import { type Finding, show, valueAt } from "./explain-issue.ts";
import type { ConfigPath } from "./problem.ts";

/** Keys that only HTTP gives a meaning to. */
const httpListenerKeys: readonly ConfigPath[] = [
  ["trustedProxies"],
  ["http2"],
  ["limits", "headBytes"],
  ["limits", "headFields"],
  ["limits", "requestsPerConnection"],
  ["limits", "bodyBytes"],
  ["timeouts", "body"],
  ["timeouts", "write"],
  ["timeouts", "keepAlive"],
];
const httpRouteKeys: readonly ConfigPath[] = [
  ...["host", "path", "method", "header", "query", "cookie"].map((key) => ["match", key]),
  ["middlewares"],
  ["timeouts"],
  ["upgrade"],
  ["shed"],
];
const httpUpstreamKeys: readonly ConfigPath[] = [
  ["sticky"],
  ["hedge"],
  ["pool"],
  ["lenient"],
  ["via"],
  ["timeouts", "firstByte"],
  ["timeouts", "idle"],
  ["health", "path"],
  ["health", "host"],
  ["health", "expect"],
];

interface ListenerFacts {
  /** Null if it cannot be known yet: its address is malformed. */
  readonly name: string | null;
  readonly isTcp: boolean;
}

/** Finds the problems of listeners, routes and upstreams of TCP in `root`, a configuration as written. */
export function findTcpProblems(root: unknown): Finding[] {
  const listeners = listAt(root, "listeners").map(
    (listener): ListenerFacts => ({ name: nameOf(listener), isTcp: valueAt(listener, ["mode"]) === "tcp" }),
  );
  const findings: Finding[] = [];
  const add = (path: ConfigPath, message: string, hint: string | null = null, isAtKey = true): void =>
    void findings.push({ path, isAtKey, message, hint });

  listAt(root, "listeners").forEach((listener, at) => {
    if (listeners[at]!.isTcp) {
      for (const key of httpListenerKeys)
        if (valueAt(listener, key) !== undefined)
          add(["listeners", at, ...key], `${show(key.join("."))} is for HTTP; this listener has "mode: tcp"`);
    } else if (valueAt(listener, ["timeouts", "idle"]) !== undefined)
      add(
        ["listeners", at, "timeouts", "idle"],
        `"timeouts.idle" is for listeners with "mode: tcp"`,
        'idle connections of HTTP are kept for "keepAlive"',
      );
  });

  const served = new Set<string>();
  const tcpUpstreams = new Map<string, number>();
  listAt(root, "routes").forEach((route, at) => {
    const named = toList(valueAt(route, ["match", "listener"]));
    const known = named.map((name) => listeners.find((listener) => listener.name === name));
    named.forEach((name, which) => {
      if (known[which] === undefined && typeof name === "string" && listeners.every((one) => one.name !== null))
        add(
          ["routes", at, "match", "listener", ...(Array.isArray(valueAt(route, ["match", "listener"])) ? [which] : [])],
          `there is no listener ${show(name)}`,
          `known: ${listeners.map((one) => one.name).join(", ")}`,
          false,
        );
    });
    const tcp = known.filter((one) => one?.isTcp === true);
    const http = known.filter((one) => one?.isTcp === false);
    const hasSni = valueAt(route, ["match", "sni"]) !== undefined;
    if (tcp.length > 0 && http.length > 0) {
      add(["routes", at, "match", "listener"], 'a route is for listeners of HTTP, or for some with "mode: tcp"');
      return;
    }
    if (hasSni && (http.length > 0 || !listeners.some(({ isTcp }) => isTcp))) {
      add(
        ["routes", at, "match", "sni"],
        '"sni" is for listeners with "mode: tcp"',
        'routes of HTTP go by "host"; or give the listener "mode: tcp"',
      );
      return;
    }
    const upstream = valueAt(route, ["upstream"]);
    if (tcp.length === 0 && !hasSni) {
      if (typeof upstream === "string" && endpointsOf(root, upstream).some(isTcpUrl))
        add(
          ["routes", at, "upstream"],
          `the upstream ${show(upstream)} has endpoints that begin with "tcp://", which speak no HTTP`,
          'name a listener with "mode: tcp" in "match.listener"',
          false,
        );
      return;
    }
    for (const { name, isTcp } of listeners)
      if (isTcp && name !== null && (named.length === 0 || named.includes(name))) served.add(name);
    for (const key of httpRouteKeys)
      if (valueAt(route, key) !== undefined)
        add(["routes", at, ...key], `${show(key.join("."))} is for HTTP; this route is for listeners with "mode: tcp"`);
    for (const key of ["redirect", "respond"])
      if (valueAt(route, [key]) !== undefined)
        add(["routes", at, key], `a route for listeners with "mode: tcp" leads to an upstream`);
    if (typeof upstream !== "string") return;
    tcpUpstreams.set(upstream, at);
    const foreign = endpointsOf(root, upstream).find((url) => /^https?:/i.test(url));
    if (foreign !== undefined)
      add(
        ["routes", at, "upstream"],
        `the upstream ${show(upstream)} has the endpoint ${show(foreign)}; a route for listeners with "mode: tcp" needs endpoints that begin with "tcp://" or "unix:"`,
        null,
        false,
      );
  });

  listeners.forEach(({ name, isTcp }, at) => {
    if (isTcp && name !== null && !served.has(name) && Array.isArray(valueAt(root, ["routes"])))
      add(
        ["listeners", at, "mode"],
        "no route leads on from this listener",
        `write a route with "match: { listener: ${name} }"`,
        false,
      );
  });
  for (const upstream of tcpUpstreams.keys()) findings.push(...findHttpOptions(root, upstream));
  return findings;
}

/** What of an upstream that serves sessions of TCP has a meaning for HTTP alone. */
function findHttpOptions(root: unknown, upstream: string): Finding[] {
  const at = ["upstreams", upstream];
  const findings = httpUpstreamKeys
    .filter((key) => valueAt(root, [...at, ...key]) !== undefined)
    .map(
      (key): Finding => ({
        path: [...at, ...key],
        isAtKey: true,
        message: `${show(key.join("."))} is for HTTP; this upstream serves listeners with "mode: tcp"`,
        hint:
          key[0] === "sticky"
            ? 'write "balance: ip-hash"'
            : key[0] === "health"
              ? 'write "health: { tcp: ... }"'
              : null,
      }),
    );
  for (const hash of ["ringHash", "maglev"]) {
    const path = [...at, "balance", hash, "key"];
    const key = valueAt(root, path);
    if (typeof key === "string" && key !== "clientIp")
      findings.push({
        path,
        isAtKey: false,
        message: `${show(key)} is for HTTP; sessions of TCP are told apart by "clientIp" alone`,
        hint: null,
      });
  }
  return findings;
}

function nameOf(listener: unknown): string | null {
  const name = valueAt(listener, ["name"]);
  if (typeof name === "string") return name;
  try {
    const path = valueAt(listener, ["address", "unix"]);
    if (typeof path === "string")
      return formatListenAddress({ kind: "unix", path: parseSocketPath(`unix:${path}`), mode: 0o660 });
    const address = valueAt(listener, ["address"]);
    return typeof address === "string" ? formatListenAddress(parseListenAddress(address)) : null;
  } catch {
    return null; // The address itself is reported by its section.
  }
}

/** The URLs of an upstream's endpoints, as written. */
function endpointsOf(root: unknown, upstream: string): string[] {
  return toList(valueAt(root, ["upstreams", upstream, "endpoints"]))
    .map((endpoint) => (typeof endpoint === "string" ? endpoint : valueAt(endpoint, ["url"])))
    .filter((url) => typeof url === "string");
}

const isTcpUrl = (url: string): boolean => /^tcp:/i.test(url);

function listAt(root: unknown, key: string): readonly unknown[] {
  const list = valueAt(root, [key]);
  return Array.isArray(list) ? list : [];
}

function toList(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}
