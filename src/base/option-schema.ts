/**
 * The building blocks of every `options.ts`: zod schemas for quantities and sections, each carrying its documentation.
 * The schema is the one source of the types, the validation, the JSON Schema and the configuration reference.
 * Loads zod, so only the control thread may load this at run time; the data path imports types alone. What is loaded in
 * every thread and has options (a middleware kind, a route target) has a function that makes its schema of these blocks
 * when it is given them: a `SchemaBuilder`.
 */
import * as z from "zod";
import { type FunctionRef, functionRefOf } from "./function-ref.ts";
import { formatDuration, formatSize, maxDurationMs, parseDuration, parsePercent, parseSize } from "./units.ts";

/** The schema library itself, for builders that are given this module. */
export { z };

/** What the reference says of an option. */
export interface OptionDoc {
  /** One or two sentences: what it does. */
  readonly about: string;
  /** What zero means, if zero is special. */
  readonly zero?: string;
  /** What goes wrong when it is set badly. */
  readonly danger?: string;
  /** The kind of value, if the schema does not say it well: `duration`, `CIDR`. */
  readonly kind?: string;
  /** The TypeScript type, if the schema cannot say it: the signature of a function. */
  readonly type?: string;
  /** It is nobody else's business: what is written there is never shown, not even with a mistake in its line. */
  readonly isSecret?: true;
  /** The default in words, if it is not a value. */
  readonly defaultText?: string;
}

/** What a custom problem carries for the code that explains it. */
export interface ProblemParams {
  /** The problem lies at the key, not at its value. */
  readonly atKey?: true;
  /** The key is unknown: these are the known ones. */
  readonly knownKeys?: readonly string[];
  /** Keys of the user interface that this version does not have yet. */
  readonly notAvailableKeys?: readonly string[];
  /** The value is unknown: these are the known ones. */
  readonly knownValues?: readonly string[];
  /** Text to point at within the value. */
  readonly word?: string;
}

/** Documents `schema`. Call it last: wrapping a schema again loses the documentation. */
export function documented<Schema extends z.ZodType>(schema: Schema, doc: OptionDoc): Schema {
  const type = (schema.meta()?.["millrace"] as OptionDoc | undefined)?.type;
  const full: OptionDoc = type === undefined ? doc : { kind: "function", type, ...doc };
  return withSharedAbsence(schema.meta({ description: describeDoc(doc), millrace: full }) as Schema);
}

/**
 * What stands for an absent option is made once, and is one frozen value in all configurations: of ten thousand routes
 * and upstreams, most of both the time and the memory was their defaults. Schemas do not depend on anything else.
 */
function withSharedAbsence<Schema extends z.ZodType>(schema: Schema): Schema {
  const { run } = schema._zod;
  let absent: { readonly value: unknown } | null = null;
  schema._zod.run = (payload, context) => {
    if (payload.value !== undefined || context.direction === "backward") return run(payload, context);
    if (absent === null) {
      const result = run({ value: undefined, issues: [] }, context);
      if (result instanceof Promise || result.issues.length > 0) return run(payload, context);
      absent = { value: deepFreeze(result.value) };
    }
    payload.value = absent.value;
    return payload;
  };
  return schema;
}

function deepFreeze(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}

function describeDoc(doc: OptionDoc): string {
  let text = doc.about;
  if (doc.zero !== undefined) text += ` 0: ${doc.zero}.`;
  if (doc.danger !== undefined) text += ` Danger: ${doc.danger}`;
  return text;
}

/** Adds a problem with its parameters; the path is relative to the value under test. */
export function addProblem(
  context: z.core.$RefinementCtx,
  message: string,
  params: ProblemParams = {},
  path: PropertyKey[] = [],
): void {
  context.addIssue({ code: "custom", message, params: { ...params }, path });
}

/** Turns a parser that throws `RangeError` into the transform of a schema. */
export function parsedBy<Value>(
  parse: (text: string) => Value,
): (text: string, context: z.core.$RefinementCtx<string>) => Value {
  return (text, context) => {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      addProblem(context, error.message);
      return z.NEVER;
    }
  };
}

/**
 * A section: an object whose unknown keys are problems, one each, at the key.
 * @param notAvailable keys of the user interface that this version does not have yet.
 */
