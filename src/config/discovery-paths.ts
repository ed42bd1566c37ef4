/** The paths of what is asked over TLS, whatever kind it has: in `discovery` and `stores` they are at the same place. */
import { resolve } from "node:path";
import type { DiscoveryOptions } from "../upstream/discovery/options.ts";

/** The keys of a kind that are paths. */
const pathKeys = ["tokenFile", "path"];
const tlsPathKeys = ["ca", "cert", "key"];

/** With absolute paths in place of those that are relative to `folder`. */
export function withDiscoveryPaths(discovery: DiscoveryOptions, folder: string): DiscoveryOptions {
  const { file, lastGood } = discovery;
  return {
    ...withServicePaths(discovery, folder),
    file: file === null ? null : resolve(folder, file),
    lastGood: typeof lastGood === "string" ? resolve(folder, lastGood) : lastGood,
  };
}

/** The same for a section whose keys are kinds of services. */
export function withServicePaths<Kinds extends object>(kinds: Kinds, folder: string): Kinds {
  const absolute = Object.entries<unknown>(kinds as Section).map(([key, section]): [string, unknown] => {
    if (!isObject(section)) return [key, section];
    const { tls } = section;
    return [
      key,
      { ...withPaths(section, pathKeys, folder), ...(isObject(tls) && { tls: withPaths(tls, tlsPathKeys, folder) }) },
    ];
  });
  return Object.fromEntries(absolute) as Kinds;
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
