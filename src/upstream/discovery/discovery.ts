/**
 * How endpoints are found in a running system: the contract of what follows etcd, Consul, DNS, a file, a URL, Docker or
 * Kubernetes. All of it runs in the control thread, and is loaded only if the configuration asks for it.
 *
 * A discovery tells what its source says, and whether it can be reached. What is made of that (last good list, guard
 * against an empty answer, log lines, metrics) is the same for all: `discovered-endpoints.ts`.
 */
import type { LookupFunction } from "node:net";
import type { RandomSource } from "../../base/random.ts";
import type { Scheduler } from "../../base/scheduler.ts";
import type { Logger } from "../../observe/logger.ts";
import type { ListedEndpoint } from "../endpoint-source.ts";

/** The most endpoints that one source may list; what is beyond is refused. */
export const maxDiscoveredEndpoints = 10_000;

/** What a source says at one moment: the whole list. */
export interface DiscoverySnapshot {
  /**
   * All endpoints, in any order. One that is going away and shall get nothing new, but keep what it has, is listed with
   * weight 0. If a URL is there twice, the first entry holds.
   */
  readonly endpoints: readonly ListedEndpoint[];
  /** Why records were left out: a sentence each, without secrets, bounded in length and number. */
  readonly refused: readonly string[];
  /** Revision, index, ETag or the like, for people; null if the source has none. */
  readonly version: string | null;
  /**
   * An empty or much shorter list is meant so: a file that somebody has written, a complete answer of Kubernetes. If
   * false, such a list is held back for a while (`hold`) before it is believed.
   */
  readonly isCertain: boolean;
}

/** Who is told. A discovery calls it from `start` to `close`, never within `start`. */
export interface DiscoveryObserver {
  /** What the source says now. The same again is harmless. */
  onSnapshot(snapshot: DiscoverySnapshot): void;
  /** The source has answered, and says what it said before. */
  onAlive(): void;
  /** The source could not be asked, or its answer could not be used. @param reason a sentence, without secrets */
  onFailure(reason: string): void;
}

/**
 * Follows one source. After a failure it goes on by itself, with jittered pauses, for ever; what it has told holds
 * meanwhile.
 */
export interface Discovery {
  /** Called once. Does not throw: what cannot be done is told by `onFailure`. */
  start(observer: DiscoveryObserver): void;
  /** Ends it: nothing is told any more, and no socket, timer or watch is left. Harmless if called again. */
  close(): void;
}

/** What a discovery is lent. */
export interface DiscoveryContext {
  /** The name of the upstream that it is for. */
  readonly upstream: string;
  readonly scheduler: Scheduler;
  readonly random: RandomSource;
  /** Resolves the names of the services that are asked. */
  readonly lookup: LookupFunction;
  readonly logger: Logger;
}

/** A kind of discovery: what the configuration calls it, and how one is made of its section. */
export interface DiscoveryKind<Options> {
  /** Its key in `discovery`, and its name in metrics. */
  readonly key: string;
  /** What is followed, for people, without secrets: `etcd http://127.0.0.1:2379 /services/api/`. */
  describe(options: Options): string;
  /** Makes one, loading what it needs by `await import`. It does nothing until `start`. */
  create(options: Options, context: DiscoveryContext): Promise<Discovery>;
}
