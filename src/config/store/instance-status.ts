/** What an instance tells of itself beside the key of its configuration: written by `run`, read by `push`. */
import { hostname } from "node:os";
import { hideUrlPasswords } from "../hidden-secrets.ts";
import type { Problem } from "../problem.ts";

/** The status of one instance. Times are RFC 3339; versions are those of the store. */
export interface InstanceStatus {
  readonly instance: string;
  /** Of Millrace. */
  readonly millrace: string;
  /** What it runs. `isCopy`: the store has not given it yet, it is from the disk. */
  readonly applied: { readonly version: string; readonly at: string; readonly isCopy: boolean };
  /** The key of the configuration is gone: it runs what it ran. */
  readonly isMissing: boolean;
  /** What it refused since, and why; null if nothing. */
  readonly refused: { readonly version: string; readonly at: string; readonly problems: readonly string[] } | null;
}

const maxProblems = 10;
const maxProblemLength = 300;
const maxNameLength = 80;
const maxStatusLength = 16_384;

/** A name that no other instance has, at any time. */
export function instanceName(random: () => number = Math.random): string {
  const host = hostname()
    .replace(/[^A-Za-z0-9.-]/g, "-")
    .slice(0, maxNameLength);
  const suffix = Math.floor(random() * 0x1_00_00)
    .toString(16)
    .padStart(4, "0");
  return `${host === "" ? "host" : host}-${process.pid}-${suffix}`;
}

/** The problems of a configuration in a sentence each, bounded, without excerpts and secrets. */
export function toStatusProblems(problems: readonly Problem[]): string[] {
  const shown = problems.slice(0, maxProblems).map(({ line, column, message, hint }) => {
    const text = `${line === 0 ? "" : `${line}:${column}: `}${hideUrlPasswords(message)}${hint === null ? "" : ` (${hint})`}`;
    return toSentence(text);
  });
  return problems.length > shown.length ? [...shown, `… and ${problems.length - shown.length} more`] : shown;
}

/** One line of bounded length. */
export function toSentence(text: string): string {
  const line = text.replace(/[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+/g, " ").trim();
  return line.length > maxProblemLength ? `${line.slice(0, maxProblemLength)}…` : line;
}

/** Reads what an instance has written; null if it is something else. */
export function parseInstanceStatus(text: string): InstanceStatus | null {
  if (text.length > maxStatusLength) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const status = asRecord(value);
  const applied = asRecord(status["applied"]);
  const refused = status["refused"] === null ? null : asRecord(status["refused"]);
  const problems = refused?.["problems"] ?? [];
  if (!areTexts([status["instance"], status["millrace"], applied["version"], applied["at"]])) return null;
  if (refused !== null && !areTexts([refused["version"], refused["at"]])) return null;
  if (!Array.isArray(problems) || !areTexts(problems)) return null;
  return {
    instance: String(status["instance"]),
    millrace: String(status["millrace"]),
    applied: {
      version: String(applied["version"]),
      at: String(applied["at"]),
      isCopy: applied["isCopy"] === true,
    },
    isMissing: status["isMissing"] === true,
    refused:
      refused === null
        ? null
        : { version: String(refused["version"]), at: String(refused["at"]), problems: problems.map(toSentence) },
  };
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

const areTexts = (values: readonly unknown[]): values is readonly string[] =>
  values.every((value) => typeof value === "string");
