/** Messages of all kinds, for property tests of what a cache does. */
import fc from "fast-check";
import type { AnswerModel, DirectiveModel, RequestModel } from "./message-models.ts";

/** The times that are tried, in seconds: those of directives, and those of fields relative to now. */
export interface TriedTimes {
  readonly lifetimes: readonly number[];
  /** What clients demand. */
  readonly demands: readonly number[];
  readonly ages: readonly number[];
  readonly dates: readonly number[];
  readonly expiries: readonly number[];
  /** Of answers, beside `max-age` and `s-maxage`. */
  readonly staleDirectives: readonly string[];
}

const spelling = fc.nat(11);

function timed(seconds: readonly number[], ...names: readonly string[]): fc.Arbitrary<DirectiveModel> {
  return fc.record({
    name: fc.constantFrom(...names),
    argument: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...seconds) },
      { weight: 1, arbitrary: fc.constant("malformed" as const) },
    ),
    spelling,
  });
}

const plain = (...names: readonly string[]): fc.Arbitrary<DirectiveModel> =>
  fc.record({ name: fc.constantFrom(...names), argument: fc.constant(null), spelling });

const named: fc.Arbitrary<DirectiveModel> = fc.record({
  name: fc.constantFrom("no-cache", "private"),
  argument: fc.constantFrom(["x"], ["X", "y"]),
  spelling,
});

const restrictions = plain(
  "no-store",
  "no-cache",
  "private",
  "public",
  "must-revalidate",
  "proxy-revalidate",
  "must-understand",
);

/** Mostly null. */
const seldom = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { freq: 2, nil: null });
/** Mostly not null. */
const often = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { freq: 6, nil: null });
const once = (among: number): fc.Arbitrary<boolean> => fc.nat(among).map((value) => value === 0);

/** Each name once, as a dictionary has it. */
export const distinct = (directives: readonly DirectiveModel[]): readonly DirectiveModel[] =>
  directives.filter((one, index) => directives.findIndex((other) => other.name === one.name) === index);

/** Answers of endpoints; their times are relative to when they are given. */
export function arbitraryAnswer(times: TriedTimes): fc.Arbitrary<AnswerModel> {
  const freshness = timed(times.lifetimes, "max-age", "max-age", "s-maxage", ...times.staleDirectives);
  const directives = fc.array(
    fc.oneof(
      { weight: 6, arbitrary: freshness },
      { weight: 2, arbitrary: restrictions },
      { weight: 1, arbitrary: named },
    ),
    { maxLength: 4 },
  );
  const orMalformed = (seconds: readonly number[]): fc.Arbitrary<number | "malformed"> =>
    fc.constantFrom<(number | "malformed")[]>(...seconds, "malformed");
  return fc.record({
    status: fc.oneof(
      { weight: 6, arbitrary: fc.constant(200) },
      { weight: 2, arbitrary: fc.constantFrom(203, 204, 206, 301, 302, 307, 400, 404, 410, 431, 500, 503, 599) },
    ),
    date: often(orMalformed(times.dates)),
    age: seldom(orMalformed(times.ages)),
    expires: seldom(orMalformed(times.expiries)),
    lastModified: often(fc.constantFrom(-1_000_000, -100, 10)),
    tag: often(fc.constantFrom('"a"', 'W/"a"', '"b"')),
    cacheControl: directives,
    targeted: seldom(
      fc.oneof(
        fc.constant("malformed" as const),
        fc.array(fc.oneof(freshness, restrictions), { maxLength: 2 }).map(distinct),
      ),
    ),
    vary: seldom(fc.constantFrom<(readonly string[] | "*")[]>(["A"], ["a", "B"], ["b"], [], "*")),
    setsCookie: once(15),
    x: often(fc.constantFrom("1", "2")),
  });
}

/** Requests of clients. */
export function arbitraryRequest(times: TriedTimes): fc.Arbitrary<RequestModel> {
  const demands = fc.array(
    fc.oneof(
      timed(times.demands, "max-age", "min-fresh", "max-stale", "stale-if-error"),
      plain("no-cache", "no-store", "max-stale"),
    ),
    { maxLength: 2 },
  );
  return fc.record({
    method: fc.oneof(
      { weight: 8, arbitrary: fc.constant("GET") },
      { weight: 1, arbitrary: fc.constantFrom("HEAD", "POST") },
    ),
    hasBody: once(15),
    hasCredentials: once(6),
    a: fc.constantFrom(null, "1", "2"),
    b: fc.constantFrom(null, null, "1"),
    cacheControl: fc.oneof({ weight: 5, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: demands }),
    hasPragma: once(15),
  });
}

/** What an endpoint does if it is asked. */
export const arbitraryConduct = fc.oneof(
  { weight: 4, arbitrary: fc.constant("answers" as const) },
  { weight: 3, arbitrary: fc.constant("confirms" as const) },
  { weight: 1, arbitrary: fc.constant("fails" as const) },
);

/** The answer as it is given at `nowMs`. */
export function datedAt(model: AnswerModel, nowMs: number): AnswerModel {
  const now = Math.floor(nowMs / 1000);
  return {
    ...model,
    date: typeof model.date === "number" ? model.date + now : model.date,
    expires: typeof model.expires === "number" ? model.expires + now : model.expires,
    lastModified: model.lastModified === null ? null : model.lastModified + now,
  };
}
