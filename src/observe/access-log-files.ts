/**
 * Holds the destination of the access log for all threads: the control thread has the only writer of each destination,
 * so that lines stay whole, one descriptor has one owner, and a disk that hangs takes one thread of the pool and not
 * one for each proxy thread. A destination lives from the configuration that names it to the one that does not.
 */
import { hangMs } from "./log-call.ts";
import { inheritedDescriptorOf } from "./log-path.ts";
import { type LogAccount, LogWriter, type LogWriterListener } from "./log-writer.ts";
import type { WarningSink } from "./repeated-warning.ts";
import { inheritedOutput } from "./standard-output.ts";

interface Destination {
  readonly path: string;
  readonly writer: LogWriter;
  readonly isInherited: boolean;
  readonly unwatch: () => void;
}

/** Opens, writes, reopens and closes the destination of the access log. In the control thread only. */
export class AccessLogFiles {
  readonly #warnings: WarningSink;
  readonly #account: LogAccount = { lost: 0 };
  #running: Destination | null = null;
  #prepared: Destination | null = null;

  constructor(warnings: WarningSink) {
    this.#warnings = warnings;
  }

  /** Lines that were lost since the start. */
  get lost(): number {
    return this.#account.lost;
  }

  /**
   * Opens `path` beside what is running; null = there is no access log. `commit` or `abort` follows. A disk that hangs is
   * waited for three seconds; the path is then opened when it answers.
   * @throws the system's error, with its `path`, if it cannot be opened; a named pipe without a reader can be
   */
  async prepare(path: string | null): Promise<void> {
    if (path === null) this.#prepared = null;
    else if (this.#running?.path === path) this.#prepared = this.#running;
    else this.#prepared = await this.#open(path);
  }

  /** Goes on with what was prepared. The threads have handed over what they had for the destination before. */
  commit(): void {
    const before = this.#running;
    this.#running = this.#prepared;
    this.#prepared = null;
    if (before !== null && before !== this.#running) void end(before);
  }

  /** Forgets what was prepared. */
  abort(): void {
    const prepared = this.#prepared;
    this.#prepared = null;
    if (prepared !== null && prepared !== this.#running) void end(prepared);
  }

  /** Takes lines for `path`; they are its own from then on. @param lostBefore lines that a thread has lost before them */
  write(path: string, lines: Buffer, lineCount: number, lostBefore: number): void {
    this.#account.lost += lostBefore;
    const destination =
      this.#running?.path === path ? this.#running : this.#prepared?.path === path ? this.#prepared : null;
    if (destination === null) this.#account.lost += lineCount;
    else destination.writer.write(lines, lineCount, this.#account);
  }

  /** Opens the path anew, after it was rotated. Does nothing for an inherited output. */
  reopen(): void {
    this.#running?.writer.reopen();
    if (this.#prepared !== this.#running) this.#prepared?.writer.reopen();
  }

  /** Writes what waits, within two seconds, and closes. */
  async close(): Promise<void> {
    this.abort();
    const running = this.#running;
    this.#running = null;
    if (running !== null) await end(running);
  }

  async #open(path: string): Promise<Destination> {
    const untilMs = performance.now() + hangMs;
    const fd = await inheritedDescriptorOf(path, hangMs);
    const listener = this.#listenerOf(path);
    const writer =
      fd === null
        ? await LogWriter.open(path, { listener, patienceMs: Math.max(0, untilMs - performance.now()) })
        : inheritedOutput(fd);
    return { path, writer, isInherited: fd !== null, unwatch: writer.watch(listener) };
  }

  #listenerOf(path: string): LogWriterListener {
    const subject = `log ${path}`;
    return {
      onTrouble: (error) =>
        this.#warnings.warn({
          subject,
          reason: error.code ?? "",
          message: "cannot write the access log",
          fields: { path, errno: error.code, error: error.message, lost: this.lost },
        }),
      onMended: () => this.#warnings.recover(subject, "the access log is written again", { path }),
    };
  }
}

/** The inherited outputs are the process's and stay open. */
async function end({ writer, isInherited, unwatch }: Destination): Promise<void> {
  await (isInherited ? writer.settle() : writer.close());
  unwatch();
}
