/** `millrace check --online`: asks every source of endpoints once, and tells what it says. */
import type { LookupFunction } from "node:net";
import { systemScheduler } from "../base/scheduler.ts";
import type { Config } from "../config/schema.ts";
import { silentLogger } from "../observe/logger.ts";
import type { Discovery, DiscoverySnapshot } from "../upstream/discovery/discovery.ts";
import { type ConfiguredDiscovery, findDiscoveryKind } from "../upstream/discovery/kinds.ts";
import { HostResolver } from "../upstream/names/host-resolver.ts";
import { toLookupFunction } from "../upstream/names/lookup-function.ts";

/** How long one source has to answer. */
const askMs = 10_000;
/** How many are asked at a time. */
const maxAtATime = 16;
const maxShownEndpoints = 20;
const maxShownRefused = 10;

/** What one source has said: lines for people. */
export interface SourceReport {
  readonly isGood: boolean;
  readonly lines: readonly string[];
  /** What is odd: sentences. */
  readonly warnings: readonly string[];
}

/** Asks the sources of `config`, several at a time. @returns a report of each, in the order of the configuration */
export async function checkOnline({ upstreams }: Pick<Config, "upstreams">): Promise<SourceReport[]> {
  const sources = Object.entries(upstreams).flatMap(([name, { discovery }]) =>
    discovery === null ? [] : [{ name, kind: findDiscoveryKind(discovery) }],
  );
  const reports: SourceReport[] = [];
  const resolver = new HostResolver();
  const lookup = toLookupFunction(resolver);
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < sources.length; at = next++) {
      const { name, kind } = sources[at]!;
      reports[at] = await askSource(name, kind, lookup);
    }
  };
  // What the sources wait by does not keep the process.
  const stay = setInterval(() => {}, 60_000);
  try {
    await Promise.all(Array.from({ length: maxAtATime }, work));
  } finally {
    clearInterval(stay);
    resolver.close();
  }
  return reports;
}

async function askSource(upstream: string, kind: ConfiguredDiscovery, lookup: LookupFunction): Promise<SourceReport> {
  const title = `upstream ${upstream}: ${kind.description}`;
  let discovery: Discovery | null = null;
  try {
    discovery = await kind.create({
      upstream,
      scheduler: systemScheduler,
      random: Math.random,
      lookup,
      logger: silentLogger,
    });
    return describeSnapshot(title, await firstSnapshot(discovery));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { isGood: false, lines: [`${title}: ${reason}`], warnings: [] };
  } finally {
    discovery?.close();
  }
}

/** @throws what the source cannot be asked for */
function firstSnapshot(discovery: Discovery): Promise<DiscoverySnapshot> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${askMs / 1_000} s`)), askMs);
    discovery.start({
      onSnapshot: (snapshot) => {
        clearTimeout(timer);
        resolve(snapshot);
      },
      onAlive: () => {},
      onFailure: (reason) => {
        clearTimeout(timer);
        reject(new Error(reason));
      },
    });
  });
}

function describeSnapshot(title: string, { endpoints, refused, version }: DiscoverySnapshot): SourceReport {
  const count = endpoints.length === 1 ? "1 endpoint" : `${endpoints.length} endpoints`;
  const shown = endpoints
    .slice(0, maxShownEndpoints)
    .map(({ url, weight }) => `  ${url}${weight === 1 ? "" : weight === 0 ? ", draining" : `, weight ${weight}`}`);
  if (endpoints.length > shown.length) shown.push(`  … and ${endpoints.length - shown.length} more`);
  const warnings = refused.slice(0, maxShownRefused).map((sentence) => `${title}: left out: ${sentence}`);
  if (refused.length > warnings.length) warnings.push(`${title}: ${refused.length - warnings.length} more left out`);
  if (endpoints.length === 0) warnings.push(`${title}: there is no endpoint`);
  return {
    isGood: true,
    lines: [`${title}: ${count}${version === null ? "" : ` (version ${version})`}`, ...shown],
    warnings,
  };
}
