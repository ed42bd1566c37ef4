/**
 * Follows the EndpointSlices of one namespace that a selector picks: lists them, then watches from the version of the
 * list, and lists again if the server says that it cannot go on from there (410, as a status or as an event in the
 * stream). Every watch ends by itself within two minutes, by the server's hand or by ours: one that has silently died is
 * found. Pauses are random, and grow with failures in a row.
 */
import type { RandomSource } from "../../../base/random.ts";
import type { ScheduledCall, Scheduler } from "../../../base/scheduler.ts";
import { BackOff } from "../../../remote/back-off.ts";
import type { RemoteError, RemoteStream } from "../../../remote/http-client.ts";
import { JsonValues } from "../../../remote/json-values.ts";
import { ApiError, type ApiQuestion, type ApiServer, toApiError } from "./api-server.ts";
import { type EndpointSlice, isLater, membersOf, nameOf, versionOf } from "./endpoint-slice.ts";
import { listSlices, noteSlice, type Unreadable } from "./list-slices.ts";

/** How long a watch is asked for: a random time between these. */
const leastWatchSeconds = 45;
const mostWatchSeconds = 90;
/** How much later than it was asked to the server may end a watch in which nothing has come. */
const graceMs = 10_000;
/** The API server answers to a watch at once, though it may have nothing to say; or after 3 s, that it is behind. */
const maxHeadMs = 10_000;
/** A watch that went on for this long was none that fails at once. */
const soundWatchMs = 5_000;
/** After a watch that ended as it should. */
const leastPauseMs = 20;
const mostPauseMs = 200;
/** After so many watches in a row that failed, the whole is listed. */
const maxFailedWatches = 4;
/** So old a list is made anew at the end of a watch, whatever the watches said. */
const maxListAgeMs = 1_800_000;
const maxEventBytes = 4 * 1024 * 1024;

/** What is known of the slices. */
export interface SliceState {
  readonly slices: ReadonlyMap<string, EndpointSlice>;
  /** Why slices could not be read. */
  readonly unreadable: readonly Unreadable[];
  readonly version: string;
  /** The server said a lower version than it had said before: its data was restored, or it is not the same server. */
  readonly isSetBack: boolean;
}

/** Who is told. */
export interface SliceObserver {
  onSlices(state: SliceState): void;
  onAlive(): void;
  onFailure(reason: string): void;
}

/** What is followed, and by what. */
export interface SliceWatchParts {
  readonly server: ApiServer;
  readonly namespace: string;
  readonly labelSelector: string;
  readonly scheduler: Scheduler;
  readonly random: RandomSource;
}

/** Follows one selection of slices from `start` to `close`. */
export class SliceWatch {
  readonly #parts: SliceWatchParts;
  readonly #backOff: BackOff;
  #observer: SliceObserver | null = null;
  #slices = new Map<string, EndpointSlice>();
  #unreadable = new Map<string, Unreadable>();
  #version = "";
  #isSetBack = false;
  #listedMs = 0;
  #failedWatches = 0;
  #pause: ScheduledCall | null = null;
  #stream: RemoteStream | null = null;
  /** When the head of the answer to a watch is due. */
  #head: ScheduledCall | null = null;

  constructor(parts: SliceWatchParts) {
    this.#parts = parts;
    this.#backOff = new BackOff({ longestMs: 10_000, random: parts.random });
  }

  start(observer: SliceObserver): void {
    this.#observer = observer;
    void this.#list();
  }

  close(): void {
    this.#observer = null;
    this.#pause?.cancel();
    this.#head?.cancel();
    this.#stream?.close();
    this.#stream = null;
  }

  async #list(): Promise<void> {
    const { server, namespace, labelSelector, scheduler } = this.#parts;
    try {
      const list = await listSlices(server, { namespace, parameters: { labelSelector } }, this.#slices);
      if (this.#observer === null) return;
      this.#isSetBack = isLater(this.#version, list.version);
      this.#slices = list.slices;
      this.#unreadable = list.unreadable;
      this.#version = list.version;
      this.#listedMs = scheduler.clock.now();
      this.#tell();
      void this.#watch();
    } catch (error) {
      this.#fail(toApiError(error), "list");
    }
  }

  async #watch(): Promise<void> {
    const { server, namespace, labelSelector, random, scheduler } = this.#parts;
    const seconds = Math.round(leastWatchSeconds + random() * (mostWatchSeconds - leastWatchSeconds));
    const question: ApiQuestion = {
      verb: "watch",
      namespace,
      parameters: {
        labelSelector,
        watch: "1",
        allowWatchBookmarks: "true",
        resourceVersion: this.#version,
        timeoutSeconds: String(seconds),
      },
    };
    const events = new JsonValues(maxEventBytes);
    const beganMs = scheduler.clock.now();
    let status = 0;
    let retryAfter: string | undefined;
    let isOver = false;
    try {
      const stream = await server.stream(question, seconds * 1_000 + graceMs, {
        onHead: (givenStatus, headers) => {
          this.#head?.cancel();
          status = givenStatus;
          retryAfter = headers["retry-after"];
          if (status === 200) this.#observer?.onAlive();
        },
        onData: (chunk) => {
          if (status === 200) this.#take(chunk, events);
        },
        onEnd: (error) => {
          isOver = true;
          this.#head?.cancel();
          this.#stream = null;
          if (status !== 0 && status !== 200) this.#fail(server.refuse(question, status, retryAfter), "watch");
          else this.#endWatch(error, beganMs);
        },
      });
      if (this.#observer === null) stream.close();
      else if (!isOver) {
        this.#stream = stream;
        const late = new ApiError("the API server does not answer to a watch");
        this.#head = scheduler.after(maxHeadMs, () => this.#giveUp(late, "watch"));
      }
    } catch (error) {
      this.#fail(toApiError(error), "watch");
    }
  }

  #giveUp(error: ApiError, what: "watch" | "nonsense"): void {
    this.#stream?.close();
    this.#stream = null;
    this.#fail(error, what);
  }