export function section<Shape extends z.core.$ZodLooseShape>(
  shape: Shape,
  notAvailable: readonly string[] = [],
): z.ZodObject<Shape, z.core.$strict> {
  const params: ProblemParams = { atKey: true, knownKeys: Object.keys(shape), notAvailableKeys: notAvailable };
  const unknownKey = z.unknown().superRefine((_value, context) => {
    // The key is the last part of the problem's path; the explanation reads it there.
    addProblem(context, "unknown key", params);
  });
  return z.object(shape).catchall(unknownKey) as unknown as z.ZodObject<Shape, z.core.$strict>;
}

/**
 * A check of a whole section or map that runs even if parts of it have problems: what is in it may be missing or of any
 * type.
 */
export function sectionCheck<Value extends object>(
  check: (value: Value, context: z.core.$RefinementCtx) => void,
): z.core.$ZodCheck<Value> {
  return z.superRefine<Value>((value, context) => check(value, context as unknown as z.core.$RefinementCtx), {
    when: ({ value }) => typeof value === "object" && value !== null && !Array.isArray(value),
  });
}

/** What `maybe` makes of a schema. */
export type Maybe<Schema extends z.ZodType> = z.ZodPipe<
  z.ZodOptional<Schema>,
  z.ZodTransform<z.output<Schema> | null, z.output<Schema> | undefined>
>;

/** An optional value: null in the normal form if it is absent. */
export function maybe<Schema extends z.ZodType>(schema: Schema): Maybe<Schema> {
  return schema.optional().transform((value): z.output<Schema> | null => value ?? null) as never;
}

/**
 * An optional section that is off unless written: `false`, `off` and absence are null in the normal form, `true` and
 * `on` are the section with all its defaults. (In YAML 1.2 `on` and `off` are words like others.)
 */
export function switchable<Schema extends z.ZodType>(schema: Schema) {
  return z
    .union([z.boolean(), z.enum(["on", "off"]), schema])
    .optional()
    .transform((value): z.output<Schema> | null => {
      if (value === true || value === "on") return schema.parse({});
      return value === undefined || value === false || value === "off" ? null : (value as z.output<Schema>);
    });
}

/** As `switchable`, for a section that has no defaults to switch on. */
export function switchedOff<Schema extends z.ZodType>(schema: Schema) {
  return z
    .union([z.literal(false), z.literal("off"), schema])
    .optional()
    .transform((value): z.output<Schema> | null =>
      value === undefined || value === false || value === "off" ? null : (value as z.output<Schema>),
    );
}

/**
 * A duration: milliseconds in the normal form. `min` and `max` in milliseconds; unless `min` is 0, the duration must be
 * at least 1 ms.
 */
export function duration(defaultText: string, doc: OptionDoc, limits: { min?: number; max?: number } = {}) {
  return documented(durationSchema(doc, limits).prefault(defaultText), { kind: "duration", ...doc });
}

/** A duration that may be absent: null in the normal form. */
export function optionalDuration(doc: OptionDoc, limits: { min?: number; max?: number } = {}) {
  return documented(maybe(durationSchema(doc, limits)), { kind: "duration", ...doc });
}

function durationSchema(doc: OptionDoc, limits: { min?: number; max?: number }) {
  const min = limits.min ?? (doc.zero === undefined ? 1 : 0);
  const max = limits.max ?? maxDurationMs;
  return quantityText((value) => `${value} has no unit; write "${value}s" or "${value}ms"`).transform(
    (text, context): number => {
      const ms = parsedBy(parseDuration)(text, context);
      if (ms < min) addProblem(context, `${JSON.stringify(text)} is too short; at least ${formatDuration(min)}`);
      if (ms > max) addProblem(context, `${JSON.stringify(text)} is too long; at most ${formatDuration(max)}`);
      return ms;
    },
  );
}

