/**
 * Proves names by TXT records (DNS-01: RFC 8555, section 8.4). If `_acme-challenge.NAME` is an alias (CNAME), the record
 * is made at what it stands for, so that one zone can hold the proofs of many. A name and its wildcard have two values
 * at the same name; removing one leaves the other.
 */
import { Resolver } from "node:dns/promises";
import { AcmeError } from "../client/acme-error.ts";
import { type Challenge, type ChallengeSolver, digestOf } from "./challenge.ts";
import type { DnsHook, RecordChange } from "./dns-hook.ts";

/** What the solver is given. */
export interface DnsSolverParts {
  readonly hook: DnsHook;
  /** How long name servers have, or are waited for at most if there are `resolvers`. */
  readonly waitMs: number;
  /** Addresses; empty: none is asked. */
  readonly resolvers: readonly string[];
  wait(ms: number): Promise<void>;
}

const maxAliases = 8;
const lookEveryMs = 1_000;
const askTimeoutMs = 3_000;

/** Makes records by a hook. */
export function createDnsSolver({ hook, waitMs, resolvers, wait }: DnsSolverParts): ChallengeSolver {
  const asked = resolvers.map((address) => createResolver([address]));
  const [finder] = asked.length > 0 ? asked : [createResolver(null)];
  /** What was added, to remove the same, whatever the aliases are then. */
  const added = new Map<string, RecordChange>();
  return {
    type: "dns-01",
    present: async (challenge) => {
      const value = digestOf(challenge).toString("base64url");
      const record = await followAliases(finder, `_acme-challenge.${challenge.name}`);
      const change: RecordChange = { action: "add", record, value, name: challenge.name };
      // Before it is made: a hook that fails may have made it.
      added.set(challenge.keyAuthorization, change);
      await hook(change);
    },
    ready: async (challenges) => {
      if (asked.length === 0) return wait(waitMs);
      const missing = async (): Promise<Challenge | undefined> => {
        for (const challenge of challenges) {
          const change = added.get(challenge.keyAuthorization);
          if (change !== undefined && !(await areShowing(asked, change))) return challenge;
        }
        return undefined;
      };
      for (let leftMs = waitMs; ; leftMs -= lookEveryMs) {
        const challenge = await missing();
        if (challenge === undefined) return;
        if (leftMs <= 0)
          throw new AcmeError({
            type: "challenge",
            detail: `the record of ${challenge.name} is not at all of the name servers ${resolvers.join(", ")} in time`,
          });
        await wait(Math.min(lookEveryMs, leftMs));
      }
    },
    remove: async ({ keyAuthorization }) => {
      const change = added.get(keyAuthorization);
      if (change === undefined) return;
      added.delete(keyAuthorization);
      await hook({ ...change, action: "remove" });
    },
  };
}

/** @param addresses null: those of the system */
function createResolver(addresses: readonly string[] | null): Resolver {
  const resolver = new Resolver({ timeout: askTimeoutMs, tries: 2 });
  if (addresses !== null) resolver.setServers(addresses);
  return resolver;
}

/** What a record is an alias of in the end; itself if it is none, or cannot be asked for. */
async function followAliases(resolver: Resolver | undefined, name: string): Promise<string> {
  let record = name;
  for (let steps = 0; steps < maxAliases && resolver !== undefined; steps++) {
    const [next] = await resolver.resolveCname(record).catch(() => []);
    if (next === undefined) break;
    record = next.replace(/\.$/, "");
  }
  return record;
}

async function areShowing(resolvers: readonly Resolver[], { record, value }: RecordChange): Promise<boolean> {
  const shown = await Promise.all(
    resolvers.map(async (resolver) => {
      const texts = await resolver.resolveTxt(record).catch(() => []);
      return texts.some((parts) => parts.join("") === value);
    }),
  );
  return shown.every(Boolean);
}
