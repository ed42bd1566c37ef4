/**
 * The life of a serving process: what signals and unexpected errors do to it, and its way out.
 * First SIGTERM or SIGINT: finish what is under way, within the grace period. Second: at once.
 */
import { isatty } from "node:tty";
import { hasLogCallUnderWay } from "../observe/log-call.ts";
import type { Logger } from "../observe/logger.ts";
import type { Proxy } from "../server/proxy.ts";
import { takeEarlySignals } from "./early-signals.ts";
import type { Reloader } from "./reloader.ts";
import type { Service } from "./service.ts";

/** More unexpected errors than this within a minute, and the process stops rather than limps on. */
const maxUnexpectedErrorsPerMinute = 10;

/** What keeps the process alive although everything is closed has this long. */
const exitGraceMs = 1_000;

/** Hooks the process; one a process. */
export class ProcessLifetime {
  readonly #service: Service;
  readonly #proxy: Proxy;
  readonly #reloader: Reloader;
  readonly #logger: Logger;
  #stopping: Promise<void> | null = null;
  #isForced = false;
  #recentErrorTimes: number[] = [];

  constructor(parts: { service: Service; proxy: Proxy; reloader: Reloader; logger: Logger }) {
    this.#service = parts.service;
    this.#proxy = parts.proxy;
    this.#reloader = parts.reloader;
    this.#logger = parts.logger;
  }

  get isStopping(): boolean {
    return this.#stopping !== null;
  }

  /** Installs the handlers. They stay until the process ends. */
  hook(): void {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => this.#onStopSignal(signal));
    process.on("SIGHUP", this.#onHangup);
    process.on("SIGUSR1", () => {
      this.#proxy.reopenLogs();
      this.#logger.info("reopened the logs");
    });
    // Other servers upgrade themselves by it; its default would end the process.
    process.on("SIGUSR2", () => this.#logger.info("SIGUSR2 means nothing to Millrace", { signal: "SIGUSR2" }));
    // One that came while the configuration was read may be about a later one: what is reloaded waits until the proxy
    // has started.
    if (takeEarlySignals().includes("SIGHUP")) setImmediate(this.#onHangup);
    // Node.js writes its warnings itself, and waits for the reader of standard error.
    process.removeAllListeners("warning");
    process.on("warning", (warning) =>
      this.#logger.warn("Node.js warns", { name: warning.name, warning: warning.message }),
    );
    process.on("uncaughtException", (error) => this.#onUnexpected(error));
    process.on("unhandledRejection", (error) => this.#onUnexpected(error));
  }

  // If there is no file to reload, SIGHUP has its original meaning: the terminal is gone.
  readonly #onHangup = (): void => {
    if (this.#service.file === null && isatty(0)) this.#onStopSignal("SIGHUP");
    else if (!this.isStopping) void this.#reloader.reload("SIGHUP");
  };

  /**
   * Closes everything; the process then ends by itself.
   * @param graceMs for exchanges under way; null: as configured, 0: none
   */
  stop(graceMs: number | null): Promise<void> {
    this.#stopping ??= this.#stop(graceMs);
    return this.#stopping;
  }

  async #stop(graceMs: number | null): Promise<void> {
    this.#reloader.close();
    try {
      await this.#proxy.close(graceMs === null ? {} : { graceMs });
    } catch (error) {
      this.#logger.error("closing failed", { error: describe(error) });
      process.exitCode = 1;
    }
    await this.#service.onClosed?.();
    setTimeout(endProcess, exitGraceMs).unref();
  }

  #onStopSignal(signal: NodeJS.Signals): void {
    if (this.#stopping === null) {
      this.#logger.info("stopping", { signal });
      void this.stop(null).then(() =>
        this.#logger.info("stopped", { cutExchanges: this.#proxy.cut.exchanges, cutTunnels: this.#proxy.cut.tunnels }),
      );
    } else if (!this.#isForced) {
      this.#isForced = true;
      this.#logger.warn("stopping at once", { signal });
      void this.#proxy.close({ graceMs: 0 });
      setTimeout(endProcess, exitGraceMs).unref();
    }
  }

  #onUnexpected(error: unknown): void {
    this.#logger.error("unexpected error in the control thread", { error: describe(error) });
    const now = performance.now();
    this.#recentErrorTimes = [...this.#recentErrorTimes.filter((time) => now - time < 60_000), now];
    if (this.#recentErrorTimes.length > maxUnexpectedErrorsPerMinute && this.#stopping === null) {
      this.#logger.error("too many unexpected errors: stopping");
      process.exitCode = 1;
      void this.stop(null);
    }
  }
}

/**
 * Ends the process at once. `process.exit` waits for calls of the system that are under way in Node.js's pool, for ever
 * if a disk hangs; then a signal ends it: SIGTERM, which supervisors take for a clean end, or SIGKILL after a failure.
 */
function endProcess(): void {
  if (!hasLogCallUnderWay()) process.exit();
  // The outputs still write what they can.
  process.emit("exit", 0);
  const signal = process.exitCode === undefined || process.exitCode === 0 ? "SIGTERM" : "SIGKILL";
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
