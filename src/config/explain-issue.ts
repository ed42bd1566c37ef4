/**
 * Turns what the schema library reports into findings: a path and a sentence that names what is there and what should
 * be.
 */
import type * as z from "zod";
import type { ProblemParams } from "../base/option-schema.ts";
import { nearest } from "./did-you-mean.ts";
import type { ConfigPath } from "./problem.ts";

/** A problem before its place in a file is looked up. */
export interface Finding {
  readonly path: ConfigPath;
  /** It lies at the key that ends the path, not at the value. */
  readonly isAtKey: boolean;
  readonly message: string;
  readonly hint: string | null;
}

type Issue = z.core.$ZodIssue;

/** Looking for what was meant takes time, and nobody reads more than so many suggestions. */
const maxSuggestions = 200;

/** Explains `issues` against `root`, the value that was read. */
export function explainIssues(issues: readonly Issue[], root: unknown): Finding[] {
  suggestionsLeft = maxSuggestions;
  return issues.flatMap((issue) => explainIssue(issue, [], root));
}

/** What the current call of `explainIssues` has left of them. */
let suggestionsLeft = maxSuggestions;

/** What was meant by `word`, as long as suggestions are left. */
function suggest(word: string, candidates: readonly string[]): string | null {
  return suggestionsLeft-- > 0 ? nearest(word, candidates) : null;
}

function explainIssue(issue: Issue, prefix: ConfigPath, root: unknown): Finding[] {
  const path = [...prefix, ...issue.path.map((step) => (typeof step === "symbol" ? String(step) : step))];
  const value = valueAt(root, path);
  const finding = (message: string, hint: string | null = null, isAtKey = false): Finding[] => [
    { path, isAtKey, message, hint },
  ];
  if (value === undefined && issue.code !== "custom")
    return finding(typeof path.at(-1) === "string" ? `"${path.at(-1)}" is missing` : "is missing");
  if (typeof value === "function" && !isOfFunctions(issue))
    return finding("functions are not available in this version");
  switch (issue.code) {
    case "custom":
      return [explainCustom(issue.message, (issue.params ?? {}) as ProblemParams, path, value)];
    case "invalid_type":
      if (!isStandard(issue)) return finding(issue.message);
      return explainType([issue.expected], value, finding);
    case "invalid_value":
      if (!isStandard(issue)) return finding(issue.message);
      return explainValue(issue.values, value, finding);
    case "invalid_union":
      if (!isStandard(issue) && !issue.errors.some(fits)) return finding(issue.message);
      return explainUnion(issue.errors, path, root, value, finding);
    case "too_small":
      if (issue.origin === "array" || issue.origin === "map")
        return finding("the list is empty; at least one entry is needed");
      if (issue.origin === "string") return finding("the text is empty");
      return finding(`${show(value)} is too small; at least ${issue.minimum}`);
    case "too_big":
      return finding(
        issue.origin === "string"
          ? `the text is too long; at most ${issue.maximum} characters`
          : `${show(value)} is too large; at most ${issue.maximum}`,
      );
    default:
      return finding(issue.message);
  }
}

/** Whether a schema that takes functions says what is wrong with this one. */
function isOfFunctions(issue: Issue): boolean {
  return issue.code === "custom" || (issue.code === "invalid_union" && issue.errors.some(fits));
}

/** Is the message the schema library's own? If not, a schema of ours has worded it, and it is kept. */
function isStandard(issue: Issue): boolean {
  return issue.message.startsWith("Invalid ");
}

function explainCustom(message: string, params: ProblemParams, path: ConfigPath, value: unknown): Finding {
  const isAtKey = params.atKey === true;
  if (params.knownKeys !== undefined) {
    const key = String(path.at(-1));
    if (params.notAvailableKeys?.includes(key) === true)
      return { path, isAtKey, message: `"${key}" is not available in this version`, hint: null };
    const meant = suggest(key, [...params.knownKeys, ...(params.notAvailableKeys ?? [])]);
    return {
      path,
      isAtKey,
      message: `unknown key ${JSON.stringify(key)}`,
      hint:
        meant === null
          ? suggestionsLeft > 0
            ? `known here: ${params.knownKeys.join(", ")}`
            : null
          : `did you mean "${meant}"?`,
    };
  }
  if (params.knownValues !== undefined) {
    const meant = suggest(params.word ?? String(value), params.knownValues);
    return {
      path,
      isAtKey,
      message,
      hint: meant === null ? `known: ${params.knownValues.join(", ")}` : `did you mean "${meant}"?`,
    };
  }
  return { path, isAtKey, message, hint: null };
}

