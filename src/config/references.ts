/**
 * What no section can see alone: names that must be known, names and addresses that must be unique.
 * Works on the value as written, so that these problems are reported together with all others.
 */
import { coversAddress, formatListenAddress, type ListenAddress, parseListenAddress } from "../net/listen-address.ts";
import type { MiddlewareKind } from "../middleware/kind.ts";
import { middlewareKinds } from "../middleware/kinds.ts";
import type { Reference } from "../middleware/reference.ts";
import type { RouteTarget } from "../route/targets/target.ts";
import { routeTargets } from "../route/targets/targets.ts";
import { nearest } from "./did-you-mean.ts";
import { type Finding, show, valueAt } from "./explain-issue.ts";
import type { ConfigPath } from "./problem.ts";

/** Looking for what was meant among many names takes time; if so many are wrong, it is something else. */
const maxSuggestions = 20;

/** Names that one sentence lists. */
const maxShownNames = 10;

/** What routes are made of, and what may name other things. */
export interface RouteParts {
  readonly kinds: readonly MiddlewareKind[];
  readonly targets: readonly RouteTarget[];
}

/** Finds the problems between sections of `root`, a configuration as written. */
export function findReferenceProblems(
  root: unknown,
  parts: RouteParts = { kinds: middlewareKinds, targets: routeTargets },
): Finding[] {
  return [
    ...findUnknownNames(root, parts),
    ...findRepeatedNames(root, "listeners", "listener"),
    ...findRepeatedNames(root, "routes", "route"),
    ...findRepeatedAddresses(root),
  ];
}

function listAt(root: unknown, key: string): readonly unknown[] {
  const list = valueAt(root, [key]);
  return Array.isArray(list) ? list : [];
}

/** A name, and where it stands in the whole configuration. */
interface PlacedReference extends Reference {
  readonly path: ConfigPath;
}

/** The names that routes and listeners mention, in the order of the configuration. */
function* findReferences(root: unknown, { kinds, targets }: RouteParts): Generator<PlacedReference> {
  for (const [listenerAt, listener] of listAt(root, "listeners").entries()) {
    const path = ["tls", "acme", "storage", "store"];
    const name = valueAt(listener, path);
    if (typeof name === "string")
      yield {
        section: "stores",
        name,
        alwaysKnown: [],
        path: ["listeners", listenerAt, ...path],
        refuse: refuseForCertificates,
      };
  }
  for (const [routeAt, route] of listAt(root, "routes").entries()) {
    for (const { key, findReferences: findIn } of targets) {
      const written = valueAt(route, [key]);
      if (written === undefined || findIn === undefined) continue;
      for (const one of findIn(written)) yield { ...one, path: ["routes", routeAt, key, ...one.path] };
    }
    for (const [at, item] of listAt(route, "middlewares").entries()) {
      for (const { key, findReferences: findIn } of kinds) {
        const written = valueAt(item, [key]);
        if (written === undefined || findIn === undefined) continue;
        for (const one of findIn(written))
          yield { ...one, path: ["routes", routeAt, "middlewares", at, key, ...one.path] };
      }
    }
  }
}

/** What only one machine or process sees is for answers that can be fetched again. */
function refuseForCertificates(store: unknown): string | null {
  const kind = ["memory", "disk"].find((key) => Object.hasOwn(Object(store), key));
  if (kind === undefined) return null;
  return kind === "memory"
    ? "certificates cannot be kept in the memory of the process: they would be issued again with every start; name a folder, or a store in Redis, etcd or Consul"
    : "a store on a disk is for caches; write its folder as `storage` itself, another one than that of the cache";
}

/** Finds names that are not in the section that should have them, or mean what cannot be used where they stand. */
function findUnknownNames(root: unknown, parts: RouteParts): Finding[] {
  const sections = { upstreams: namesIn(root, "upstreams"), stores: namesIn(root, "stores") };
  const found = { upstreams: 0, stores: 0 };
  const findings: Finding[] = [];
  for (const reference of findReferences(root, parts)) {
    const { section, name, alwaysKnown, path, refuse } = reference;
    const names = sections[section];
    if (names === null || alwaysKnown.includes(name)) continue;
    if (names.has(name)) {
      const refusal = refuse?.(valueAt(root, [section, name])) ?? null;
      if (refusal !== null) findings.push({ path, isAtKey: false, message: refusal, hint: null });
      continue;
    }
    const meant = found[section]++ < maxSuggestions ? nearest(name, [...alwaysKnown, ...names]) : null;
    findings.push({
      path,
      isAtKey: false,
      message: `there is no ${section.slice(0, -1)} ${show(name)}`,
      hint: meant === null ? hintOf(reference, names) : `did you mean "${meant}"?`,
    });
  }
  return findings;
}