  /** Takes what a watch says. A chunk may hold many events; they are told as one change. */
  #take(chunk: Buffer, events: JsonValues): void {
    let isNew = false;
    try {
      try {
        for (const event of events.push(chunk)) isNew = this.#takeEvent(membersOf(event)) || isNew;
      } finally {
        if (isNew) this.#tell();
      }
      if (!isNew) this.#observer?.onAlive();
    } catch (error) {
      this.#giveUp(toApiError(error), "nonsense");
    }
  }

  /** @throws ApiError if the watch is over */
  #takeEvent({ type, object }: Readonly<Record<string, unknown>>): boolean {
    if (type === "ERROR") {
      const { code, details } = membersOf(object);
      const { retryAfterSeconds } = membersOf(details);
      throw this.#parts.server.refuse(
        { verb: "watch", namespace: this.#parts.namespace, parameters: {} },
        typeof code === "number" ? code : 500,
        typeof retryAfterSeconds === "number" ? String(retryAfterSeconds) : undefined,
      );
    }
    const version = versionOf(object);
    const isKnownKind = membersOf(object)["kind"] === "EndpointSlice";
    if (version === null || !isKnownKind) throw new ApiError("an event of the watch is not of an EndpointSlice");
    this.#backOff.reset();
    this.#failedWatches = 0;
    this.#isSetBack = false;
    if (!isLater(this.#version, version)) this.#version = version;
    if (type === "ADDED" || type === "MODIFIED")
      return noteSlice(object, { slices: this.#slices, unreadable: this.#unreadable, known: this.#slices });
    if (type !== "DELETED") return false;
    const name = nameOf(object) ?? "";
    this.#unreadable.delete(name);
    const known = this.#slices.get(name);
    return known !== undefined && !isLater(known.version, version) && this.#slices.delete(name);
  }

  #endWatch(error: RemoteError | null, beganMs: number): void {
    const { scheduler, random } = this.#parts;
    const nowMs = scheduler.clock.now();
    const isSound = nowMs - beganMs >= soundWatchMs;
    if (isSound) {
      this.#backOff.reset();
      this.#failedWatches = 0;
    }
    if (error !== null) return this.#fail(toApiError(error), "watch");
    if (!isSound) return this.#fail(new ApiError("the watch ends at once", { isOrdinary: true }), "watch");
    const pauseMs = leastPauseMs + random() * (mostPauseMs - leastPauseMs);
    this.#after(pauseMs, nowMs - this.#listedMs > maxListAgeMs ? "list" : "watch");
  }

  #fail(error: ApiError, what: "list" | "watch" | "nonsense"): void {
    if (this.#observer === null) return;
    // An old version, or a server that shuts down, is no failure unless it happens again and again.
    if (!error.isOrdinary || this.#backOff.failures > 0) this.#observer.onFailure(error.message);
    if (what === "watch") this.#failedWatches++;
    const isListed = what === "watch" && !error.asksForList && this.#failedWatches < maxFailedWatches;
    const pauseMs = this.#backOff.next() + error.retryAfterMs;
    this.#after(pauseMs, isListed ? "watch" : "list");
  }

  #after(pauseMs: number, what: "list" | "watch"): void {
    if (this.#observer === null) return;
    this.#pause = this.#parts.scheduler.after(pauseMs, () => {
      this.#pause = null;
      void (what === "list" ? this.#list() : this.#watch());
    });
  }

  #tell(): void {
    this.#observer?.onSlices({
      slices: this.#slices,
      unreadable: [...this.#unreadable.values()],
      version: this.#version,
      isSetBack: this.#isSetBack,
    });
  }
}
