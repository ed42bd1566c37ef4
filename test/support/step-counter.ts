/**
 * Counts the steps of the project's code, honestly and without a clock: how often each block of it ran (the engine's
 * precise coverage), and what the calls into the engine cost that hide a loop of their own: searching, cutting,
 * splitting, joining, copying, and regular expressions (`regex-steps.ts`). Start it before the code under test is
 * loaded: what is compiled already has no counters.
 */
import { Session, type Profiler } from "node:inspector";
import { traceRegex } from "./regex-steps.ts";

type Method = (this: unknown, ...given: unknown[]) => unknown;

/** What a call costs: its receiver, what it was given, and what came out. */
type CostOf = (self: never, given: readonly never[], result: never) => number;

const found = (length: number, from: unknown, result: unknown): number =>
  (result === -1 || result === false
    ? Math.max(0, length - Number(from ?? 0))
    : typeof result === "number"
      ? Math.abs(result - Number(from ?? 0))
      : length) + 1;
const sizeOf = (value: { length: number } | undefined): number => (value?.length ?? 0) + 1;
const byResult: CostOf = (_self, _given, result: { length: number }) => sizeOf(result);
/** The engine cuts without copying: a longer piece shares the memory of what it was cut from. */
const byCut: CostOf = (_self, _given, result: { length: number }) => Math.min(result.length, 16) + 1;
const bySelf: CostOf = (self: { length: number }) => sizeOf(self);
const bySearch: CostOf = (self: { length: number }, [, from]: readonly unknown[], result: unknown) =>
  found(self.length, from, result);
const byLastSearch: CostOf = (self: { length: number }, [, from]: readonly unknown[], result: number) =>
  Math.abs(Math.min(Number(from ?? self.length), self.length) - Math.max(result, 0)) + 1;

const counted: readonly [owner: object, costs: Readonly<Record<string, CostOf>>][] = [
  [
    String.prototype,
    {
      indexOf: bySearch,
      includes: bySearch,
      lastIndexOf: byLastSearch,
      slice: byCut,
      substring: byCut,
      trim: bySelf,
      trimEnd: bySelf,
      trimStart: bySelf,
      toLowerCase: bySelf,
      toUpperCase: bySelf,
      padStart: byResult,
      repeat: byResult,
      startsWith: (_self, [needle]: readonly { length: number }[]) => sizeOf(needle),
      endsWith: (_self, [needle]: readonly { length: number }[]) => sizeOf(needle),
      split: bySelf,
      replace: (_self, [pattern]: readonly unknown[], result: { length: number }) =>
        typeof pattern === "string" ? sizeOf(result) : 1,
      replaceAll: bySelf,
      toWellFormed: bySelf,
      normalize: bySelf,
    },
  ],
  [
    Array.prototype,
    {
      indexOf: bySearch,
      includes: bySearch,
      join: bySelf,
      slice: byResult,
      splice: bySelf,
      concat: byResult,
      shift: () => 1,
      unshift: bySelf,
      reverse: bySelf,
    },
  ],
  [
    Uint8Array.prototype,
    { slice: byResult, set: (_self, [source]: readonly { length: number }[]) => sizeOf(source), fill: bySelf },
  ],
  [
    Buffer.prototype,
    {
      indexOf: bySearch,
      includes: bySearch,
      lastIndexOf: byLastSearch,
      latin1Slice: byResult,
      copy: (_self, _given, result: number) => result + 1,
      toString: byResult,
    },
  ],
  [Buffer, { concat: byResult, from: byResult }],
];

/** Of this thread; made once. */
export class StepCounter {
  readonly #session = new Session();
  readonly #folder: string;
  #nativeSteps = 0;
  #isCounting = false;

  /** @param folder the URL below which the code lies that is counted */
  constructor(folder: string) {
    this.#folder = folder;
    this.#session.connect();
    this.#session.post("Profiler.enable");
    this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
    for (const [owner, costs] of counted)
      for (const [name, costOf] of Object.entries(costs)) this.#wrap(owner as Record<string, Method>, name, costOf);
    this.#wrapRegex();
  }

  /**
   * Forgets what ran outside `count`. To be called before the first count, and whenever the counted code ran in
   * between: it costs as much as a count.
   */
  forget(): void {
    this.#takeBlocks();
  }

  /** The steps of `run`, and of what ran since the last count without being forgotten. */
  count(run: () => void): number {
    this.#nativeSteps = 0;
    this.#isCounting = true;
    try {
      run();
    } finally {
      this.#isCounting = false;
    }
    return this.#nativeSteps + this.#takeBlocks();
  }

  /** How often the blocks of the counted code ran since the last time. */
  #takeBlocks(): number {
    let steps = 0;
    this.#session.post(
      "Profiler.takePreciseCoverage",
      (error: Error | null, { result }: Profiler.TakePreciseCoverageReturnType) => {
        if (error !== null) throw error;
        for (const { url, functions } of result)
          if (url.startsWith(this.#folder))
            for (const { ranges } of functions) for (const { count } of ranges) steps += count;
      },
    );
    return steps;
  }

  #wrap(owner: Record<string, Method>, name: string, costOf: CostOf): void {
    const counter = this;
    const original = owner[name]!;
    owner[name] = function (this: unknown, ...given: unknown[]): unknown {
      if (!counter.#isCounting) return original.apply(this, given);
      const result = original.apply(this, given);
      counter.#isCounting = false;
      counter.#nativeSteps += costOf(this as never, given as never[], result as never);
      counter.#isCounting = true;
      return result;
    };
  }

  /** `exec` is what `test`, `match`, `replace` and `split` go by, once it is not the engine's own. */
  #wrapRegex(): void {
    const counter = this;
    const original = RegExp.prototype.exec;
    RegExp.prototype.exec = function (this: RegExp, text: string): RegExpExecArray | null {
      if (!counter.#isCounting) return original.call(this, text);
      counter.#isCounting = false;
      const from = this.global || this.sticky ? this.lastIndex : 0;
      const result = original.call(this, text);
      const trace = traceRegex(this, text, from);
      if ((result?.index ?? -1) !== trace.start && trace.steps < 30_000_000)
        throw new Error(`${String(this)} was traced wrongly`);
      counter.#nativeSteps += trace.steps;
      counter.#isCounting = true;
      return result;
    };
  }
}
