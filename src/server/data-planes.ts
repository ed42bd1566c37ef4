/** All data planes of a proxy as the control thread sees them: one inline, or one in each proxy thread. */
import type { SharedSnapshot } from "../base/shared-memory.ts";
import type { Config } from "../config/schema.ts";
import type { TlsMaterial } from "../net/tls/tls-material.ts";
import type { ListPatch } from "../upstream/endpoint-source.ts";
import type { BoundAddress } from "./bound-address.ts";
import type { Inspection } from "./inspection.ts";

/** The next endpoints of an upstream. */
export interface EndpointList {
  readonly upstream: string;
  /** What makes the endpoints before into these. */
  readonly patch: ListPatch;
  /** What a thread whose directory of shared memory is a copy has to take into it, and drop from it, before. */
  readonly memory: { readonly part: SharedSnapshot; readonly dropped: readonly string[] };
}

/** What the control thread can ask for. `prepare` and `commit` (or `abort`) go in pairs. */
export interface DataPlanes {
  /** How many threads count in shared memory. */
  readonly stripes: number;
  /** A configuration will follow: what takes a while and does not depend on it begins. */
  warmUp(): void;
  /**
   * Builds `config` everywhere beside what is running. @throws what made it impossible; then nothing of it is left
   * anywhere.
   */
  prepare(config: Config, tls: TlsMaterial): Promise<void>;
  commit(): Promise<void>;
  abort(): Promise<void>;
  /**
   * Gives upstreams of the running configuration other endpoints, everywhere. `config` is the running one with these
   * lists; a thread that comes later gets that. Never while a configuration is prepared.
   */
  takeLists(lists: readonly EndpointList[], config: Config): Promise<void>;
  /**
   * Gives the running configuration other certificates, rules or challenges, everywhere; a thread that comes later gets
   * them, too. Never while a configuration is prepared.
   */
  takeCertificates(tls: TlsMaterial): Promise<void>;
  /** Accepts no more connections; resolves when the last exchange has ended. */
  drain(): Promise<void>;
  /** Ends everything at once. */
  close(): Promise<void>;
  readonly addresses: readonly BoundAddress[];
  inspect(): Promise<Inspection>;
  /** Ends a proxy thread as a fault would. @throws RangeError if there is none of that number */
  killThread(index: number): Promise<void>;
  /** For the status page. */
  readonly threads: readonly { readonly name: string; readonly restarts: number; readonly isRunning: boolean }[];
}