/** What to write instead, if it is not clear what was meant. */
function hintOf({ section, name, alwaysKnown }: Reference, names: ReadonlySet<string>): string {
  if (section === "upstreams" && /^(https?:|unix:)|:\d+$/.test(name))
    return 'a route names an upstream; write the URL under "upstreams"';
  if (names.size === 0)
    return `there are none: write them under "${section}"${alwaysKnown.map((one) => `, or take "${one}"`).join("")}`;
  const shown = [...alwaysKnown];
  for (const one of names) if (shown.push(one) === maxShownNames + alwaysKnown.length) break;
  return `known: ${shown.join(", ")}${names.size > maxShownNames ? ", …" : ""}`;
}

/** The names in a section of names; null if it is told already what is wrong with the section: its key, or its value. */
function namesIn(root: unknown, section: string): ReadonlySet<string> | null {
  if (typeof root !== "object" || root === null) return null;
  const isMisspelt = !Object.hasOwn(root, section) && Object.keys(root).some((key) => nearest(key, [section]) !== null);
  const value = valueAt(root, [section]) ?? {};
  return isMisspelt || typeof value !== "object" || Array.isArray(value) ? null : new Set(Object.keys(value));
}

function findRepeatedNames(root: unknown, key: string, noun: string): Finding[] {
  const first = new Map<string, number>();
  const findings: Finding[] = [];
  listAt(root, key).forEach((entry, at) => {
    const name = valueAt(entry, ["name"]);
    if (typeof name !== "string") return;
    const earlier = first.get(name);
    if (earlier === undefined) first.set(name, at);
    else
      findings.push({
        path: [key, at, "name"],
        isAtKey: false,
        message: `the ${noun} ${show(name)} is there already, as ${key}[${earlier}]`,
        hint: null,
      });
  });
  return findings;
}

function findRepeatedAddresses(root: unknown): Finding[] {
  const first = new Map<string, Place & { readonly owner: string }>();
  const findings: Finding[] = [];
  const visit = (at: ConfigPath, owner: string, text: unknown): void => {
    const path = valueAt(text, ["unix"]);
    const written = typeof text === "string" ? text : typeof path === "string" ? `unix:${path}` : "";
    const address = canonicalAddress(written);
    if (address === null) return;
    // Two listeners may share a port: a connection goes to the one with the most precise address. The admin listener
    // shares its port with nobody, so that an administrator reaches it for certain.
    const earlier = [...first.values()].find(
      (one) => one.address === address.address || (owner === "admin" && meet(one.parsed, address.parsed)),
    );
    if (earlier === undefined) first.set(address.address, { ...address, owner });
    else
      findings.push({
        path: at,
        isAtKey: false,
        message: `the address ${show(written)} is taken already, by ${earlier.owner}`,
        hint: null,
      });
  };
  listAt(root, "listeners").forEach((listener, at) => {
    // UDP has ports of its own: see `tcp-findings.ts`.
    if (valueAt(listener, ["mode"]) !== "udp")
      visit(["listeners", at, "address"], `listeners[${at}]`, valueAt(listener, ["address"]));
    const redirect = valueAt(listener, ["tls", "redirect"]);
    const owner = `listeners[${at}].tls.redirect`;
    if (typeof redirect === "string") visit(["listeners", at, "tls", "redirect"], owner, redirect);
    else visit(["listeners", at, "tls", "redirect", "address"], owner, valueAt(redirect, ["address"]));
  });
  const admin = valueAt(root, ["admin"]);
  if (typeof admin === "string" && admin !== "on") visit(["admin"], "admin", admin);
  else if (admin === true || admin === "on" || (typeof admin === "object" && admin !== null))
    visit(
      valueAt(admin, ["address"]) === undefined ? ["admin"] : ["admin", "address"],
      "admin",
      valueAt(admin, ["address"]) ?? "127.0.0.1:9901",
    );
  return findings;
}

/** An address, and the one spelling of it. */
interface Place {
  readonly address: string;
  readonly parsed: ListenAddress;
}

/** Would a listener on one address take connections that are meant for the other? */
function meet(a: ListenAddress, b: ListenAddress): boolean {
  return a.kind === "tcp" && b.kind === "tcp" && (coversAddress(a, b) || coversAddress(b, a));
}

/** Null if the address cannot be taken twice: malformed, or any free port. */
function canonicalAddress(text: string): Place | null {
  try {
    const address = parseListenAddress(text);
    return address.kind === "tcp" && address.port === 0
      ? null
      : { address: formatListenAddress(address), parsed: address };
  } catch {
    return null; // The address itself is reported by its section.
  }
}
