/**
 * The proxy threads: starts them, brings every configuration to all of them or to none, and replaces one that dies, which the others do not notice.
 * All threads listen on the same ports; the kernel spreads connections (SO_REUSEPORT).
 */
import { createServer } from "node:net";
import type { SharedMemory } from "../../base/shared-memory.ts";
import type { Config } from "../../config/schema.ts";
import { formatListenAddress, type ListenAddress } from "../../net/listen-address.ts";
import type { Logger } from "../../observe/logger.ts";
import type { BoundAddress, Inspection } from "../data-plane.ts";
import type { DataPlanes } from "../data-planes.ts";
import { ThreadHandle } from "./thread-handle.ts";

/** What the threads are made from, and who hears of them. */
export interface ProxyThreadsParts {
  readonly count: number;
  readonly memory: SharedMemory;
  readonly pseudonym: string;
  readonly logger: Logger;
  onMetricPage(source: string, page: SharedArrayBuffer): void;
  /** A thread died: its stripe is free of writers. Called before its successor starts. */
  onDeath(stripeIndex: number, source: string): void;
}

interface Slot {
  readonly index: number;
  handle: ThreadHandle;
  /** Names the thread among all that ever ran. */
  source: string;
  restarts: number;
  startedMs: number;
  backoffMs: number;
}

const minLifeMs = 5_000;
const firstBackoffMs = 100;
const largestBackoffMs = 10_000;

/** See the head of this file. */
export class ProxyThreads implements DataPlanes {
  readonly #parts: ProxyThreadsParts;
  readonly #slots: Slot[] = [];
  readonly #chosenPorts = new Map<string, number>();
  #config: Config | null = null;
  #prepared: Config | null = null;
  #addresses: readonly BoundAddress[] = [];
  #generation = 0;
  #isClosing = false;

  constructor(parts: ProxyThreadsParts) {
    this.#parts = parts;
    for (let index = 0; index < parts.count; index++) {
      const slot: Slot = { index, handle: null as unknown as ThreadHandle, source: "", restarts: 0, startedMs: 0, backoffMs: firstBackoffMs };
      this.#start(slot);
      this.#slots.push(slot);
    }
  }

  get stripes(): number {
    return this.#parts.count;
  }

  get addresses(): readonly BoundAddress[] {
    return this.#addresses;
  }

  get threads(): readonly { name: string; restarts: number; isRunning: boolean }[] {
    return this.#slots.map(({ index, restarts, handle }) => ({ name: `proxy-${index}`, restarts, isRunning: !handle.hasEnded }));
  }

