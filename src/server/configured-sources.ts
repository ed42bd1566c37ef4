/** Makes the endpoint sources that a configuration asks for: the list that is written in it, or a discovery. */
import type { LookupFunction } from "node:net";
import { Mutex } from "../base/mutex.ts";
import { systemScheduler } from "../base/scheduler.ts";
import type { Logger } from "../observe/logger.ts";
import type { WarningSink } from "../observe/repeated-warning.ts";
import type { DiscoveryOptions } from "../upstream/discovery/options.ts";
import { StaticEndpoints } from "../upstream/endpoint-source.ts";
import { sayWhyUnfit } from "./endpoint-fit.ts";
import type { CreateEndpointSource } from "./endpoint-lists.ts";

/** What discoveries are lent. */
export interface ConfiguredSourceParts {
  readonly logger: Logger;
  readonly warnings: WarningSink;
  /** Where last good lists are kept if the configuration does not say it; null = nowhere. */
  readonly lastGoodFolder: string | null;
  readonly lookup: () => LookupFunction;
}

/** What a configuration can ask for. What discovery needs is loaded when an upstream has one. */
export function configuredSources(parts: ConfiguredSourceParts): CreateEndpointSource {
  const turn = new Mutex();
  return async (upstream, { endpoints, discovery }, { use, previous }) => {
    if (discovery === null) return new StaticEndpoints(endpoints);
    const { logger, warnings } = parts;
    const [{ findDiscoveryKind }, { DiscoveredEndpoints }] = await Promise.all([
      import("../upstream/discovery/kinds.ts"),
      import("../upstream/discovery/discovered-endpoints.ts"),
    ]);
    const kind = findDiscoveryKind(discovery);
    const context = { upstream, scheduler: systemScheduler, random: Math.random, lookup: parts.lookup(), logger };
    return new DiscoveredEndpoints({
      upstream,
      written: endpoints,
      discovery: await kind.create(context),
      kind: kind.kind,
      description: kind.description,
      holdMs: discovery.hold,
      startTimeoutMs: discovery.startTimeout,
      kept: previous instanceof DiscoveredEndpoints ? previous.lastList : null,
      lastGood: await openLastGood(upstream, discovery, { ...parts, turn }),
      refuse: (url) => sayWhyUnfit(use, url),
      scheduler: systemScheduler,
      logger,
      warnings,
    });
  };
}

async function openLastGood(
  upstream: string,
  { hold: _hold, startTimeout: _startTimeout, lastGood, ...source }: DiscoveryOptions,
  { warnings, lastGoodFolder, turn }: ConfiguredSourceParts & { readonly turn: Mutex },
) {
  const folder = lastGood === false ? null : (lastGood ?? lastGoodFolder);
  if (folder === null) return null;
  const { LastGoodFile } = await import("../upstream/discovery/last-good-file.ts");
  const subject = `last good list of ${upstream}`;
  return new LastGoodFile({
    folder,
    upstream,
    source: JSON.stringify(source),
    scheduler: systemScheduler,
    turn,
    onTrouble: (doing, reason) =>
      warnings.warn({
        subject,
        reason: doing,
        message: `the last good list of endpoints cannot be ${doing}`,
        fields: { upstream, folder, reason },
      }),
    onRecovery: () =>
      warnings.recover(subject, "the last good list of endpoints is written again", { upstream, folder }),
  });
}
