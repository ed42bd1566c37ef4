/**
 * Looks host names up as the system's resolver would (hosts file first, then the name servers of `resolv.conf` with its
 * search list), but without the system's resolver: while that waits, it holds one of the process's few background
 * threads, which logs and bodies in files need, too; and it does not say how long an answer holds. Not consulted:
 * nsswitch.conf, multicast DNS and other modules of the system's resolver.
 */
import { Resolver } from "node:dns/promises";
import { open } from "node:fs/promises";
import { type ScheduledCall, type Scheduler, systemScheduler } from "../../base/scheduler.ts";
import { normalizeIp } from "../../base/ip-address.ts";
import { socketShortage } from "../../net/socket-shortage.ts";
import { isHostAddress } from "./host-address.ts";
import { MachineNames, type MachineNamesOptions, settingsMs } from "./machine-names.ts";
import { namesToTry, type ResolverSettings } from "./resolv-conf.ts";

/** An answer of the name service. */
export interface NameAnswer {
  /** IPv4 first. */
  readonly addresses: readonly string[];
  /** How long it holds, in milliseconds. */
  readonly ttlMs: number;
  /** The family whose addresses could not be asked for; null = the answer is complete. */
  readonly missingFamily: 4 | 6 | null;
  /** An earlier name of the search list could not be asked for; the answer may be that of another host. */
  readonly isDoubtful: boolean;
}

/** Looks names up. */
export interface NameSource {
  /**
   * Looks `host` up. Rejects with an error that has a `code` if there is no answer: `ENOTFOUND`, `ENODATA`,
   * `ESERVFAIL`, `ETIMEOUT` and others.
   */
  lookUp(host: string): Promise<NameAnswer>;
  /** Calls `onChange` whenever names may mean something else than before, until closed. */
  follow(onChange: () => void): void;
  /** Ends look-ups under way; their promises may reject. */
  close(): void;
}

/** An answer of the hosts file holds until the file changes, which is noticed. */
const ownTtlMs = 60_000;
/** Longer times are not told. */
const maxTtlSeconds = 86_400;
/** An incomplete answer is asked for again after this time. */
const partialTtlMs = 5_000;
/**
 * How long the answer for one family waits for that of the other. RFC 8305 section 3 says 50 ms, for one person and one
 * page; here, many requests share one answer.
 */
const familyPatienceMs = 200;

/** What a source may be given; the defaults are the machine's own. */
export interface SystemNameSourceOptions extends MachineNamesOptions {
  readonly scheduler?: Scheduler;
}

/** The outcome for one name. */
type Finding =
  | { readonly kind: "found"; readonly answer: Omit<NameAnswer, "isDoubtful"> }
  | { readonly kind: "none" | "refused" | "silent"; readonly code: string };

/** The outcome for one name and address family. */
type Records = {
  readonly family: 4 | 6;
  readonly addresses: readonly string[];
  readonly ttlMs: number;
  readonly code: string | null;
};

/** Looks names up with the settings of this machine. */
export class SystemNameSource implements NameSource {
  readonly #machine: MachineNames;
  readonly #scheduler: Scheduler;
  /** One for each name server to begin with, made from `settings`. */
  #resolvers: Resolver[] = [];
  #resolversFor: ResolverSettings | null = null;
  #turn = 0;
  #nextLook: ScheduledCall | null = null;
  #isClosed = false;

  constructor(options: SystemNameSourceOptions = {}) {
    this.#scheduler = options.scheduler ?? systemScheduler;
    this.#machine = new MachineNames(options);
  }

  follow(onChange: () => void): void {
    if (this.#isClosed) return;
    this.#nextLook = this.#scheduler.after(settingsMs, () => {
      void this.#machine
        .look()
        .catch(() => false)
        .then((isChanged) => {
          if (this.#isClosed) return;
          if (isChanged) onChange();
          this.follow(onChange);
        });
    });
  }

  async lookUp(host: string): Promise<NameAnswer> {
    await this.#machine.look();
    const own = this.#machine.ownAddresses(host);
    if (own !== null) return { addresses: own, ttlMs: ownTtlMs, missingFamily: null, isDoubtful: false };
    return this.#search(host);
  }