type Report = (message: string, hint?: string | null, isAtKey?: boolean) => Finding[];

const typeNames: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a section (keys and values)",
  record: "a map (names and values)",
  null: "nothing",
  function: "a function",
};

function explainType(expected: readonly string[], value: unknown, report: Report): Finding[] {
  const kinds = [...new Set(expected.map((name) => typeNames[name] ?? name))];
  const wanted = kinds.length > 1 ? `${kinds.slice(0, -1).join(", ")} or ${kinds.at(-1)}` : (kinds[0] ?? "");
  if (value === null) return report(`there is no value; expected ${wanted}`);
  if (typeof value === "number" && expected.includes("int") && !Number.isInteger(value))
    return report(`expected a whole number, not ${show(value)}`);
  const isScalar = typeof value === "number" || typeof value === "boolean";
  if (isScalar && expected.includes("string"))
    return report(`expected ${wanted}, not ${nounOf(value)}`, `put it in quotes: "${String(value)}"`);
  if (expected.includes("array") && kinds.length === 1 && typeof value !== "object")
    return report(`expected a list, not ${nounOf(value)}`, `write a list: [${show(value)}]`);
  return report(`expected ${wanted}, not ${nounOf(value)}`);
}

function explainValue(values: readonly unknown[], value: unknown, report: Report): Finding[] {
  const texts = values.map(String);
  const list = texts.map((text, at) => (typeof values[at] === "string" ? `"${text}"` : text));
  const message =
    values.length === 1
      ? `expected ${list[0]}, not ${nounOf(value)}`
      : `${nounOf(value)} is none of ${list.join(", ")}`;
  const meant = typeof value === "string" ? suggest(value, texts) : null;
  return report(message, meant === null ? null : `did you mean "${meant}"?`);
}

/** Does the value have the outer shape of this alternative, so that only something inside it is wrong? */
function fits(issues: readonly Issue[]): boolean {
  return !issues.some(
    ({ path, code }) =>
      path.length === 0 && (code === "invalid_type" || code === "invalid_value" || code === "invalid_union"),
  );
}

/** Reports the problems of the alternative whose outer shape fits; if none fits, names the shapes of all. */
function explainUnion(
  alternatives: readonly (readonly Issue[])[],
  path: ConfigPath,
  root: unknown,
  value: unknown,
  report: Report,
): Finding[] {
  const fitting = alternatives.filter(fits);
  const [best] = fitting.toSorted((one, other) => one.length - other.length);
  if (best !== undefined) return best.flatMap((issue) => explainIssue(issue, path, root));
  const nested = alternatives.flatMap((issues) =>
    issues.flatMap((issue) => (issue.code === "invalid_union" && issue.path.length === 0 ? issue.errors : [issues])),
  );
  if (nested.length > alternatives.length) return explainUnion(nested, path, root, value, report);
  const types: string[] = [];
  const values: unknown[] = [];
  for (const issue of nested.flat()) {
    if (issue.code === "invalid_type") types.push(issue.expected);
    else if (issue.code === "invalid_value") values.push(...issue.values);
  }
  if (typeof value === "string" && !types.includes("string") && values.some((known) => typeof known === "string")) {
    const words = values.filter((known) => typeof known === "string");
    const meant = suggest(value, words);
    const others = types.map((name) => typeNames[name] ?? name);
    return report(
      `${show(value)} is not ${[...words.map((word) => `"${word}"`), ...others].join(" or ")}`,
      meant === null ? null : `did you mean "${meant}"?`,
    );
  }
  for (const known of values)
    if (!types.includes(typeof known))
      types.push(known === false || known === true ? String(known) : `"${String(known)}"`);
  return explainType(types, value, report);
}

/** A value in a sentence; never long, never a whole section. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  if (typeof value === "object" && value !== null) return nounOf(value);
  return String(value);
}

function nounOf(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "a section";
  if (typeof value === "string") return `the text ${show(value)}`;
  if (typeof value === "number") return `the number ${show(value)}`;
  return show(value);
}

/** The value at `path` below `root`, or undefined. */
export function valueAt(root: unknown, path: ConfigPath): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}