  async prepare(config: Config): Promise<void> {
    const known = new Set(this.#addresses.map((address) => address.configured));
    for (const { address } of config.listeners) if (!known.has(formatListenAddress(address))) await assertFree(address);
    this.#prepared = config;
    try {
      const [first, ...others] = this.#slots;
      // The first thread finds the free port where any will do; the others join it.
      this.#noteAddresses(await this.#prepareOne(first!, config));
      await Promise.all(others.map((slot) => this.#prepareOne(slot, config)));
    } catch (error) {
      await this.abort();
      throw error;
    }
  }

  async abort(): Promise<void> {
    this.#prepared = null;
    await Promise.allSettled(this.#slots.map((slot) => slot.handle.ask({ kind: "abort" })));
  }

  async commit(): Promise<void> {
    this.#config = this.#prepared;
    this.#prepared = null;
    // A thread that dies meanwhile comes back with this configuration.
    const results = await Promise.allSettled(this.#slots.map((slot) => slot.handle.ask({ kind: "commit" })));
    const first = results[0];
    if (first?.status === "fulfilled") this.#noteAddresses(first.value as readonly BoundAddress[]);
  }

  async drain(): Promise<void> {
    this.#isClosing = true;
    await Promise.allSettled(this.#slots.map((slot) => slot.handle.ask({ kind: "drain" })));
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.all(this.#slots.map(async ({ handle }) => {
      const timeout = Promise.withResolvers<void>();
      const timer = setTimeout(timeout.resolve, 1_000);
      await Promise.race([handle.ask({ kind: "close" }).catch(() => {}), timeout.promise]);
      clearTimeout(timer);
      await handle.terminate();
    }));
  }

  reopenLogs(): void {
    for (const { handle } of this.#slots) handle.ask({ kind: "reopenLogs" }).catch(() => {});
  }

  async inspect(): Promise<Inspection> {
    const all = await Promise.all(this.#slots.map(({ handle }) => handle.ask({ kind: "inspect" })));
    const sum = (key: keyof Inspection): number => all.reduce((total, one) => total + (one as Inspection)[key], 0);
    return {
      connections: sum("connections"),
      exchanges: sum("exchanges"),
      upstreamConnections: sum("upstreamConnections"),
      idleUpstreamConnections: sum("idleUpstreamConnections"),
      deadlines: sum("deadlines"),
    };
  }

  /** For tests: ends a thread as a fault would. */
  async kill(index: number): Promise<void> {
    await this.#slots[index]?.handle.terminate();
  }

  #start(slot: Slot): void {
    const { memory: _, ...parts } = this.#parts;
    slot.source = `proxy-${slot.index}-${++this.#generation}`;
    slot.startedMs = performance.now();
    const { source } = slot;
    slot.handle = new ThreadHandle({ stripeIndex: slot.index, stripes: parts.count, pseudonym: parts.pseudonym }, parts.logger, {
      onMetricPage: (page) => parts.onMetricPage(source, page),
      onEnd: (error) => this.#onEnd(slot, source, error),
    });
  }

  #onEnd(slot: Slot, source: string, error: Error | null): void {
    if (this.#isClosing) return;
    this.#parts.logger.error("a proxy thread died and is replaced", { thread: slot.index, ...(error !== null && { error: error.stack ?? error.message }) });
    this.#parts.onDeath(slot.index, source);
    slot.restarts++;
    // Replaced at once, unless it dies again and again.
    slot.backoffMs = performance.now() - slot.startedMs > minLifeMs ? firstBackoffMs : Math.min(slot.backoffMs * 2, largestBackoffMs);
    if (slot.backoffMs === firstBackoffMs || slot.restarts === 1) this.#revive(slot);
    else setTimeout(() => this.#revive(slot), slot.backoffMs).unref();
  }

  #revive(slot: Slot): void {
    if (this.#isClosing) return;
    this.#start(slot);
    const config = this.#config;
    if (config === null) return;
    this.#prepareOne(slot, config)
      .then(() => slot.handle.ask({ kind: "commit" }))
      .catch((error: unknown) => {
        this.#parts.logger.error("a new proxy thread could not start", { thread: slot.index, error: error instanceof Error ? error.message : String(error) });
        void slot.handle.terminate();
      });
  }

  async #prepareOne(slot: Slot, config: Config): Promise<readonly BoundAddress[]> {
    const answer = await slot.handle.ask({ kind: "prepare", config, memory: this.#parts.memory.snapshot(), chosenPorts: new Map(this.#chosenPorts) });
    return answer as readonly BoundAddress[];
  }

  #noteAddresses(addresses: readonly BoundAddress[]): void {
    this.#addresses = addresses;
    this.#chosenPorts.clear();
    for (const { configured, port } of addresses) if (port > 0) this.#chosenPorts.set(configured, port);
  }
}

/** A shared port can be opened by several processes of one user without either knowing; so it is tried alone first. @throws as `listen` does */
async function assertFree(address: ListenAddress): Promise<void> {
  if (address.kind !== "tcp" || address.port === 0) return;
  const probe = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  probe.once("error", reject);
  probe.listen({ port: address.port, exclusive: true, ...(address.host !== null && { host: address.host }) }, resolve);
  await promise;
  await new Promise((done) => probe.close(done));
}
