/**
 * What no section can see alone: names that must be known, names and addresses that must be unique.
 * Works on the value as written, so that these problems are reported together with all others.
 */
import { coversAddress, formatListenAddress, type ListenAddress, parseListenAddress } from "../net/listen-address.ts";
import { nearest } from "./did-you-mean.ts";
import { type Finding, show, valueAt } from "./explain-issue.ts";
import type { ConfigPath } from "./problem.ts";

/** Looking for what was meant among many names takes time; where so many are wrong, it is something else. */
const maxSuggestions = 20;

/** The problems between sections of `root`. */
export function findReferenceProblems(root: unknown): Finding[] {
  return [
    ...findUnknownUpstreams(root),
    ...findUnknownStores(root),
    ...findRepeatedNames(root, "listeners", "listener"),
    ...findRepeatedNames(root, "routes", "route"),
    ...findRepeatedAddresses(root),
  ];
}

function listAt(root: unknown, key: string): readonly unknown[] {
  const list = valueAt(root, [key]);
  return Array.isArray(list) ? list : [];
}

function findUnknownUpstreams(root: unknown): Finding[] {
  const isMisspelt =
    typeof root === "object" &&
    root !== null &&
    !("upstreams" in root) &&
    Object.keys(root).some((key) => nearest(key, ["upstreams"]) !== null);
  if (isMisspelt) return []; // That the key is unknown is said already.
  const upstreams = valueAt(root, ["upstreams"]) ?? {};
  if (typeof upstreams !== "object" || Array.isArray(upstreams)) return [];
  const names = Object.keys(upstreams);
  const known = new Set(names);
  const findings: Finding[] = [];
  listAt(root, "routes").forEach((route, at) => {
    const name = valueAt(route, ["upstream"]);
    if (typeof name !== "string" || known.has(name)) return;
    const meant = findings.length < maxSuggestions ? nearest(name, names) : null;
    const listed =
      names.length === 0
        ? 'there are none: write them under "upstreams"'
        : `known: ${names.slice(0, 10).join(", ")}${names.length > 10 ? ", …" : ""}`;
    const looksLikeUrl = /^(https?:|unix:)|:\d+$/.test(name);
    findings.push({
      path: ["routes", at, "upstream"],
      isAtKey: false,
      message: `there is no upstream ${show(name)}`,
      hint:
        meant !== null
          ? `did you mean "${meant}"?`
          : looksLikeUrl
            ? 'a route names an upstream; write the URL under "upstreams"'
            : listed,
    });
  });
  return findings;
}

function findUnknownStores(root: unknown): Finding[] {
  const stores = valueAt(root, ["stores"]);
  const names = typeof stores === "object" && stores !== null ? Object.keys(stores) : [];
  return listAt(root, "routes").flatMap((route, routeAt) =>
    listAt(route, "middlewares").flatMap((middleware, at): Finding[] => {
      const name = valueAt(middleware, ["rateLimit", "store"]);
      if (typeof name !== "string" || name === "local" || names.includes(name)) return [];
      const meant = nearest(name, ["local", ...names]);
      const listed =
        names.length === 0
          ? 'there are none: write them under "stores", or take "local"'
          : `known: local, ${names.slice(0, 10).join(", ")}`;
      return [
        {
          path: ["routes", routeAt, "middlewares", at, "rateLimit", "store"],
          isAtKey: false,
          message: `there is no store ${show(name)}`,
          hint: meant !== null ? `did you mean "${meant}"?` : listed,
        },
      ];
    }),
  );
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
    // Listeners may stand beside each other on one port: whoever connects finds the most precise. What an administrator
    // finds must be the admin listener.
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
  listAt(root, "listeners").forEach((listener, at) =>
    visit(["listeners", at, "address"], `listeners[${at}]`, valueAt(listener, ["address"])),
  );
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

/** Would one take what is sent to the other? */
function meet(a: ListenAddress, b: ListenAddress): boolean {
  return a.kind === "tcp" && b.kind === "tcp" && (coversAddress(a, b) || coversAddress(b, a));
}

/** Null where the address cannot be taken twice: malformed, or any free port. */
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
