/** The access log of one thread: one line for every exchange that ended, in one of four formats. Writing never waits for the destination. */
import type { Exchange } from "../http/exchange.ts";
import type { AccessLogFormat, AccessLogFormatName } from "./access-log-format.ts";
import { compileAccessLogFormat } from "./access-log-format.ts";
import { LogFile } from "./log-file.ts";
import type { LogFileOptions } from "./log-file.ts";
import { QueryRedactor } from "./query-redactor.ts";

export interface AccessLogOptions extends LogFileOptions {
  readonly format: AccessLogFormatName;
  /** For the format `template`, else null. */
  readonly template?: string | null;
  /** Names of query parameters whose values are logged, all others being redacted; null or absent: only secret-looking ones are redacted. */
  readonly queryAllow?: readonly string[] | null;
}

/** Writes the access log. */
export class AccessLog {
  readonly #format: AccessLogFormat;
  readonly #file: LogFile;

  /** @throws RangeError for an unusable template, the system's error for an unusable path. */
  constructor(options: AccessLogOptions) {
    this.#format = compileAccessLogFormat(options.format, options.template ?? null, new QueryRedactor(options.queryAllow ?? null));
    this.#file = new LogFile(options);
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
