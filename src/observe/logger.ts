/**
 * The application log: what happens to Millrace itself (start, reload, health changes, faults), for people on a
 * terminal or as JSON lines for machines. Exchanges are not logged here but in the access log. The library takes any
 * object of this shape and is silent by default.
 */
import { isatty } from "node:tty";
import { type Clock, systemClock } from "../base/clock.ts";
import { escapeJsonText, truncate } from "./log-escape.ts";
import { formatIsoTime } from "./log-time.ts";
import { writeStandardError } from "./standard-output.ts";

/**
 * How serious a message is, the least serious first.
 *
 * @example
 * ```ts
 * import { createLogger, type LogLevel } from "millrace";
 *
 * const level: LogLevel = process.env["DEBUG"] === "1" ? "debug" : "info";
 * const logger = createLogger({ level });
 * ```
 */
export type LogLevel = "debug" | "info" | "warn" | "error";

/**
 * Facts that go with a message; values are written as text, errors as their message.
 *
 * @example
 * ```ts
 * import { createLogger, type LogFields } from "millrace";
 *
 * const fields: LogFields = { upstream: "app", error: new Error("no such host") };
 * createLogger().warn("endpoint is unhealthy", fields);
 * ```
 */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Takes messages. Must not throw.
 *
 * @example
 * ```ts
 * import type { Logger } from "millrace";
 *
 * const lines: string[] = [];
 * const logger: Logger = {
 *   debug: () => {},
 *   info: (message) => void lines.push(message),
 *   warn: (message) => void lines.push(message),
 *   error: (message) => void lines.push(message),
 * };
 * ```
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

const rank: Record<LogLevel | "silent", number> = { debug: 0, info: 1, warn: 2, error: 3, silent: 4 };
const maxValueLength = 2048;
const nothing = (): void => {};

/** Says nothing: the library's default. */
export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/**
 * What `createLogger` writes, and how.
 *
 * @example
 * ```ts
 * import { createLogger, type LoggerOptions } from "millrace";
 *
 * const lines: string[] = [];
 * const options: LoggerOptions = { level: "debug", format: "json", write: (line) => void lines.push(line) };
 * const logger = createLogger(options);
 * ```
 */
export interface LoggerOptions {
  /** The least serious level that is written; default `info`. */
  readonly level?: LogLevel | "silent";
  /** `text` for people, `json` for machines; default: `text` if standard error is a terminal, else `json`. */
  readonly format?: "text" | "json";
  /** Takes a complete line; default: standard error, without ever waiting for its reader. */
  readonly write?: (line: string) => void;
  readonly clock?: Clock;
}

/** How messages are written unless somebody says otherwise. */
export function defaultLogFormat(): "text" | "json" {
  return isatty(2) ? "text" : "json";
}

/** A line of the application log, line feed included. */
export function formatLogLine(
  format: "text" | "json",
  wallMs: number,
  level: LogLevel,
  message: string,
  fields: LogFields,
): string {
  return (format === "json" ? formatJson : formatText)(formatIsoTime(wallMs), level, message, fields);
}

/**
 * A logger that writes lines, to standard error unless told otherwise.
 *
 * @example
 * ```ts
 * import { createLogger, createProxy } from "millrace";
 *
 * const proxy = await createProxy(
 *   { listeners: [{ address: ":8080" }], routes: [{ respond: { body: "hello" } }] },
 *   { logger: createLogger({ level: "warn", format: "json" }) },
 * );
 * ```
 */
export function createLogger(options: LoggerOptions = {}): Logger {
  const least = rank[options.level ?? "info"];
  const format = options.format ?? defaultLogFormat();
  const write = options.write ?? writeStandardError;
  const clock = options.clock ?? systemClock;
  const at = (level: LogLevel) =>
    rank[level] < least
      ? nothing
      : (message: string, fields: LogFields = {}): void =>
          write(formatLogLine(format, clock.wall(), level, message, fields));
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function formatText(time: string, level: LogLevel, message: string, fields: LogFields): string {
  let line = `${time} ${level.padEnd(5)} ${printable(message)}`;
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const text = printable(describe(value));
    line += ` ${name}=${/^[^\s"=]+$/.test(text) ? text : JSON.stringify(text)}`;
  }
  return `${line}\n`;
}

function formatJson(time: string, level: LogLevel, message: string, fields: LogFields): string {
  let line = `{"time":"${time}","level":"${level}","message":"${escapeJsonText(truncate(message, maxValueLength))}"`;
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    const isPlain =
      typeof value === "boolean" || (typeof value === "number" && Number.isFinite(value)) || value === null;
    line += `,"${escapeJsonText(name)}":${isPlain ? String(value) : `"${escapeJsonText(describe(value))}"`}`;
  }
  return `${line}}\n`;
}

function describe(value: unknown): string {
  let text: string;
  if (typeof value === "string") text = value;
  else if (value instanceof Error) text = value.message;
  else if (Array.isArray(value)) text = value.map(describe).join(", ");
  else text = typeof value === "object" && value !== null ? describeObject(value) : String(value);
  return truncate(text, maxValueLength);
}

function describeObject(value: object): string {
  try {
    return JSON.stringify(value);
  } catch {
    return String(value);
  }
}

/**
 * Control characters (which could forge lines or drive the terminal) as escapes; other text, such as accented letters,
 * stays.
 */
function printable(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
