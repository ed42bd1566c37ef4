/**
 * Discovery by DNS: a name is asked for by a timer, not by traffic, as often as its records say (within bounds). What
 * cannot be asked for stays as it was and is asked for again after random pauses; that a name does not exist or has no
 * records is told as an empty list that is not certain, so that it is held back for a while before it is believed.
 */
import type { ScheduledCall } from "../../../base/scheduler.ts";
import { BackOff } from "../../../remote/back-off.ts";
import type { RecordType } from "../../../remote/dns/dns-message.ts";
import { MachineNames, settingsMs } from "../../names/machine-names.ts";
import type { Discovery, DiscoveryContext, DiscoveryObserver } from "../discovery.ts";
import type { EndpointList } from "../endpoint-list.ts";
import { saysNoService, toHostEndpoints, toServiceEndpoints } from "./dns-endpoints.ts";
import { FollowedHost, type RoundOutcome } from "./followed-host.ts";
import { FollowedService } from "./followed-service.ts";
import { NameSearch } from "./name-search.ts";
import type { DnsDiscoveryOptions } from "./options.ts";

/** What was found is told after this time, even if not everything was found yet. */
const patienceMs = 500;
/** An absence is asked about again at the latest after this time. */
const maxAbsentMs = 5_000;
/** Bounds of the pauses after failures. */
const leastFailureMs = 250;
const maxFailureMs = 10_000;
/** The spread of the pauses: many instances must not ask at the same moment for ever. */
const jitter = 0.2;
/** When the machine's settings change, not all names are asked for at once. */
const settingsSpreadMs = 500;
/** So many sentences about what was left out are told at a time. */
const maxRefused = 20;

/** Follows a name. */
export class DnsDiscovery implements Discovery {
  readonly #options: DnsDiscoveryOptions;
  readonly #context: DiscoveryContext;
  readonly #machine: MachineNames;
  readonly #search: NameSearch<FollowedHost | FollowedService>;
  readonly #backOff: BackOff;
  #observer: DiscoveryObserver | null = null;
  #nextRound: ScheduledCall | null = null;
  #patience: ScheduledCall | null = null;
  #nextLook: ScheduledCall | null = null;
  /** The endpoints that were told last. */
  #toldUrls = "";
  #isAsking = false;
  /** The machine's settings have changed since the round under way began. */
  #isOutdated = false;

  constructor(options: DnsDiscoveryOptions, context: DiscoveryContext, machine: MachineNames = new MachineNames()) {
    const { name, servers, type, unseen } = options;
    const { scheduler, random } = context;
    const following = { unseenMs: unseen, now: () => scheduler.clock.now() };
    this.#options = options;
    this.#context = context;
    this.#machine = machine;
    this.#backOff = new BackOff({ leastMs: leastFailureMs, longestMs: maxFailureMs, random });
    this.#search = new NameSearch<FollowedHost | FollowedService>({
      name,
      servers,
      machine,
      scheduler,
      usesHosts: servers === null && type !== "SRV",
      follow: (candidate) =>
        type === "SRV"
          ? new FollowedService(candidate, following)
          : new FollowedHost(
              candidate,
              type === "addresses" ? (["A", "AAAA"] as const) : [type as RecordType],
              following,
            ),
    });
  }

  start(observer: DiscoveryObserver): void {
    this.#observer = observer;
    this.#plan(0);
    if (this.#options.servers === null) this.#watchSettings();
  }

  close(): void {
    this.#observer = null;
    for (const call of [this.#nextRound, this.#patience, this.#nextLook]) call?.cancel();
    this.#search.close();
  }

  #plan(delayMs: number): void {
    if (this.#observer === null) return;
    this.#nextRound?.cancel();
    this.#nextRound = this.#context.scheduler.after(delayMs, () => void this.#round());
  }

  async #round(): Promise<void> {
    this.#nextRound = null;
    this.#isAsking = true;
    this.#isOutdated = false;
    this.#planPart();
    const outcome = await this.#search.run();
    this.#isAsking = false;
    this.#patience?.cancel();
    if (this.#observer === null) return;
    const delayMs = this.#isOutdated ? 0 : this.#judge(this.#observer, outcome);
    this.#plan(delayMs);
  }

  /** Tells what came of a round. @returns when to ask again */
  #judge(observer: DiscoveryObserver, outcome: RoundOutcome): number {
    const { minRefresh, maxRefresh } = this.#options;
    if (outcome.kind === "failed") {
      observer.onFailure(outcome.error.message);
      return this.#backOff.next();
    }
    this.#backOff.reset();
    if (outcome.kind === "found") this.#tell(this.#search.own ?? this.#search.found!, outcome.failures);
    else {
      this.#toldUrls = "";
      observer.onSnapshot({
        endpoints: [],
        refused: [],
        version: outcome.hasNoName ? "NXDOMAIN" : "NODATA",
        isCertain: false,
      });
    }
    const most = outcome.kind === "found" ? maxRefresh : Math.max(minRefresh, Math.min(maxRefresh, maxAbsentMs));
    const ttlMs = Math.min(most, Math.max(minRefresh, outcome.ttlMs));
    return ttlMs * (1 + jitter * (this.#context.random() - 0.5));
  }

  /** If the rest takes long, what has come is told already, unless it may be another host's. */
  #planPart(): void {
    this.#patience = this.#context.scheduler.after(patienceMs, () => {
      const { found, asked } = this.#search;
      if (asked !== null && (found === null || found === asked)) {
        const urls = urlsOf(this.#toList(asked));
        if (urls !== "" && urls !== this.#toldUrls) this.#tell(asked, []);
      }
      if (this.#observer !== null) this.#planPart();
    });
  }

  #tell(known: FollowedHost | FollowedService | readonly string[], failures: readonly string[]): void {
    const list = this.#toList(known);
    this.#toldUrls = urlsOf(list);
    const refused = [...failures, ...list.refused];
    this.#observer?.onSnapshot({
      endpoints: list.endpoints,
      refused: refused.slice(0, maxRefused),
      version: null,
      isCertain: known instanceof FollowedService && saysNoService(known.records),
    });
  }

  #toList(known: FollowedHost | FollowedService | readonly string[]): EndpointList {
    const { scheme, port, type } = this.#options;
    if (known instanceof FollowedService)
      return toServiceEndpoints(scheme, known.records, (target) => known.addressesOf(target));
    const addresses = known instanceof FollowedHost ? known.addresses : known;
    const wanted = addresses.filter((address) => type === "addresses" || address.includes(":") === (type === "AAAA"));
    return toHostEndpoints(scheme, port ?? (scheme === "https" ? 443 : 80), wanted);
  }

  #watchSettings(): void {
    this.#nextLook = this.#context.scheduler.after(settingsMs, () => {
      void this.#machine
        .look()
        .catch(() => false)
        .then((isChanged) => {
          if (this.#observer === null) return;
          if (isChanged && this.#isAsking) this.#isOutdated = true;
          else if (isChanged) this.#plan(settingsSpreadMs * this.#context.random());
          this.#watchSettings();
        });
    });
  }
}

function urlsOf({ endpoints }: EndpointList): string {
  return endpoints.map(({ url }) => url).join();
}
