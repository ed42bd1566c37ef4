/**
 * The hosts of a service: its SRV records (RFC 2782), and the addresses of their targets, from the same answer or asked
 * for. A target serves by its IPv4 addresses, or else by its IPv6 addresses: both are one machine. One whose addresses
 * cannot be asked for keeps those that it had.
 */
import { ipVersion } from "../../../base/ip-address.ts";
import type { DnsError } from "../../../remote/dns/dns-client.ts";
import { type DnsRecord, isDomainName } from "../../../remote/dns/dns-message.ts";
import { FollowedHost, partialTtlMs, type RoundOutcome } from "./followed-host.ts";
import { FollowedRecords, type FollowingOptions } from "./followed-records.ts";
import { type RecordAsker, shortestMs } from "./record-finding.ts";

/** So many targets are asked for at a time. */
const maxAtATime = 16;
/** So many addresses of a target are used. */
const maxAddresses = 64;

/** Follows a service. */
export class FollowedService {
  readonly #options: FollowingOptions;
  readonly #records: FollowedRecords;
  #targets = new Map<string, Target>();

  constructor(name: string, options: FollowingOptions) {
    this.#options = options;
    this.#records = new FollowedRecords({ name, type: "SRV" }, options);
  }

  /** The SRV records that are known. */
  get records(): readonly DnsRecord[] {
    return this.#records.records;
  }

  /** The addresses of a target; none if they are not known. */
  addressesOf(target: string): readonly string[] {
    return this.#targets.get(target)?.addresses ?? [];
  }

  /** Asks again. Never rejects. */
  async refresh(asker: RecordAsker): Promise<RoundOutcome> {
    const finding = await this.#records.refresh(asker);
    if (finding.kind === "absent") this.#targets.clear();
    if (finding.kind !== "found") return finding;
    const names = [...new Set(finding.records.map(({ value }) => value))].filter((name) => name !== "");
    this.#targets = new Map(names.map((name) => [name, this.#targets.get(name) ?? new Target(name, this.#options)]));
    const nowMs = this.#options.now();
    const extras = Map.groupBy(
      finding.extras.filter(({ type }) => type === "A" || type === "AAAA"),
      ({ owner }) => owner,
    );
    const due: Target[] = [];
    for (const [name, target] of this.#targets) {
      const own = extras.get(name);
      if (own !== undefined) target.takeExtras(own, nowMs);
      else if (target.dueMs <= nowMs) due.push(target);
    }
    await forEach(due, (target) => target.refresh(asker, nowMs));
    const targets = [...this.#targets.values()];
    const unknown = targets.find(({ error }) => error !== null);
    // That no address is known does not mean that there is none.
    if (unknown !== undefined && targets.every(({ addresses }) => addresses.length === 0))
      return { kind: "failed", error: unknown.error! };
    return {
      kind: "found",
      ttlMs: targets.reduce((least, { dueMs }) => Math.min(least, dueMs - nowMs), finding.ttlMs),
      failures: targets.flatMap(({ failure }) => failure ?? []),
    };
  }
}

/** A host that SRV records name. */
class Target {
  readonly #name: string;
  readonly #host: FollowedHost;
  addresses: readonly string[] = [];
  /** Why its addresses are not known, or old: a sentence; null if all is well. */
  failure: string | null = null;
  /** Its addresses could not be asked for. */
  error: DnsError | null = null;
  /** When it must be asked for again. */
  dueMs = -Infinity;

  constructor(name: string, options: FollowingOptions) {
    this.#name = name;
    this.#host = new FollowedHost(name, ["A", "AAAA"], options);
  }

  /** Takes its addresses from the additional section of an answer. */
  takeExtras(own: readonly DnsRecord[], nowMs: number): void {
    this.#take(own.map(({ value }) => value).toSorted());
    this.error = null;
    this.dueMs = nowMs + shortestMs(own);
  }

  async refresh(asker: RecordAsker, nowMs: number): Promise<void> {
    if (!isDomainName(this.#name)) {
      this.failure = `${JSON.stringify(this.#name.slice(0, 100))} is no name of a host`;
      this.dueMs = Infinity;
      return;
    }
    const outcome = await this.#host.refresh(asker);
    this.error = outcome.kind === "failed" ? outcome.error : null;
    if (outcome.kind === "found") {
      this.#take(this.#host.addresses);
      this.failure = outcome.failures[0] ?? null;
    } else if (outcome.kind === "absent") {
      this.addresses = [];
      this.failure = `${this.#name} has no address`;
    } else this.failure = `the addresses of ${this.#name} are not known: ${outcome.error.message}`;
    this.dueMs = nowMs + (outcome.kind === "failed" ? partialTtlMs : outcome.ttlMs);
  }

  #take(addresses: readonly string[]): void {
    const ipv4 = addresses.filter((address) => ipVersion(address) === 4);
    this.addresses = (ipv4.length > 0 ? ipv4 : addresses).slice(0, maxAddresses);
    this.failure = null;
  }
}

async function forEach<Item>(items: readonly Item[], run: (item: Item) => Promise<void>): Promise<void> {
  const rest = items.values();
  const work = async (): Promise<void> => {
    for (const item of rest) await run(item);
  };
  await Promise.all(Array.from({ length: Math.min(maxAtATime, items.length) }, work));
}
