/** The access log of one thread: one line for every exchange that ended, in one of four formats. Writing never waits for the destination. */
import type { Exchange } from "../http/exchange.ts";
import { type AccessLogFormat, compileAccessLogFormat } from "./access-log-format.ts";
import { LogFile, type LogFileOptions } from "./log-file.ts";
import type { AccessLogOptions } from "./options.ts";
import { QueryRedactor } from "./query-redactor.ts";

/** What an access log is made from: how its lines look, and where they go. */
export type AccessLogParts = Readonly<AccessLogOptions> & LogFileOptions;

/** Writes the access log. */
export class AccessLog {
  readonly #format: AccessLogFormat;
  readonly #file: LogFile;

  /** @throws RangeError for an unusable template, the system's error for an unusable path. */
  constructor(parts: AccessLogParts) {
    this.#format = compileAccessLogFormat(parts.format, parts.template, new QueryRedactor(parts.queryAllow));
    this.#file = new LogFile(parts);
  }

  /** Logs an exchange that ended. Exactly once an exchange. */
  record(exchange: Exchange): void {
    this.#file.write(this.#format(exchange));
  }

  /** See `LogFile.reopen`. */
  reopen(): void {
    this.#file.reopen();
  }

  /** See `LogFile.close`. */
  close(): Promise<void> {
    return this.#file.close();
  }
}
