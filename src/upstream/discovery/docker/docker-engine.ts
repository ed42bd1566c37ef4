/**
 * Follows the containers of one engine, for all upstreams that ask it: first it subscribes to events, then it asks for a
 * list, so that nothing falls between; after a failure it begins again, and regularly it asks for a list all the same.
 * That a container is told to end, or has ended, is told at once; everything else when it was asked about.
 */
import type { RandomSource } from "../../../base/random.ts";
import type { ScheduledCall, Scheduler } from "../../../base/scheduler.ts";
import { BackOff } from "../../../remote/back-off.ts";
import type { RemoteStream } from "../../../remote/http-client.ts";
import type { DockerContainer } from "./container.ts";
import { ContainerTable } from "./container-table.ts";
import type { DockerApi } from "./docker-api.ts";

/** How often a list is asked for without a reason; a tenth more or less. */
const resyncMs = 60_000;
const resyncSpread = 0.1;
/** How many containers are asked about at a time. */
const maxQuestions = 4;
/** When a container without an address is asked about again, and how often. */
const addressMs = 1_000;
const maxAddressTries = 30;

/** The containers that run at a moment. */
export interface EngineState {
  /** The newest first. */
  readonly containers: readonly DockerContainer[];
  /** Was it told to end? */
  isStopping(id: string): boolean;
  /** It is the first list: what it lacks was never seen to end. */
  readonly isFirst: boolean;
}

/** Who is told. */
export interface EngineFollower {
  onState(state: EngineState): void;
  onFailure(reason: string): void;
}

/** What an engine is followed with. */
export interface EngineParts {
  readonly api: DockerApi;
  readonly scheduler: Scheduler;
  readonly random: RandomSource;
}

/** Follows one engine from the first `follow` until `close`. */
export class DockerEngine {
  readonly #parts: EngineParts;
  readonly #followers = new Set<EngineFollower>();
  readonly #table = new ContainerTable();
  readonly #backOff: BackOff;
  #session: Session | null = null;
  #retry: ScheduledCall | null = null;
  #state: EngineState | null = null;
  #hasStarted = false;
  #isClosed = false;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.#backOff = new BackOff({ random: parts.random });
  }

  /** Never tells within the call. */
  follow(follower: EngineFollower): void {
    this.#followers.add(follower);
    if (!this.#hasStarted) {
      this.#hasStarted = true;
      this.#connect();
    }
    const state = this.#state;
    if (state !== null)
      process.nextTick(() => {
        if (this.#followers.has(follower)) follower.onState(state);
      });
  }

  /** @returns whether nobody follows any more */
  leave(follower: EngineFollower): boolean {
    this.#followers.delete(follower);
    return this.#followers.size === 0;
  }

  close(): void {
    this.#isClosed = true;
    this.#followers.clear();
    this.#retry?.cancel();
    this.#session?.close();
  }

  #connect(): void {
    this.#session = new Session(this.#parts, this.#table, {
      onState: () => this.#tell(),
      onProof: () => this.#backOff.reset(),
      onEnd: (error) => this.#lose(error),
    });
    void this.#session.open();
  }

  #lose(error: Error | null): void {
    if (this.#isClosed) return;
    this.#session?.close();
    if (error === null) return this.#connect();
    for (const follower of this.#followers) follower.onFailure(describe(error));
    this.#retry = this.#parts.scheduler.after(this.#backOff.next(), () => this.#connect());
  }

  #tell(): void {
    const { clock } = this.#parts.scheduler;
    const nowMs = clock.now();
    this.#state = {
      containers: this.#table.containers,
      isStopping: (id) => this.#table.isStopping(id, nowMs),
      isFirst: this.#state === null,
    };
    for (const follower of this.#followers) follower.onState(this.#state);
  }
}

interface SessionHost {
  onState(): void;
  /** The engine works as it should, for longer than a moment. */
  onProof(): void;
  /** @param error null = to be opened again at once */
  onEnd(error: Error | null): void;
}

