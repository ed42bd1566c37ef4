/**
 * What a name means: itself if name servers are configured, else what the machine means by it (hosts file, search
 * list). The rules are those of `names/name-source.ts`: silence ends a search, and what was found behind a name that a
 * name server refused to tell about never replaces what is known.
 */
import { getServers } from "node:dns";
import type { Scheduler } from "../../../base/scheduler.ts";
import { DnsClient, DnsError } from "../../../remote/dns/dns-client.ts";
import { type DnsServer, parseDnsServer } from "../../../remote/dns/dns-server.ts";
import type { MachineNames } from "../../names/machine-names.ts";
import { namesToTry, type ResolverSettings } from "../../names/resolv-conf.ts";
import type { RoundOutcome } from "./followed-host.ts";
import type { RecordAsker } from "./record-finding.ts";

/** What follows one name: a `FollowedHost` or a `FollowedService`. */
export interface FollowedName {
  refresh(asker: RecordAsker): Promise<RoundOutcome>;
}

/** What is searched for, and where. */
export interface NameSearchParts<Followed extends FollowedName> {
  /** In lower case, with or without a dot at the end. */
  readonly name: string;
  /** Who is asked; null = the machine's name servers, with its search list. */
  readonly servers: readonly DnsServer[] | null;
  readonly machine: MachineNames;
  /** The hosts file comes first. */
  readonly usesHosts: boolean;
  readonly scheduler: Scheduler;
  readonly follow: (name: string) => Followed;
}

/** Of configured name servers. */
const timeoutMs = 2_000;
const attempts = 2;

/** Searches for a name, again and again. */
export class NameSearch<Followed extends FollowedName> {
  readonly #parts: NameSearchParts<Followed>;
  readonly #candidates = new Map<string, Followed>();
  #client: DnsClient | null = null;
  #settings: ResolverSettings | null = null;
  #isClosed = false;
  /** The candidate that was found last; null before the first. */
  found: Followed | null = null;
  /** The addresses that the machine itself knew in the last search; null if it asked. */
  own: readonly string[] | null = null;
  /** The candidate that is being asked for. */
  asked: Followed | null = null;

  constructor(parts: NameSearchParts<Followed>) {
    this.#parts = parts;
  }

  /** Searches once. Never rejects: what nobody has thought of is a failure, too. */
  async run(): Promise<RoundOutcome> {
    try {
      return await this.#run();
    } catch (error) {
      return failed("failed", `it could not be asked: ${(error as Error).message}`);
    }
  }

  async #run(): Promise<RoundOutcome> {
    const { name, servers, machine } = this.#parts;
    if (servers === null) {
      try {
        await machine.look();
      } catch (error) {
        return failed("failed", `the machine's settings cannot be read: ${(error as NodeJS.ErrnoException).code}`);
      }
    }
    if (this.#isClosed) return failed("closed", "closed");
    this.own = this.#parts.usesHosts ? machine.ownAddresses(name) : null;
    if (this.own !== null) return { kind: "found", ttlMs: Infinity, failures: [] };
    const client = this.#currentClient();
    let refusal: RoundOutcome | null = null;
    let absence: RoundOutcome | null = null;
    for (const candidate of servers === null ? namesToTry(name, machine.settings) : [name.replace(/\.$/, "")]) {
      const outcome = await this.#try(candidate, client);
      if (outcome.kind === "found") {
        if (refusal !== null && this.found !== null && this.found !== this.asked) return refusal;
        this.found = this.asked;
        return outcome;
      }
      if (outcome.kind === "absent") {
        if (absence === null || !outcome.hasNoName) absence = outcome;
      } else if (outcome.error.kind === "failed") refusal = outcome;
      else return outcome;
    }
    return refusal ?? absence ?? failed("failed", `${name} is too long for a name`);
  }

  /** Ends what is under way. */
  close(): void {
    this.#isClosed = true;
    this.#client?.close();
  }

  #try(candidate: string, client: DnsClient): Promise<RoundOutcome> {
    let followed = this.#candidates.get(candidate);
    if (followed === undefined) {
      followed = this.#parts.follow(candidate);
      this.#candidates.set(candidate, followed);
    }
    this.asked = followed;
    return followed.refresh(client);
  }

  /** Other settings mean other name servers, and perhaps another host by the same name. */
  #currentClient(): DnsClient {
    const { servers, machine, scheduler } = this.#parts;
    if (this.#client !== null && (servers !== null || this.#settings === machine.settings)) return this.#client;
    this.#client?.close();
    this.#candidates.clear();
    this.found = null;
    this.asked = null;
    this.#settings = machine.settings;
    const own = servers === null ? machine.settings : { timeoutMs, attempts };
    this.#client = new DnsClient({
      servers: servers ?? toServers(machine.settings),
      timeoutMs: own.timeoutMs,
      attempts: own.attempts,
      scheduler,
    });
    return this.#client;
  }
}

/** If there is no `resolv.conf`, the system may know name servers all the same. */
function toServers({ servers }: ResolverSettings): readonly DnsServer[] {
  return (servers.length > 0 ? servers : getServers()).map(parseDnsServer);
}

function failed(kind: DnsError["kind"], message: string): RoundOutcome {
  return { kind: "failed", error: new DnsError(kind, message) };
}
