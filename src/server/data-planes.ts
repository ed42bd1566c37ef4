/** All data planes of a proxy as the control thread sees them: one inline, or one a proxy thread. */
import type { SharedSnapshot } from "../base/shared-memory.ts";
import type { Config } from "../config/schema.ts";
import { formatListenAddress } from "../net/listen-address.ts";
import type { ListedEndpoint } from "../upstream/endpoint-source.ts";
import { assertAddressFree } from "./assert-address-free.ts";
import type { BoundAddress, ChosenPorts, DataPlane } from "./data-plane.ts";
import type { Inspection } from "./inspection.ts";

/** The next endpoints of an upstream. */
export interface EndpointList {
  readonly upstream: string;
  readonly endpoints: readonly ListedEndpoint[];
  /** What a directory of shared memory that is a copy must take and drop first. */
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
  prepare(config: Config): Promise<void>;
  commit(): Promise<void>;
  abort(): Promise<void>;
  /**
   * Gives upstreams of the running configuration other endpoints, everywhere. `config` is the running one with these
   * lists; a thread that comes later gets that. Never while a configuration is prepared.
   */
  takeLists(lists: readonly EndpointList[], config: Config): Promise<void>;
  /** Accepts no more connections; resolves when the last exchange has ended. */
  drain(): Promise<void>;
  /** Ends everything at once. */
  close(): Promise<void>;
  readonly addresses: readonly BoundAddress[];
  inspect(): Promise<Inspection>;
  /** Ends a proxy thread as a fault would. @throws RangeError where there is none of that number */
  killThread(index: number): Promise<void>;
  /** For the status page. */
  readonly threads: readonly { readonly name: string; readonly restarts: number; readonly isRunning: boolean }[];
}

const noPorts: ChosenPorts = new Map();

/** The data plane in the caller's own thread. */
export class InlinePlane implements DataPlanes {
  readonly stripes = 1;
  readonly #plane: DataPlane;

  constructor(plane: DataPlane) {
    this.#plane = plane;
  }

  warmUp(): void {}

  async prepare(config: Config): Promise<void> {
    const own = this.#plane.addresses;
    for (const { address } of config.listeners)
      if (!own.some(({ configured }) => configured === formatListenAddress(address)))
        await assertAddressFree(address, own);
    return this.#plane.prepare(config, { isShared: false, chosenPorts: noPorts });
  }

  async commit(): Promise<void> {
    this.#plane.commit();
  }

  abort(): Promise<void> {
    this.#plane.abort();
    return Promise.resolve();
  }

  takeLists(lists: readonly EndpointList[]): Promise<void> {
    return this.#plane.takeLists(lists);
  }

  drain(): Promise<void> {
    return this.#plane.drain();
  }

  close(): Promise<void> {
    this.#plane.close();
    return Promise.resolve();
  }

  get addresses(): readonly BoundAddress[] {
    return this.#plane.addresses;
  }

  inspect(): Promise<Inspection> {
    return Promise.resolve(this.#plane.inspect());
  }

  killThread(index: number): Promise<void> {
    return Promise.reject(new RangeError(`there is no thread ${index}`));
  }

  readonly threads = [{ name: "inline", restarts: 0, isRunning: true }];
}
