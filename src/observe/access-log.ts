/**
 * The access log of one thread: one line for every exchange that ended, in one of four formats. The control thread
 * writes them (`access-log-files.ts`): nothing waits here.
 */
import type { Exchange } from "../http/exchange.ts";
import { type AccessLogFormat, compileAccessLogFormat, parseTemplate } from "./access-log-format.ts";
import { LogBatch } from "./log-batch.ts";
import type { AccessLogOptions } from "./options.ts";
import type { ObservedSession } from "./observed-session.ts";
import { QueryRedactor } from "./query-redactor.ts";
import { compileSessionFormat, type SessionFormat } from "./session-log.ts";

/**
 * Takes lines of the access log at `path`; they are its own from then on. @param lostBefore lines lost since the batch
 * before @returns false if they cannot be taken now
 */
export type AccessLogSink = (path: string, lines: Buffer, lineCount: number, lostBefore: number) => boolean;

/** Makes the lines of the access log. */
export class AccessLog {
  readonly #format: AccessLogFormat;
  readonly #sessionFormat: SessionFormat;
  readonly #batch: LogBatch;

  /** @throws RangeError for an unusable template */
  constructor(options: Readonly<AccessLogOptions>, sink: AccessLogSink) {
    this.#format = compileAccessLogFormat(options.format, options.template, new QueryRedactor(options.queryAllow));
    const { format, template } = options;
    this.#sessionFormat = compileSessionFormat(format, format === "template" ? parseTemplate(template ?? "") : []);
    this.#batch = new LogBatch((lines, lineCount, lostBefore) => sink(options.path, lines, lineCount, lostBefore));
  }

  /** Logs an exchange that ended. Exactly once an exchange. */
  record(exchange: Exchange): void {
    const { block } = this.#batch;
    const start = block.end;
    try {
      this.#format(exchange, block);
    } catch (error) {
      // A bug of ours must not leave half a line.
      block.end = start;
      throw error;
    }
    this.#batch.noteLine();
  }

  /** Logs a session of a TCP listener that ended. Exactly once a session. */
  recordSession(session: ObservedSession): void {
    const { block } = this.#batch;
    block.ascii(this.#sessionFormat(session));
    this.#batch.noteLine();
  }

  /** Hands over what has been gathered. */
  flush(): void {
    this.#batch.flush();
  }
}
