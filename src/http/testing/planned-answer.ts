/**
 * Filters that do whatever filters can do, as planned; givers of answers, and a client, to match. What is to come later
 * comes in the order that a test chooses.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { AnswerFilter, AnswerHead, NextResponder } from "../answer.ts";
import { type BodySink, type BodySource, emptySource, nowhere } from "../body.ts";
import type { ClientSide, Exchange } from "../exchange.ts";
import { Fields } from "../fields.ts";
import type { ReasonCode } from "../reason.ts";

/** The head of an answer whose length is not known. */
export const head: AnswerHead = {
  status: 200,
  reasonPhrase: "OK",
  fields: Fields.none,
  body: "unknown",
  declaredLength: null,
  tunnel: null,
  from: "endpoint",
};
/** What is thrown. */
export const bug = new Error("a bug");

/** What is to happen later, in the order that a test chooses. What one of them throws fails the test. */
export class Tasks {
  readonly givers: Giver[] = [];
  readonly #tasks: (() => void)[] = [];

  later(task: () => void): void {
    this.#tasks.push(task);
  }

  runAll(order: readonly number[]): void {
    for (let turn = 0; this.#tasks.length > 0; turn++) {
      assert.ok(turn < 10_000, "it never ends");
      const at = (order[turn % order.length] ?? 0) % this.#tasks.length;
      this.#tasks.splice(at, 1)[0]!();
    }
  }
}

type BodyAct = "throw" | "stop" | "truncate" | "abort";

/** What a filter does, with every answer that it is given. */
export interface FilterPlan {
  readonly start: "aside" | "wrap" | "replace" | "stop" | "throw";
  readonly isStartLate: boolean;
  /** What it does in place of handing on the call of this number of its sink, or after it; null = it hands all on. */
  readonly act: BodyAct | null;
  readonly actAt: number;
  readonly isActLate: boolean;
  /** It tells its giver to wait now and then. */
  readonly isSlow: boolean;
  readonly swallows: "nothing" | "abort" | "stop";
  readonly throwsIn: "nothing" | "abort" | "stop" | "resume" | "interim";
}

/** Carries one answer as its plan says. */
class Carrier implements BodySink, BodySource {
  readonly #plan: FilterPlan;
  readonly #tasks: Tasks;
  readonly #source: BodySource;
  readonly #next: NextResponder;
  #out: BodySink | null = null;
  #held: Buffer[] = [];
  #calls = 0;
  #hasEnded = false;
  #isSilent = false;

  constructor(plan: FilterPlan, tasks: Tasks, source: BodySource, next: NextResponder) {
    this.#plan = plan;
    this.#tasks = tasks;
    this.#source = source;
    this.#next = next;
  }

  /** @returns the filter's sink */
  begin(taken: AnswerHead): BodySink {
    const { start, isStartLate } = this.#plan;
    if (isStartLate) {
      this.#tasks.later(() => this.#start(taken));
      return this;
    }
    const sink = this.#start(taken);
    return start === "aside" ? sink : this;
  }

