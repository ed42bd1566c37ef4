/**
 * The proxy threads: starts them, brings every configuration to all of them or to none, and replaces one that dies,
 * which the others do not notice. All threads listen on the same ports; the kernel spreads connections (SO_REUSEPORT).
 *
 * Invariants: configurations and threads come up one at a time, so that no thread is left with an old configuration; a
 * thread that does not serve takes no part in a reload and comes up with what holds then.
 */
import { Mutex } from "../../base/mutex.ts";
import type { SharedMemory } from "../../base/shared-memory.ts";
import { leaveDeletedFolder } from "../../base/thread-start.ts";
import { packConfig } from "../../config/packed-config.ts";
import type { Config } from "../../config/schema.ts";
import { formatListenAddress } from "../../net/listen-address.ts";
import { tlsChange } from "../../net/tls/tls-change.ts";
import { noTlsMaterial, type TlsMaterial } from "../../net/tls/tls-material.ts";
import type { AccessLogSink } from "../../observe/access-log.ts";
import type { Logger } from "../../observe/logger.ts";
import type { Warning, WarningReport } from "../../observe/repeated-warning.ts";
import type { BoundAddress, ChosenPorts } from "../bound-address.ts";
import type { DataPlanes, EndpointList } from "../data-planes.ts";
import { assertAddressFree } from "../assert-address-free.ts";
import type { Inspection } from "../inspection.ts";
import type { WantCertificate } from "../plane-certificates.ts";
import type { ThreadRequest } from "./messages.ts";
import { RestartDelay } from "./restart-delay.ts";
import { ThreadHandle } from "./thread-handle.ts";

/** What the threads are made from, and who hears of them. */
export interface ProxyThreadsParts {
  readonly count: number;
  readonly memory: SharedMemory;
  readonly pseudonym: string;
  readonly idleGraceMs: number;
  readonly logger: Logger;
  onMetricPage(source: string, page: SharedArrayBuffer): void;
  onWarning(report: WarningReport): void;
  /** What is wrong now, for a thread that comes later. */
  troubles(): Iterable<Warning>;
  onAccessLog: AccessLogSink;
  /** See `DataPlaneParts`. */
  readonly onCertificateWanted: WantCertificate;
  /** A thread died: its stripe is free of writers. Called before its successor starts. */
  onDeath(stripeIndex: number, source: string): void;
}

/** A place for a thread. */
interface Slot {
  readonly index: number;
  readonly delay: RestartDelay;
  handle: ThreadHandle;
  /** It has a configuration and serves. */
  isServing: boolean;
  restarts: number;
  revival: NodeJS.Timeout | null;
}

/**
 * A configuration that the threads have prepared. Whoever wants to bring up a thread waits until it is committed or
 * aborted.
 */
interface Transaction {
  readonly config: Config;
  readonly tls: TlsMaterial;
  readonly slots: readonly Slot[];
  readonly addresses: readonly BoundAddress[];
  readonly leave: () => void;
}

/** A configuration, the shared memory that it needs, and its certificates. */
type PostedConfig = Omit<Extract<ThreadRequest, { kind: "prepare" }>, "kind" | "chosenPorts">;

/** How long a thread that has been asked to close may write its access log. */
const closeTimeoutMs = 3_000;

/** Runs the data planes in threads of their own, and replaces a thread that dies. */
export class ProxyThreads implements DataPlanes {
  readonly #parts: ProxyThreadsParts;
  readonly #changes = new Mutex();
  #slots: readonly Slot[] = [];
  #config: Config | null = null;
  #tls: TlsMaterial = noTlsMaterial;
  #addresses: readonly BoundAddress[] = [];
  #transaction: Transaction | null = null;
  #generation = 0;
  #isClosing = false;

  /** Starts nothing yet; the threads come with the first configuration. */
  constructor(parts: ProxyThreadsParts) {
    this.#parts = parts;
  }

  get stripes(): number {
    return this.#parts.count;
  }

  get addresses(): readonly BoundAddress[] {
    return this.#addresses;
  }

