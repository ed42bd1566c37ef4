/** The data plane in the caller's own thread. */
import type { Config } from "../config/schema.ts";
import { formatListenAddress } from "../net/listen-address.ts";
import type { TlsMaterial } from "../net/tls/tls-material.ts";
import { assertAddressFree } from "./assert-address-free.ts";
import type { BoundAddress, ChosenPorts } from "./bound-address.ts";
import type { DataPlane, DataPlaneParts } from "./data-plane.ts";
import type { DataPlanes, EndpointList } from "./data-planes.ts";
import type { Inspection } from "./inspection.ts";

const noPorts: ChosenPorts = new Map();
const nothingOpen: Inspection = {
  connections: 0,
  exchanges: 0,
  upstreamConnections: 0,
  idleUpstreamConnections: 0,
  deadlines: 0,
};

/**
 * Runs the data path in the thread that makes it. The data path is loaded with the first configuration: a control thread
 * whose proxy threads do the work never loads it.
 */
export class InlinePlane implements DataPlanes {
  readonly stripes = 1;
  readonly #parts: DataPlaneParts;
  /** Null before the first configuration. */
  #plane: DataPlane | null = null;

  constructor(parts: DataPlaneParts) {
    this.#parts = parts;
  }

  warmUp(): void {}

  async prepare(config: Config, tls: TlsMaterial): Promise<void> {
    const plane = this.#plane ?? (await createDataPlane(this.#parts));
    this.#plane = plane;
    const own = plane.addresses;
    for (const { address } of config.listeners)
      if (!own.some(({ configured }) => configured === formatListenAddress(address)))
        await assertAddressFree(address, own);
    return plane.prepare(config, { isShared: false, chosenPorts: noPorts }, tls);
  }

  async commit(): Promise<void> {
    this.#plane?.commit();
  }

  async abort(): Promise<void> {
    this.#plane?.abort();
  }

  async takeLists(lists: readonly EndpointList[]): Promise<void> {
    await this.#plane?.takeLists(lists);
  }

  async takeCertificates(tls: TlsMaterial): Promise<void> {
    this.#plane?.takeCertificates(tls);
  }

  async drain(): Promise<void> {
    await this.#plane?.drain();
  }

  async close(): Promise<void> {
    this.#plane?.close();
  }

  get addresses(): readonly BoundAddress[] {
    return this.#plane?.addresses ?? [];
  }

  async inspect(): Promise<Inspection> {
    return this.#plane?.inspect() ?? nothingOpen;
  }

  killThread(index: number): Promise<void> {
    return Promise.reject(new RangeError(`there is no thread ${index}`));
  }

  readonly threads = [{ name: "inline", restarts: 0, isRunning: true }];
}

async function createDataPlane(parts: DataPlaneParts): Promise<DataPlane> {
  const { DataPlane } = await import("./data-plane.ts");
  return new DataPlane(parts);
}