/** A size: bytes in the normal form. Numbers are bytes. */
export function size(defaultText: string, doc: OptionDoc, limits: { min?: number; max?: number } = {}) {
  const min = limits.min ?? 0;
  const max = limits.max ?? Number.MAX_SAFE_INTEGER;
  const schema = z.union([z.string(), z.int().min(0)]).transform((value, context): number => {
    const bytes =
      typeof value === "number" ? value : parsedBy(parseSize)(value, context as z.core.$RefinementCtx<string>);
    const isOff = bytes === 0 && doc.zero !== undefined;
    if (bytes < min && !isOff)
      addProblem(context, `${JSON.stringify(value)} is too small; at least ${formatSize(min)}`);
    if (bytes > max) addProblem(context, `${JSON.stringify(value)} is too large; at most ${formatSize(max)}`);
    return bytes;
  });
  return documented(schema.prefault(defaultText), { kind: "size", ...doc });
}

/** Text, with a better sentence than "expected text" if a bare number was written. */
function quantityText(sentence: (value: number) => string): z.ZodString {
  return z.string({ error: (issue) => (typeof issue.input === "number" ? sentence(issue.input) : undefined) });
}

/** A share such as `20%`: a fraction in the normal form. */
export function percent(defaultText: string, doc: OptionDoc) {
  return documented(
    quantityText((value) => `${value} has no percent sign; write "${value}%"`)
      .transform(parsedBy(parsePercent))
      .prefault(defaultText),
    { kind: "percentage", ...doc },
  );
}

/** A percentage whose key says so: `percent: 5`, or `percent: "5%"`; a fraction in the normal form. */
export function percentNumber(defaultText: string, doc: OptionDoc) {
  const number = z
    .number()
    .min(0)
    .max(100)
    .transform((value) => value / 100);
  return documented(z.union([number, z.string().transform(parsedBy(parsePercent))]).prefault(defaultText), {
    kind: "percentage",
    ...doc,
  });
}

/** A whole number within bounds. */
export function count(defaultCount: number, doc: OptionDoc, limits: { min: number; max: number }) {
  return documented(z.int().min(limits.min).max(limits.max).prefault(defaultCount), doc);
}

/**
 * One of a few words.
 * @param notAvailable words of the user interface that this version does not have yet, alone or as the key of a section
 */
export function choice<const Word extends string>(words: readonly Word[], notAvailable: readonly string[] = []) {
  return z.enum(words, {
    error: ({ input }) => {
      const word = typeof input === "object" && input !== null ? Object.keys(input)[0] : String(input);
      return word !== undefined && notAvailable.includes(word)
        ? `${JSON.stringify(word)} is not available in this version`
        : undefined;
    },
  });
}

/** A list that may be written as a single value. */
export function oneOrMore<Item extends z.ZodType>(item: Item) {
  return z
    .union([item, z.array(item)])
    .transform((value): z.output<Item>[] =>
      Array.isArray(value) ? (value as z.output<Item>[]) : [value as z.output<Item>],
    );
}

/** The names of things: listeners, routes, upstreams. They become labels, log fields and keys. */
export const nameSchema = z.string().superRefine((name, context) => {
  if (!/^[A-Za-z0-9][\w.:/*@+-]{0,127}$/.test(name))
    addProblem(
      context,
      `${JSON.stringify(name)} is not a name: a letter or digit first, then letters, digits and _ . - : / * @ +, at most 128`,
    );
});

/**
 * A function; a reference to it in the normal form. Only configurations that are programs have any.
 * @param signature its TypeScript type as users see it; the same as `Signature`
 */
export function functionOption<Signature extends (...args: never[]) => unknown>(
  signature: string,
): z.ZodType<FunctionRef, Signature> {
  const schema = z
    .unknown()
    .check((payload) => {
      if (typeof payload.value === "function") return;
      payload.issues.push({
        code: "invalid_type",
        expected: "function",
        input: payload.value,
        message: "Invalid input: expected function",
        continue: false,
      });
    })
    .transform((value, context): FunctionRef => {
      const ref = functionRefOf(value);
      if (ref !== null) return ref;
      addProblem(
        context as z.core.$RefinementCtx,
        "a function can only stand in a configuration file that is an ECMAScript module, such as millrace.config.ts",
      );
      return z.NEVER;
    });
  const doc: OptionDoc = { about: "", kind: "function", type: signature };
  return schema.meta({ millrace: doc }) as unknown as z.ZodType<FunctionRef, Signature>;
}