  get threads(): readonly { name: string; restarts: number; isRunning: boolean }[] {
    return this.#slots.map(({ index, restarts, isServing }) => ({
      name: `proxy-${index}`,
      restarts,
      isRunning: isServing,
    }));
  }

  warmUp(): void {
    if (this.#slots.length === 0)
      this.#slots = Array.from({ length: this.#parts.count }, (_, index) => this.#openSlot(index));
  }

  async prepare(config: Config, tls: TlsMaterial): Promise<void> {
    const leave = await this.#changes.enter();
    let slots: readonly Slot[] = [];
    try {
      await this.#assertFree(config);
      this.warmUp();
      // A thread that is being replaced comes up with the configuration that holds then.
      slots = this.#slots.filter((slot) => slot.isServing || this.#config === null);
      if (slots.length === 0) throw new Error("no proxy thread is running");
      const posted = await this.#pack(config, tls);
      // If any free port will do, the first thread finds one, and the others join it.
      const pioneers = this.#hasPortsToFind(config) ? slots.slice(0, 1) : slots;
      const found = await this.#prepareAll(pioneers, posted, this.#addresses);
      const addresses = mergeAddresses(config, [...this.#addresses, ...found]);
      await this.#prepareAll(slots.slice(pioneers.length), posted, addresses);
      this.#transaction = { config, tls, slots, addresses, leave };
    } catch (error) {
      await Promise.allSettled(slots.map(({ handle }) => handle.ask({ kind: "abort" })));
      leave();
      throw error;
    }
  }

  /** @returns where the first of `slots` listens. @throws the first failure, when all have answered */
  async #prepareAll(
    slots: readonly Slot[],
    posted: PostedConfig,
    known: readonly BoundAddress[],
  ): Promise<readonly BoundAddress[]> {
    // All have answered before anything is undone: an abort must not overtake a preparation.
    const results = await Promise.allSettled(slots.map((slot) => this.#prepareOne(slot, posted, toPorts(known))));
    const failure = results.find((result) => result.status === "rejected");
    if (failure !== undefined) throw failure.reason;
    return results[0]?.status === "fulfilled" ? results[0].value : [];
  }

  #hasPortsToFind({ listeners }: Config): boolean {
    const known = new Set(this.#addresses.map(({ configured }) => configured));
    return listeners.some(
      ({ address }) => "port" in address && address.port === 0 && !known.has(formatListenAddress(address)),
    );
  }

  async abort(): Promise<void> {
    const { slots, leave } = this.#takeTransaction();
    await Promise.allSettled(slots.map(({ handle }) => handle.ask({ kind: "abort" })));
    leave();
  }

  async commit(): Promise<void> {
    const { config, tls, slots, addresses, leave } = this.#takeTransaction();
    this.#config = config;
    this.#tls = tls;
    this.#addresses = addresses;
    await Promise.all(slots.map((slot) => this.#askToServe(slot, { kind: "commit" })));
    leave();
  }

  async takeLists(lists: readonly EndpointList[], config: Config): Promise<void> {
    const leave = await this.#changes.enter();
    try {
      this.#config = config;
      const serving = this.#slots.filter(({ isServing }) => isServing);
      await Promise.all(serving.map((slot) => this.#askToServe(slot, { kind: "endpoints", lists })));
    } finally {
      leave();
    }
  }

  async takeCertificates(tls: TlsMaterial): Promise<void> {
    const leave = await this.#changes.enter();
    try {
      const change = tlsChange(this.#tls, tls);
      this.#tls = tls;
      if (change === null) return;
      const serving = this.#slots.filter(({ isServing }) => isServing);
      await Promise.all(serving.map((slot) => this.#askToServe(slot, { kind: "certificates", change })));
    } finally {
      leave();
    }
  }

  async drain(): Promise<void> {
    this.#isClosing = true;
    await Promise.allSettled(this.#slots.map(({ handle }) => handle.ask({ kind: "drain" })));
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.all(
      this.#slots.map(async ({ handle, revival }) => {
        if (revival !== null) clearTimeout(revival);
        await handle.ask({ kind: "close" }, closeTimeoutMs).catch(() => {});
        await handle.terminate();
      }),
    );
  }

  async inspect(): Promise<Inspection> {
    // In a thread that has ended, nothing is open.
    const answers = await Promise.allSettled(this.#slots.map(({ handle }) => handle.ask({ kind: "inspect" })));
    const all = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value as Inspection] : []));
    const sum = (key: keyof Inspection): number => all.reduce((total, one) => total + one[key], 0);
    return {
      connections: sum("connections"),
      exchanges: sum("exchanges"),
      upstreamConnections: sum("upstreamConnections"),
      idleUpstreamConnections: sum("idleUpstreamConnections"),
      deadlines: sum("deadlines"),
    };
  }

  async killThread(index: number): Promise<void> {
    const slot = this.#slots[index];
    if (slot === undefined) throw new RangeError(`there is no thread ${index}`);
    await slot.handle.terminate();
  }

  #takeTransaction(): Transaction {
    const transaction = this.#transaction;
    if (transaction === null) throw new Error("no configuration has been prepared");
    this.#transaction = null;
    return transaction;
  }

  #openSlot(index: number): Slot {
    const slot: Omit<Slot, "handle"> = {
      index,
      delay: new RestartDelay(),
      isServing: false,
      restarts: 0,
      revival: null,
    };
    return Object.assign(slot, { handle: this.#startThread(slot as Slot) });
  }

  #startThread(slot: Slot): ThreadHandle {
    const { count, pseudonym, idleGraceMs, logger } = this.#parts;
    // Names the thread among all that ever ran.
    const source = `proxy-${slot.index}-${++this.#generation}`;
    slot.delay.start();
    if (leaveDeletedFolder())
      logger.warn("the working folder has been deleted; relative paths now begin at the root of the file system");
    return new ThreadHandle({ stripeIndex: slot.index, stripes: count, pseudonym, idleGraceMs }, logger, {
      onMetricPage: (page) => this.#parts.onMetricPage(source, page),
      onAccessLog: (path, lines, lineCount, lostBefore) =>
        void this.#parts.onAccessLog(path, lines, lineCount, lostBefore),
      onWarning: (report) => this.#onWarning(slot, report),
      onCertificateWanted: this.#parts.onCertificateWanted,
      onEnd: (error) => this.#onEnd(slot, source, error),
    });
  }

  /**
   * The threads that did not see it may be the first to see that it is over: the next connections may all be theirs.
   */
  #onWarning(slot: Slot, report: WarningReport): void {
    this.#parts.onWarning(report);
    if (report.kind === "failure") for (const other of this.#slots) if (other !== slot) other.handle.tell(report);
  }

  #onEnd(slot: Slot, source: string, error: Error | null): void {
    slot.isServing = false;
    this.#parts.onDeath(slot.index, source);
    if (this.#isClosing) return;
    slot.restarts++;
    const delayMs = slot.delay.afterDeath();
    this.#parts.logger.error("a proxy thread died and is replaced", {
      thread: slot.index,
      delayMs,
      ...(error !== null && { error: error.stack ?? error.message }),
    });
    if (delayMs === 0) void this.#revive(slot);
    else slot.revival = setTimeout(() => void this.#revive(slot), delayMs).unref();
  }

  async #revive(slot: Slot): Promise<void> {
    const leave = await this.#changes.enter();
    try {
      if (this.#isClosing || this.#config === null) return;
      slot.handle = this.#startThread(slot);
      await this.#prepareOne(slot, await this.#pack(this.#config, this.#tls), toPorts(this.#addresses));
      // One that comes up while the others drain must not begin to accept.
      if (this.#isClosing) await slot.handle.terminate();
      else {
        await this.#askToServe(slot, { kind: "commit" });
        for (const trouble of this.#parts.troubles()) slot.handle.tell(trouble);
      }
    } catch (error) {
      if (this.#isClosing) return;
      this.#parts.logger.error("a new proxy thread could not start", { thread: slot.index, error: messageOf(error) });
      void slot.handle.terminate();
    } finally {
      leave();
    }
  }

  /** What all threads are posted of a configuration. */
  async #pack(config: Config, tls: TlsMaterial): Promise<PostedConfig> {
    return { config: await packConfig(config), memory: this.#parts.memory.snapshot(), tls };
  }

  async #prepareOne(slot: Slot, posted: PostedConfig, chosenPorts: ChosenPorts): Promise<readonly BoundAddress[]> {
    const answer = await slot.handle.ask({ kind: "prepare", ...posted, chosenPorts });
    return answer as readonly BoundAddress[];
  }

  /** What goes wrong here must not leave threads with different configurations: such a thread is replaced. */
  async #askToServe(slot: Slot, request: ThreadRequest): Promise<void> {
    try {
      await slot.handle.ask(request);
      slot.isServing = true;
    } catch (error) {
      if (!slot.handle.hasEnded)
        this.#parts.logger.error("a proxy thread could not take a configuration", {
          thread: slot.index,
          error: messageOf(error),
        });
      void slot.handle.terminate();
    }
  }

  /** @throws as `assertAddressFree` does */
  async #assertFree(config: Config): Promise<void> {
    const known = new Set(this.#addresses.map((address) => address.configured));
    for (const { address } of config.listeners)
      if (!known.has(formatListenAddress(address))) await assertAddressFree(address, this.#addresses);
  }
}

/** Where the listeners of `config` are, from what was known and what has been found out since. */
function mergeAddresses(config: Config, found: readonly BoundAddress[]): readonly BoundAddress[] {
  const byAddress = new Map(found.map((address) => [address.configured, address]));
  return config.listeners.flatMap(({ name, address }) => {
    const bound = byAddress.get(formatListenAddress(address));
    return bound === undefined ? [] : [{ ...bound, name }];
  });
}

function toPorts(addresses: readonly BoundAddress[]): ChosenPorts {
  return new Map(addresses.filter(({ port }) => port > 0).map(({ configured, port }) => [configured, port]));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
