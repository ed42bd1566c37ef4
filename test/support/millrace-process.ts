/** The command as a real process: starts it, waits for its log lines, ends it. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";

/** The root of the checkout. */
export const root = dirname(dirname(import.meta.dirname));

/** The command of the checkout. */
export const command = join(root, "bin/millrace");

/** A line of the log, as JSON. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

/** How a process ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running command. Register `stop` with the test's `after`. */
export class MillraceProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<Ending>;
  stdout = "";
  stderr = "";
  #waiting: (() => void)[] = [];
  #isEnded = false;

  /** @param args of the command; its executable may be another than the checkout's; `passedOn` become descriptors 3, 4, … */
  constructor(
    args: readonly string[],
    options: { cwd?: string; env?: Record<string, string>; executable?: string; passedOn?: readonly number[] } = {},
  ) {
    this.child = spawn(options.executable ?? command, args, {
      cwd: options.cwd ?? root,
      env: { ...process.env, NO_COLOR: "1", ...options.env },
      stdio: ["ignore", "pipe", "pipe", ...(options.passedOn ?? [])],
    });
    this.child.stdout?.setEncoding("utf8").on("data", (text: string) => this.#take("stdout", text));
    this.child.stderr?.setEncoding("utf8").on("data", (text: string) => this.#take("stderr", text));
    this.ended = once(this.child, "close").then(([code, signal]) => {
      this.#isEnded = true;
      this.#wake();
      return {
        code: code as number | null,
        signal: signal as NodeJS.Signals | null,
        stdout: this.stdout,
        stderr: this.stderr,
      };
    });
  }

  #take(stream: "stdout" | "stderr", text: string): void {
    this[stream] += text;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Every JSON line that the log has so far. */
  get log(): LogLine[] {
    return this.stderr
      .split("\n")
      .flatMap((line): LogLine[] => (line.startsWith("{") && line.endsWith("}") ? [JSON.parse(line) as LogLine] : []));
  }

  /**
   * The first line of the log that `message` matches, among those after the first `after`. Fails when the process ends
   * before.
   */
  async logged(message: RegExp, after = 0): Promise<LogLine> {
    for (;;) {
      const found = this.log.slice(after).find((line) => message.test(line.message));
      if (found !== undefined) return found;
      await this.#next(`logged ${message}`);
    }
  }

  /** Waits until standard output or error matches. */
  async printed(text: RegExp): Promise<void> {
    while (!text.test(this.stdout) && !text.test(this.stderr)) await this.#next(`printed ${text}`);
  }

  async #next(what: string): Promise<void> {
    if (this.#isEnded) throw new Error(`the process ended before it ${what}; it said:\n${this.stdout}${this.stderr}`);
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Waits for `ready`; the URLs of the listeners and of the admin listener, or null. */
  async ready(): Promise<{ url: string; urls: string[]; admin: string | null }> {
    const line = await this.logged(/^ready$/);
    const urls = String(line["listeners"])
      .split(", ")
      .map((address) => `http://${address}`);
    return { url: urls[0] ?? "", urls, admin: line["admin"] === undefined ? null : `http://${String(line["admin"])}` };
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Ends the process whatever it is doing. */
  async stop(): Promise<void> {
    if (!this.#isEnded) this.child.kill("SIGKILL");
    await this.ended;
  }
}

/** Runs a command that ends by itself. */
export function runMillrace(
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string>; input?: string } = {},
): Ending {
  const { status, signal, stdout, stderr } = spawnSync(command, args, {
    cwd: options.cwd ?? root,
    env: { ...process.env, NO_COLOR: "1", ...options.env },
    encoding: "utf8",
    timeout: 60_000,
  });
  return { code: status, signal, stdout, stderr };
}
