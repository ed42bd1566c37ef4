/**
 * What is wrong between listeners with `mode: tcp` or `udp`, their routes and the upstreams of these: what means something for
 * HTTP alone must not be written there, or it would be silently ignored. Works on the value as written.
 */
import { formatListenAddress, parseListenAddress, parseSocketPath } from "../net/listen-address.ts";
import { type Finding, show, valueAt } from "./explain-issue.ts";
import type { ConfigPath } from "./problem.ts";

/** Keys that only HTTP gives a meaning to. */
const httpListenerKeys: readonly ConfigPath[] = [
  ["trustedProxies"],
  ["http2"],
  ["tls", "redirect"],
  ["tls", "hsts"],
  ["limits", "headBytes"],
  ["limits", "headFields"],
  ["limits", "requestsPerConnection"],
  ["limits", "bodyBytes"],
  ["timeouts", "body"],
  ["timeouts", "write"],
  ["timeouts", "keepAlive"],
];
/** Keys that datagrams give no meaning to. */
const streamListenerKeys: readonly ConfigPath[] = [["tls"], ["proxyProtocol"], ["timeouts", "head"]];
const streamUpstreamKeys: readonly ConfigPath[] = [["health"], ["proxyProtocol"], ["tls"]];
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
  /** Its mode is `tcp` or `udp`. */
  readonly isTcp: boolean;
  readonly isUdp: boolean;
}

/** Finds the problems of listeners, routes and upstreams of TCP in `root`, a configuration as written. */
export function findTcpProblems(root: unknown): Finding[] {
  const listeners = listAt(root, "listeners").map((listener): ListenerFacts => {
    const mode = valueAt(listener, ["mode"]);
    return { name: nameOf(listener), isTcp: mode === "tcp" || mode === "udp", isUdp: mode === "udp" };
  });
  const findings: Finding[] = [];
  const add = (path: ConfigPath, message: string, hint: string | null = null, isAtKey = true): void =>
    void findings.push({ path, isAtKey, message, hint });

  listAt(root, "listeners").forEach((listener, at) => {
    if (listeners[at]!.isTcp) {
      for (const key of httpListenerKeys)
        if (valueAt(listener, key) !== undefined)
          add(
            ["listeners", at, ...key],
            `${show(key.join("."))} is for HTTP; this listener has "mode: ${listeners[at]!.isUdp ? "udp" : "tcp"}"`,
          );
      if (listeners[at]!.isUdp) findings.push(...findStreamOptions(listener, at));
    } else if (valueAt(listener, ["timeouts", "idle"]) !== undefined)
      add(
        ["listeners", at, "timeouts", "idle"],
        `"timeouts.idle" is for listeners with "mode: tcp" or "udp"`,
        'idle connections of HTTP are kept for "keepAlive"',
      );
  });

  const served = new Set<string>();
  /** And whether they are of UDP. */
  const upstreams = new Map<string, boolean>();
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
      add(
        ["routes", at, "match", "listener"],
        'a route is for listeners of HTTP, or for some with "mode: tcp" or "udp"',
      );
      return;
    }
    if (
      hasSni &&
      (http.length > 0 || tcp.some((one) => one?.isUdp) || !listeners.some(({ isTcp, isUdp }) => isTcp && !isUdp))
    ) {
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
          `the upstream ${show(upstream)} has endpoints that begin with "tcp://" or "udp://", which speak no HTTP`,
          'name a listener with that mode in "match.listener"',
          false,
        );
      return;
    }
    for (const { name, isTcp, isUdp } of listeners)
      if (isTcp && name !== null && (named.includes(name) || (named.length === 0 && !isUdp))) served.add(name);
    for (const key of httpRouteKeys)
      if (valueAt(route, key) !== undefined)
        add(
          ["routes", at, ...key],
          `${show(key.join("."))} is for HTTP; this route is for listeners with "mode: tcp" or "udp"`,
        );
    for (const key of ["redirect", "respond"])
      if (valueAt(route, [key]) !== undefined)
        add(["routes", at, key], `a route for listeners with "mode: tcp" or "udp" leads to an upstream`);
    if (typeof upstream !== "string") return;
    const modes = new Set(tcp.map((one) => (one!.isUdp ? "udp" : "tcp")));
    if (hasSni) modes.add("tcp");
    for (const mode of modes) {
      const foreign = endpointsOf(root, upstream).find((url) => !fitting[mode].test(url));
      if (foreign !== undefined)
        add(
          ["routes", at, "upstream"],
          `the upstream ${show(upstream)} has the endpoint ${show(foreign)}; a route for listeners with "mode: ${mode}" needs endpoints that begin with ${mode === "tcp" ? '"tcp://" or "unix:"' : '"udp://"'}`,
          null,
          false,
        );
    }
    upstreams.set(upstream, modes.has("udp"));
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
  for (const [upstream, isUdp] of upstreams) {
    findings.push(...findHttpOptions(root, upstream));
    if (!isUdp) continue;
    for (const key of streamUpstreamKeys)
      if (valueAt(root, ["upstreams", upstream, ...key]) !== undefined)
        add(
          ["upstreams", upstream, ...key],
          `${show(key.join("."))} is not for upstreams of listeners with "mode: udp"`,
        );
  }
  const first = new Map<string, number>();
  listeners.forEach(({ isUdp }, at) => {
    const address = isUdp ? addressOf(valueAt(root, ["listeners", at])) : null;
    if (address === null || address.endsWith(":0/udp")) return;
    const earlier = first.get(address);
    if (earlier === undefined) first.set(address, at);
    else
      add(
        ["listeners", at, "address"],
        `the address ${show(address)} is taken already, by listeners[${earlier}]`,
        null,
        false,
      );
  });
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
        message: `${show(key.join("."))} is for HTTP; this upstream serves listeners with "mode: tcp" or "udp"`,
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

/** What a listener of datagrams cannot have. */
function findStreamOptions(listener: unknown, at: number): Finding[] {
  const findings = streamListenerKeys
    .filter((key) => valueAt(listener, key) !== undefined)
    .map(
      (key): Finding => ({
        path: ["listeners", at, ...key],
        isAtKey: true,
        message: `${show(key.join("."))} is not for listeners with "mode: udp"`,
        hint: null,
      }),
    );
  const address = valueAt(listener, ["address"]);
  if (typeof address !== "string" || /^(?:unix|fd):/.test(address))
    findings.push({
      path: ["listeners", at, "address"],
      isAtKey: false,
      message: 'datagrams come to an address such as ":53"',
      hint: null,
    });
  return findings;
}

function nameOf(listener: unknown): string | null {
  const name = valueAt(listener, ["name"]);
  return typeof name === "string" ? name : addressOf(listener);
}

function addressOf(listener: unknown): string | null {
  const suffix = valueAt(listener, ["mode"]) === "udp" ? "/udp" : "";
  try {
    const path = valueAt(listener, ["address", "unix"]);
    if (typeof path === "string")
      return formatListenAddress({ kind: "unix", path: parseSocketPath(`unix:${path}`), mode: 0o660 });
    const address = valueAt(listener, ["address"]);
    return typeof address === "string" ? formatListenAddress(parseListenAddress(address)) + suffix : null;
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

const isTcpUrl = (url: string): boolean => /^(?:tcp|udp):/i.test(url);

/** The endpoints that a listener may send to, by its mode. */
const fitting = { tcp: /^(?:tcp|unix):/i, udp: /^udp:/i };

function listAt(root: unknown, key: string): readonly unknown[] {
  const list = valueAt(root, [key]);
  return Array.isArray(list) ? list : [];
}

function toList(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}