/** One subscription to the events of an engine, and the questions beside it. */
class Session {
  readonly #parts: EngineParts;
  readonly #table: ContainerTable;
  readonly #host: SessionHost;
  #stream: RemoteStream | null = null;
  #resync: ScheduledCall | null = null;
  #addressCheck: ScheduledCall | null = null;
  #addressTries = 0;
  #mustList = true;
  #isListed = false;
  #isAsking = false;
  #isClosed = false;

  constructor(parts: EngineParts, table: ContainerTable, host: SessionHost) {
    this.#parts = parts;
    this.#table = table;
    this.#host = host;
  }

  async open(): Promise<void> {
    try {
      const since = await this.#parts.api.connect();
      if (this.#isClosed) return;
      this.#stream = this.#parts.api.follow(since, {
        onOpen: () => void this.#ask(),
        onEvents: (events) => this.#take(events),
        onEnd: (error) => this.#end(error),
      });
    } catch (error) {
      this.#fail(error);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#stream?.close();
    this.#resync?.cancel();
    this.#addressCheck?.cancel();
  }

  #take(events: readonly unknown[]): void {
    const nowMs = this.#parts.scheduler.clock.now();
    let isOther = false;
    for (const event of events) if (this.#table.takeEvent(event, nowMs)) isOther = true;
    this.#addressTries = 0;
    if (isOther && this.#isListed) this.#host.onState();
    if (this.#isListed) void this.#ask();
  }

  /** Asks until nothing is unclear; one question after another. */
  async #ask(): Promise<void> {
    if (this.#isAsking || this.#isClosed) return;
    this.#isAsking = true;
    try {
      while (!this.#isClosed && (this.#mustList || this.#table.isUnclear)) {
        this.#table.beginQuestion();
        const isList = this.#mustList;
        await (isList ? this.#list() : this.#inspect(this.#table.takeUnclear()));
        if (this.#isClosed) return;
        this.#table.settleSignals(this.#parts.scheduler.clock.now());
        // A list leaves questions open: what it lacks, and what has happened meanwhile.
        if (!isList || !this.#table.isUnclear) this.#told();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isAsking = false;
    }
  }

  #told(): void {
    this.#isListed = true;
    this.#host.onState();
    this.#addressCheck?.cancel();
    const waiting = this.#table.withoutAddress();
    if (waiting.length === 0 || ++this.#addressTries > maxAddressTries) return;
    this.#addressCheck = this.#parts.scheduler.after(addressMs, () => {
      this.#table.doubt(waiting);
      void this.#ask();
    });
  }

  async #list(): Promise<void> {
    this.#mustList = false;
    const { api, scheduler, random } = this.#parts;
    const list = await api.list();
    if (this.#isClosed) return;
    this.#table.takeList(list);
    if (this.#isListed) this.#host.onProof();
    this.#resync?.cancel();
    this.#resync = scheduler.after(resyncMs * (1 - resyncSpread + 2 * resyncSpread * random()), () => {
      this.#mustList = true;
      void this.#ask();
    });
  }

  async #inspect(ids: readonly string[]): Promise<void> {
    const waiting = [...ids];
    const next = async (): Promise<void> => {
      for (let id = waiting.pop(); id !== undefined && !this.#isClosed; id = waiting.pop()) {
        const container = await this.#parts.api.inspect(id);
        if (!this.#isClosed) this.#table.takeAnswer(id, container);
      }
    };
    await Promise.all(Array.from({ length: maxQuestions }, next));
  }

  #fail(error: unknown): void {
    // Whatever it was: it ends this session, and not the process.
    this.#end(error instanceof Error ? error : new Error(String(error)));
  }

  #end(error: Error | null): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#host.onEnd(error);
  }
}

function describe({ message }: Error): string {
  return message.includes("EACCES")
    ? `${message}; Millrace must be allowed to use the socket, as a member of its group for example`
    : message;
}
