/** What is wrong with a configuration, and how it is shown. All problems at once, each with its place. */
import { hideSecrets, hideUrlPasswords, suggestsSecret } from "./hidden-secrets.ts";

/** Where a value stands: keys and list positions from the root. */
export type ConfigPath = readonly (string | number)[];

/**
 * One thing that is wrong with a configuration.
 *
 * @example
 * ```ts
 * import type { ConfigProblem } from "millrace";
 *
 * const toLine = ({ path, message, hint }: ConfigProblem): string =>
 *   `${path.join(".")}: ${message}${hint === null ? "" : ` (${hint})`}`;
 * ```
 */
export interface Problem {
  /** One sentence without a full stop, for the user. */
  readonly message: string;
  /** What was probably meant, or what to do; null if there is nothing to say. */
  readonly hint: string | null;
  readonly path: ConfigPath;
  /** The file as it was named by the user; null for a configuration that came from a program. */
  readonly file: string | null;
  /** From 1; 0 if the place in the text is not known. */
  readonly line: number;
  /** From 1, in characters; 0 if it is not known. */
  readonly column: number;
  /** How many characters of the line to point at, at least 1. */
  readonly length: number;
  /** The lines around the place, with the line number of the first; null if there is no text. */
  readonly excerpt: { readonly firstLine: number; readonly lines: readonly string[] } | null;
}

/**
 * A configuration that cannot be used. `message` holds every problem, as text without colour.
 *
 * @example
 * ```ts
 * import { ConfigError, createProxy } from "millrace";
 *
 * try {
 *   await createProxy({ listeners: [{ address: "8080" }], routes: [{ respond: {} }] });
 * } catch (error) {
 *   if (error instanceof ConfigError) console.error(error.problems.length, error.message);
 * }
 * ```
 */
export class ConfigError extends Error {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(formatProblems(problems));
    this.name = "ConfigError";
    this.problems = problems;
  }
}

/** A problem with a file as a whole: no place in it. */
export function fileProblem(file: string, message: string, hint: string | null): Problem {
  return { message, hint, path: [], file, line: 0, column: 0, length: 1, excerpt: null };
}

/**
 * A problem at a place of a file.
 * @param place `line` and `column` from 1; a line of 0 means that the place is not known
 * @param text the whole of the file
 */
export function placedProblem(
  place: { readonly file: string; readonly line: number; readonly column: number; readonly message: string },
  text: string,
): Problem {
  const problem = fileProblem(place.file, place.message, null);
  if (place.line === 0) return problem;
  const firstLine = Math.max(1, place.line - 2);
  const lines = text.split(/\r\n|\n|\r/).slice(firstLine - 1, place.line + 1);
  return { ...problem, line: place.line, column: Math.max(1, place.column), excerpt: { firstLine, lines } };
}

/** A path as people write it: `routes[0].match.path`. */
export function formatPath(path: ConfigPath): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else if (/^[A-Za-z_][\w-]*$/.test(step)) text += text === "" ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}

/** How problems are shown. */
export interface ProblemFormat {
  /** With ANSI colours; default false. */
  readonly color?: boolean;
}

/** More than these nobody reads. */
const maxShownProblems = 100;

/**
 * All problems as text for a terminal or a log: place, sentence, code frame, hint. Control characters of the file are
 * never passed through, nor are its secrets.
 */
export function formatProblems(problems: readonly Problem[], format: ProblemFormat = {}): string {
  const paint = (code: string, text: string): string => (format.color === true ? `\x1b[${code}m${text}\x1b[0m` : text);
  const misspelt = findMisspeltSecrets(problems);
  const shown = problems.slice(0, maxShownProblems).map((problem) => {
    const path = formatPath(problem.path);
    const place =
      problem.file === null
        ? path
        : problem.line === 0
          ? problem.file
          : `${problem.file}:${problem.line}:${problem.column}`;
    const lines = [
      `${place === "" ? "" : `${paint("1", toPrintable(place))}: `}${paint("31", "error")}: ${toPrintable(hideUrlPasswords(problem.message))}`,
    ];
    if (problem.file !== null && problem.line === 0 && path !== "") lines.push(`  at ${toPrintable(path)}`);
    if (problem.excerpt !== null) lines.push(...formatExcerpt(problem, problem.excerpt, { misspelt, paint }));
    if (problem.hint !== null)
      lines.push(
        `  ${paint("36", problem.hint.startsWith("did you mean") ? toPrintable(problem.hint) : `hint: ${toPrintable(problem.hint)}`)}`,
      );
    return lines.join("\n");
  });
  if (problems.length > shown.length) shown.push(`… and ${problems.length - shown.length} more problems`);
  return shown.join("\n\n");
}

/** The lines of one problem may be in the excerpt of another, so the keys of all are looked for in each. */
function findMisspeltSecrets(problems: readonly Problem[]): string[] {
  const keys = problems.filter(({ hint }) => suggestsSecret(hint)).map(({ path }) => String(path.at(-1) ?? ""));
  return [...new Set(keys)].filter((key) => key !== "").slice(0, maxShownProblems);
}

const maxShownColumns = 120;

function formatExcerpt(
  problem: Problem,
  excerpt: { firstLine: number; lines: readonly string[] },
  { misspelt, paint }: { readonly misspelt: readonly string[]; readonly paint: (code: string, text: string) => string },
): string[] {
  const width = String(excerpt.firstLine + excerpt.lines.length - 1).length;
  // A long line is cut so that the place stays in sight.
  const cut = problem.column > maxShownColumns - 20 ? problem.column - 40 : 0;
  const shown: string[] = [];
  excerpt.lines.forEach((line, at) => {
    const number = excerpt.firstLine + at;
    const isHere = number === problem.line;
    const text = toPrintable(
      hideSecrets(line, misspelt)
        .slice(cut, cut + maxShownColumns)
        .replace(/\t/g, " "),
    );
    shown.push(
      `${isHere ? paint("31", ">") : " "} ${paint("2", `${String(number).padStart(width)} |`)} ${text}`.trimEnd(),
    );
    if (isHere) {
      const visible = Math.max(
        1,
        Math.min(problem.length, line.length - problem.column + 1, cut + maxShownColumns - problem.column + 1),
      );
      shown.push(
        `  ${" ".repeat(width)} ${paint("2", "|")} ${" ".repeat(problem.column - 1 - cut)}${paint("31", "^".repeat(visible))}`,
      );
    }
  });
  return shown;
}

/**
 * A file must not be able to drive the terminal: control characters and what changes the direction of writing become
 * visible.
 */
function toPrintable(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, (character) =>
    character === "\n" ? " " : `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