  #start(taken: AnswerHead): BodySink {
    switch (this.#plan.start) {
      case "throw":
        // A filter has to catch what its own timers throw; here it does so by giving up.
        if (this.#plan.isStartLate) this.#giveUp();
        else throw bug;
        return nowhere;
      case "stop":
        this.#giveUp();
        return nowhere;
      case "replace": {
        const own = new Giver(this.#tasks, { chunks: 2, ending: "end", text: "own" });
        own.sink = this.#next.replace({ ...taken, status: 203, body: "unknown" }, own);
        this.#isSilent = true;
        own.goOn();
        return own.sink;
      }
      default:
        this.#next.interim({ ...taken, status: 103 });
        this.#out = this.#next.start(taken, this);
        for (const chunk of this.#held) this.#out.data(chunk);
        if (this.#hasEnded) this.#out.end(null);
        return this.#out;
    }
  }

  #giveUp(): void {
    this.#isSilent = true;
    this.#source.stop("QUEUE_TIMEOUT");
  }

  /** @returns true if the call is to be handed on */
  #isCarried(): boolean {
    if (this.#isSilent) return false;
    const { act, actAt, isActLate } = this.#plan;
    if (act === null || this.#calls++ !== actAt) return true;
    if (!isActLate) this.#act(act);
    else if (act !== "throw") this.#tasks.later(() => !this.#isSilent && this.#act(act));
    return isActLate;
  }

  #act(act: BodyAct): void {
    this.#isSilent = true;
    if (act === "throw") throw bug;
    if (act === "truncate") this.#out?.end(null);
    if (act === "abort") this.#out?.abort("UPSTREAM_TRUNCATED");
    if (act !== "abort" || this.#out === null) this.#source.stop("UPSTREAM_IDLE_TIMEOUT");
  }

  data(chunk: Buffer): void {
    if (!this.#isCarried()) return;
    if (this.#out === null) this.#held.push(chunk);
    else this.#out.data(chunk);
  }

  flush(): boolean {
    if (!this.#isCarried()) return true;
    const isReady = this.#out === null || this.#out.flush();
    if (!isReady || !this.#plan.isSlow) return isReady;
    this.#tasks.later(() => this.#source.resume());
    return false;
  }

  end(): boolean {
    if (!this.#isCarried()) return true;
    this.#hasEnded = true;
    return this.#out === null || this.#out.end(null);
  }

  abort(code: ReasonCode): void {
    if (this.#plan.throwsIn === "abort") throw bug;
    if (this.#plan.swallows === "abort") return;
    this.#isSilent = true;
    this.#out?.abort(code);
  }

  resume(): void {
    if (this.#plan.throwsIn === "resume") throw bug;
    if (!this.#isSilent) this.#source.resume();
  }

  stop(code: ReasonCode): void {
    this.#isSilent = true;
    if (this.#plan.throwsIn === "stop") throw bug;
    if (this.#plan.swallows !== "stop") this.#source.stop(code);
  }
}

/** The filter of `plan`. */
export function toFilter(plan: FilterPlan, tasks: Tasks): AnswerFilter {
  return {
    start: (taken, source, next) => new Carrier(plan, tasks, source, next).begin(taken),
    interim(taken, next) {
      if (plan.throwsIn === "interim") throw bug;
      return next.interim(taken);
    },
  };
}

/** What a giver gives. */
export interface GiverPlan {
  readonly chunks: number;
  readonly ending: "end" | "abort" | "fail" | "crash";
  readonly text: string;
}

/** Gives an answer, chunk by chunk. */
export class Giver implements BodySource {
  sink: BodySink = nowhere;
  exchange: Exchange | null = null;
  isOver = false;
  readonly #tasks: Tasks;
  readonly #plan: GiverPlan;
  #given = 0;
  #isWaiting = false;

  constructor(tasks: Tasks, plan: GiverPlan) {
    this.#tasks = tasks;
    this.#plan = plan;
    tasks.givers.push(this);
  }

  start(exchange: Exchange): void {
    this.exchange = exchange;
    exchange.answerer = { cancel: () => void (this.isOver = true) };
    this.sink = exchange.start(head, this);
    this.goOn();
  }

  goOn(): void {
    this.#tasks.later(() => {
      if (!this.isOver && !this.#isWaiting) this.#step();
    });
  }

  #step(): void {
    const { chunks, ending, text } = this.#plan;
    if (this.#given++ < chunks) {
      this.sink.data(Buffer.from(text));
      this.#isWaiting = !this.sink.flush() && !this.isOver;
      if (!this.#isWaiting) this.goOn();
      return;
    }
    this.isOver = true;
    if (ending === "end") this.sink.end(null);
    else if (ending === "abort") this.sink.abort("UPSTREAM_TRUNCATED");
    else if (ending === "fail") this.exchange!.fail("UPSTREAM_TRUNCATED");
    else this.exchange!.crash(bug);
  }

  resume(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.goOn();
  }

  stop(): void {
    this.isOver = true;
  }
}

/** What a client does. */
export interface ClientPlan {
  /** It takes no more, now and then. */
  readonly isSlow: boolean;
  readonly throwsIn: "nothing" | "start" | "interim";
  readonly leaves: "never" | "soon" | "with the head" | "in the body";
}

/** The client's side of a connection: strict about what it is given. Its sink does not throw, as it promises. */
export class Client implements ClientSide, BodySink {
  readonly told: string[] = [];
  content = "";
  exchange: Exchange | null = null;
  readonly #tasks: Tasks;
  readonly #plan: ClientPlan;
  #source: BodySource | null = null;
  #hasEnded = false;

  constructor(tasks: Tasks, plan: ClientPlan) {
    this.#tasks = tasks;
    this.#plan = plan;
  }

  interim(): boolean {
    assert.ok(!this.#hasEnded && !this.exchange!.isHeadSent);
    if (this.#plan.throwsIn === "interim") throw bug;
    return true;
  }

  start({ status }: AnswerHead, source: BodySource): BodySink {
    if (this.#hasEnded) return nowhere;
    assert.equal(this.exchange!.isHeadSent, false);
    if (this.#plan.throwsIn === "start") throw bug;
    this.exchange!.isHeadSent = true;
    this.exchange!.answerer = null;
    this.#source = source;
    this.told.push(`head ${status}`);
    if (this.#plan.leaves === "with the head") this.leave();
    return this;
  }

  data(chunk: Buffer): void {
    if (this.#hasEnded) return;
    this.content += chunk.toString();
    if (this.#plan.leaves === "in the body") this.leave();
  }

  flush(): boolean {
    if (this.#hasEnded || !this.#plan.isSlow) return true;
    this.#tasks.later(() => this.#source?.resume());
    return false;
  }

  end(): boolean {
    if (this.#hasEnded) return true;
    this.#source = null;
    this.#close("end");
    return true;
  }

  abort(): void {
    if (!this.#hasEnded) this.#close("broken");
  }

  leave(): void {
    if (!this.#hasEnded) this.#close("left");
  }

  #close(how: string): void {
    this.#hasEnded = true;
    this.told.push(how);
    const source = this.#source;
    this.#source = null;
    if (source !== null) source.stop("CLIENT_GONE");
    else if (how !== "end") this.exchange!.cancel("CLIENT_GONE");
    this.exchange!.isEnded = true;
  }

  openTunnel(): BodySource {
    return emptySource;
  }

  onInternalError(error: unknown): void {
    assert.equal(error, bug);
  }
}

/** Any filter. */
export const filterPlan: fc.Arbitrary<FilterPlan> = fc.record({
  start: fc.constantFrom("aside", "wrap", "wrap", "wrap", "replace", "stop", "throw"),
  isStartLate: fc.boolean(),
  act: fc.constantFrom(null, null, "throw", "stop", "truncate", "abort"),
  actAt: fc.nat(6),
  isActLate: fc.boolean(),
  isSlow: fc.boolean(),
  swallows: fc.constantFrom("nothing", "nothing", "abort", "stop"),
  throwsIn: fc.constantFrom("nothing", "nothing", "nothing", "abort", "stop", "resume", "interim"),
});
/** Any giver. */
export const giverPlan: fc.Arbitrary<GiverPlan> = fc.record({
  chunks: fc.nat(4),
  ending: fc.constantFrom("end", "end", "abort", "fail", "crash"),
  text: fc.constant("given"),
});
/** Any client. */
export const clientPlan: fc.Arbitrary<ClientPlan> = fc.record({
  isSlow: fc.boolean(),
  throwsIn: fc.constantFrom("nothing", "nothing", "nothing", "nothing", "start", "interim"),
  leaves: fc.constantFrom("never", "never", "never", "soon", "with the head", "in the body"),
});
