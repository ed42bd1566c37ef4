/**
 * Keeps one key of etcd alive. One thing is done at a time (`#work`): the key is written as it should be now, or the
 * lease is kept alive, every third of its life. Nothing here throws out of a timer.
 */
import { systemScheduler } from "../base/scheduler.ts";
import { BackOff } from "../remote/back-off.ts";
import type { EtcdClient } from "../remote/etcd/etcd.ts";
import type { EtcdClusterOptions } from "../remote/etcd/etcd-cluster-options.ts";
import { Pauses } from "../remote/pauses.ts";
import type { Registration } from "./registration.ts";

/** What is kept alive, and where. */
export interface RegisteredParts {
  readonly cluster: EtcdClusterOptions;
  readonly prefix: string;
  readonly record: Readonly<Record<string, unknown>>;
  readonly ttlMs: number;
  readonly onProblem: (message: string) => void;
  toMs(duration: string): number;
}

/** So long is tried to tell a cluster that we go. */
const goodbyeMs = 5_000;

/** A key, and its lease. */
export class Registered implements Registration {
  readonly registered: Promise<void>;
  readonly #parts: RegisteredParts;
  readonly #pauses = new Pauses(systemScheduler);
  readonly #backOff: BackOff;
  readonly #onRegistered: () => void;
  #client: EtcdClient | null = null;
  #key = "";
  #identity = "";
  /** null: there is none, or it was lost. */
  #lease: string | null = null;
  #isDraining = false;
  /** The key says what it should. */
  #isWritten = false;
  #isProblemTold = false;
  #isGone = false;
  /** Ends the pause that is under way. */
  #wake: () => void = () => {};
  /** Resolves when the next writing has been done, or has failed. */
  #written = Promise.withResolvers<void>();
  #leaving: Promise<void> | null = null;

  constructor(parts: RegisteredParts) {
    this.#parts = parts;
    this.#backOff = new BackOff({ firstMs: 500, longestMs: parts.ttlMs });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.registered = promise;
    this.#onRegistered = resolve;
    void this.#run();
  }

  get isRegistered(): boolean {
    return this.#lease !== null && this.#isWritten;
  }

  async drain(): Promise<void> {
    if (this.#isDraining || this.#isGone) return;
    this.#isDraining = true;
    this.#isWritten = false;
    this.#written = Promise.withResolvers();
    this.#wake();
    await this.#written.promise;
  }

  unregister({ grace = "5s" }: { readonly grace?: string } = {}): Promise<void> {
    this.#leaving ??= this.#leave(this.#parts.toMs(grace));
    return this.#leaving;
  }

  async #leave(graceMs: number): Promise<void> {
    // Sockets and timers of a client do not keep the process alive.
    const alive = setInterval(() => {}, 1_000);
    const wasRegistered = this.isRegistered;
    const limit = Promise.withResolvers<void>();
    const timer = setTimeout(limit.resolve, goodbyeMs);
    if (wasRegistered) await Promise.race([this.drain(), limit.promise]);
    clearTimeout(timer);
    if (wasRegistered && graceMs > 0) await new Promise((resolve) => setTimeout(resolve, graceMs));
    this.#isGone = true;
    this.#pauses.close();
    await this.#forget();
    this.#client?.close();
    this.#onRegistered();
    clearInterval(alive);
  }

  /** Its key goes with the lease. */
  async #forget(): Promise<void> {
    const lease = this.#lease;
    this.#lease = null;
    const limit = Promise.withResolvers<void>();
    const timer = setTimeout(limit.resolve, goodbyeMs);
    try {
      if (lease !== null) await Promise.race([this.#client?.revoke(lease), limit.promise]);
    } catch (error) {
      this.#tell(error);
    }
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    while (!this.#isGone) {
      let pauseMs = this.#parts.ttlMs / 3;
      try {
        await this.#work(await this.#open());
        this.#backOff.reset();
        this.#isProblemTold = false;
        this.#onRegistered();
      } catch (error) {
        this.#tell(error);
        pauseMs = Math.min(pauseMs, this.#backOff.next());
      }
      const isToBeWritten = this.#lease === null || !this.#isWritten;
      if (isToBeWritten && this.#backOff.failures === 0) continue;
      if (!(await this.#pause(pauseMs))) return;
    }
  }

  async #open(): Promise<EtcdClient> {
    if (this.#client !== null) return this.#client;
    const { cluster, prefix } = this.#parts;
    const { createEtcdClient, etcdLoginOf } = await import("../remote/etcd/etcd-client.ts");
    const { remoteTlsOf } = await import("../remote/remote-tls-files.ts");
    this.#identity = process.getBuiltinModule("node:crypto").randomUUID();
    this.#key = `${prefix}${this.#identity}`;
    this.#client = createEtcdClient({
      urls: cluster.urls,
      login: etcdLoginOf(cluster),
      tls: remoteTlsOf(cluster.tls),
    });
    return this.#client;
  }

  /** Has the key there, and alive. @throws RemoteError */
  async #work(client: EtcdClient): Promise<void> {
    if (this.#lease !== null && (await client.keepAlive(this.#lease)) <= 0) this.#lease = null;
    // Somebody may have removed it, or the cluster may be one that was restored.
    // Or a member that was frozen has done what it was asked long ago.
    if (this.#lease !== null && this.#isWritten) {
      const [entry] = (await client.range(this.#key, { isKey: true })).entries;
      if (entry?.lease === this.#lease && entry.value === this.#valueText) return;
    }
    this.#lease ??= await client.grant(this.#parts.ttlMs / 1_000);
    const isDraining = this.#isDraining;
    const text = this.#valueText;
    if (this.#isGone) return;
    // A lease that has gone meanwhile is found out by the next sign of life.
    await client.put(this.#key, text, { lease: this.#lease });
    this.#isWritten = isDraining === this.#isDraining;
    if (this.#isWritten) this.#written.resolve();
  }

  /** What the key should say now. */
  get #valueText(): string {
    const { record } = this.#parts;
    return JSON.stringify({ ...record, identity: this.#identity, ...(this.#isDraining && { weight: 0 }) });
  }

  /** @returns false if it is to end */
  async #pause(ms: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#wake = () => resolve(true);
    // By chance a little less: services that were started together do not ask together.
    void this.#pauses.wait(ms * (0.8 + 0.2 * Math.random())).then(resolve);
    return await promise;
  }

  #tell(error: unknown): void {
    if (this.#isProblemTold || this.#isGone) return;
    this.#isProblemTold = true;
    const { onProblem, record } = this.#parts;
    try {
      onProblem(
        `${String(record["url"])} is not registered: ${error instanceof Error ? error.message : String(error)}`,
      );
    } catch {
      // It is the program's own; registering goes on.
    }
  }
}