  close(): void {
    this.#isClosed = true;
    this.#nextLook?.cancel();
    for (const resolver of this.#resolvers) resolver.cancel();
  }

  /**
   * Looks up the first name of the search list that exists. A name that a name server refuses to look up is passed
   * over, as by the system's resolver, and makes the answer doubtful. If no name server answers at all, the search
   * ends: a later name may be another host, on another network.
   */
  async #search(host: string): Promise<NameAnswer> {
    const { settings } = this.#machine;
    const resolver = this.#resolverFor(settings);
    let code = "ENOTFOUND";
    let isDoubtful = false;
    for (const name of namesToTry(host, settings)) {
      if (this.#isClosed) break;
      const finding = await this.#ask(resolver, name);
      if (finding.kind === "found")
        return {
          ...finding.answer,
          isDoubtful,
          ttlMs: isDoubtful ? Math.min(partialTtlMs, finding.answer.ttlMs) : finding.answer.ttlMs,
        };
      if (finding.kind === "silent") throw toError(await shortageOr(finding.code), name);
      if (finding.kind === "refused") isDoubtful = true;
      if (finding.kind === "refused" || (finding.code === "ENODATA" && !isDoubtful)) code = finding.code;
    }
    throw toError(code, host);
  }

  /** Asks for both address families at once. If one has an answer, it waits only a little for the other. */
  async #ask(resolver: Resolver, name: string): Promise<Finding> {
    const both = [this.#askFor(resolver, name, 4), this.#askFor(resolver, name, 6)] as const;
    const first = await Promise.race(both);
    let records: Records[];
    if (first.addresses.length === 0) records = await Promise.all(both);
    else {
      const other = await this.#withPatience(both[first.family === 4 ? 1 : 0]);
      records =
        other === null
          ? [first, { family: first.family === 4 ? 6 : 4, addresses: [], ttlMs: partialTtlMs, code: "ETIMEOUT" }]
          : [first, other];
    }
    records.sort((a, b) => a.family - b.family);
    const found = records.filter(({ addresses }) => addresses.length > 0);
    const missing = records.find(({ code }) => code !== null && !isAbsent(code));
    if (found.length > 0) {
      const ttlMs = Math.min(...found.map((one) => one.ttlMs), missing === undefined ? Infinity : partialTtlMs);
      return {
        kind: "found",
        answer: { addresses: found.flatMap((one) => one.addresses), ttlMs, missingFamily: missing?.family ?? null },
      };
    }
    // A name that does not exist has no address of the other family either (RFC 8020).
    const absent = records.find(({ code }) => code === "ENOTFOUND");
    if (absent !== undefined || missing === undefined) return { kind: "none", code: absent?.code ?? "ENODATA" };
    return {
      kind: records.some(({ code }) => code !== null && isSilence(code)) ? "silent" : "refused",
      code: missing.code!,
    };
  }

  async #askFor(resolver: Resolver, name: string, family: 4 | 6): Promise<Records> {
    try {
      const records =
        family === 4 ? await resolver.resolve4(name, { ttl: true }) : await resolver.resolve6(name, { ttl: true });
      const addresses = records.map(({ address }) => normalizeIp(address) ?? address).filter(isHostAddress);
      return {
        family,
        addresses,
        ttlMs: records.reduce((least, { ttl }) => Math.min(least, ttl), maxTtlSeconds) * 1_000,
        code: addresses.length === 0 ? "ENODATA" : null,
      };
    } catch (error) {
      return { family, addresses: [], ttlMs: 0, code: (error as NodeJS.ErrnoException).code ?? "EUNKNOWN" };
    }
  }

  #withPatience(other: Promise<Records>): Promise<Records | null> {
    return new Promise((resolve) => {
      const call = this.#scheduler.after(familyPatienceMs, () => resolve(null));
      void other.then((records) => {
        call.cancel();
        resolve(records);
      });
    });
  }

  #resolverFor(settings: ResolverSettings): Resolver {
    if (this.#resolversFor !== settings) {
      // Resolvers of earlier settings end with their look-ups under way.
      this.#resolvers = createResolvers(settings);
      this.#resolversFor = settings;
    }
    this.#turn = (this.#turn + 1) % this.#resolvers.length;
    return this.#resolvers[this.#turn]!;
  }
}

function createResolvers({ servers, timeoutMs, attempts, canRotate }: ResolverSettings): Resolver[] {
  const count = canRotate ? Math.max(1, servers.length) : 1;
  return Array.from({ length: count }, (_, at) => {
    const resolver = new Resolver({ timeout: timeoutMs, tries: attempts, maxTimeout: timeoutMs });
    try {
      if (servers.length > 0) resolver.setServers([...servers.slice(at), ...servers.slice(0, at)]);
    } catch {
      // A server whose address is local to a link cannot be set; the library has read the file itself and uses it.
    }
    return resolver;
  });
}

/**
 * The name servers say that the name does not exist or has no such address. A name that cannot be asked for does not
 * exist either.
 */
function isAbsent(code: string): boolean {
  return code === "ENOTFOUND" || code === "ENODATA" || code === "EBADNAME";
}

/** No name server said anything. */
function isSilence(code: string): boolean {
  return code === "ETIMEOUT" || code === "ECONNREFUSED" || code === "ECANCELLED" || code === "EDESTRUCTION";
}

/** The library reports the same error if a name server cannot be reached and if no socket could be opened. */
async function shortageOr(code: string): Promise<string> {
  if (code !== "ECONNREFUSED") return code;
  try {
    await (await open(process.execPath)).close();
    return code;
  } catch (error) {
    const found = (error as NodeJS.ErrnoException).code;
    return socketShortage(found, "tcp") === null ? code : found!;
  }
}

function toError(code: string, name: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${name}: ${code}`), { code });
}
