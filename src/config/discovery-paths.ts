/** The paths in `discovery`, whatever kind it has: those of TLS are at the same place in all of them. */
import { resolve } from "node:path";
import type { DiscoveryOptions } from "../upstream/discovery/options.ts";

/** The keys of a kind that are paths. */
const pathKeys = ["tokenFile"];
const tlsPathKeys = ["ca", "cert", "key"];

/** With absolute paths in place of those that are relative to `folder`. */
export function withDiscoveryPaths(discovery: DiscoveryOptions, folder: string): DiscoveryOptions {
  const { file, lastGood } = discovery;
  const kinds = Object.entries<unknown>(discovery).map(([key, section]): [string, unknown] => {
    if (!isObject(section)) return [key, section];
    const { tls } = section;
    return [
      key,
      { ...withPaths(section, pathKeys, folder), ...(isObject(tls) && { tls: withPaths(tls, tlsPathKeys, folder) }) },
    ];
  });
  return {
    ...(Object.fromEntries(kinds) as DiscoveryOptions),
    file: file === null ? null : resolve(folder, file),
    lastGood: typeof lastGood === "string" ? resolve(folder, lastGood) : lastGood,
  };
}

type Section = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Section {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function withPaths(section: Section, keys: readonly string[], folder: string): Section {
  const paths = Object.entries(section).flatMap(([key, value]) =>
    keys.includes(key) && typeof value === "string" ? [[key, resolve(folder, value)]] : [],
  );
  return { ...section, ...(Object.fromEntries(paths) as Section) };
}
