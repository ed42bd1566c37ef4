/** A Millrace as a process of its own, from a part of a configuration; seen from outside, as its operator sees it. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MetricsPage } from "./metrics-page.ts";
import { command, MillraceProcess } from "./millrace-process.ts";
import { http1 } from "./protocols.ts";
import { configurationOf, type LogLine, type ProxyOptions, type RunningProxy } from "./proxy-under-test.ts";
import { eventually } from "./signal.ts";

/** How it is run. */
export interface ProcessOptions {
  /** Options of `millrace run`, beside `--no-watch`. */
  readonly flags?: readonly string[];
  readonly env?: Record<string, string>;
  /** What a shell does before it becomes the process, as `ulimit -n 160`; default: nothing. */
  readonly prepare?: string;
}

/** A running process. */
export class ProxyProcess implements RunningProxy {
  readonly process: MillraceProcess;
  readonly options: ProxyOptions;
  /** A folder of its own, for the configuration, logs and sockets. */
  readonly folder: string;
  readonly urls: readonly string[];
  /** The URL of the admin listener. */
  readonly admin: string;

  private constructor(
    process: MillraceProcess,
    parts: { options: ProxyOptions; folder: string; urls: readonly string[]; admin: string },
  ) {
    this.process = process;
    this.options = parts.options;
    this.folder = parts.folder;
    this.urls = parts.urls;
    this.admin = parts.admin;
  }

  static async start(
    options: ProxyOptions,
    { flags = [], env = {}, prepare }: ProcessOptions = {},
    protocols = http1,
  ): Promise<ProxyProcess> {
    const folder = await mkdtemp(join(tmpdir(), "millrace-process-"));
    const file = join(folder, "millrace.json");
    const quiet: ProxyOptions["config"] = {
      log: { access: { format: "json", path: join(folder, "access.log") }, stats: "0s" },
      ...options.config,
    };
    await writeFile(file, JSON.stringify(configurationOf({ ...options, config: quiet }, folder, protocols)));
    const args = ["run", "--no-watch", ...flags, file];
    const process =
      prepare === undefined
        ? new MillraceProcess(args, { env })
        : new MillraceProcess(["-c", `${prepare}; exec "$0" "$@"`, command, ...args], { executable: "/bin/sh", env });
    try {
      const { urls, admin } = await process.ready();
      assert.ok(admin !== null, "it has an admin listener");
      return new ProxyProcess(process, { options, folder, urls, admin });
    } catch (error) {
      await process.stop();
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  get url(): string {
    return this.urls[0] ?? "";
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** It has not been ended. */
  get isOpen(): boolean {
    return this.process.child.exitCode === null && this.process.child.signalCode === null;
  }

  /** Whether `close` returns every exchange: the configuration has no other access log. */
  get isLogged(): boolean {
    return this.options.config === undefined || !("log" in this.options.config);
  }

  metrics(): Promise<MetricsPage> {
    return MetricsPage.of(this.admin);
  }

  /** Waits until no client connection and no exchange is left. To be called when every client is closed. */
  untilQuiet(): Promise<void> {
    return this.#untilZero(["millrace_connections", "millrace_requests_in_flight", "millrace_tunnels_open"]);
  }

  /** Waits until no attempt is left either. */
  untilEmpty(): Promise<void> {
    return this.#untilZero(["millrace_endpoint_in_flight"]);
  }

  /** Ends it as an operator does. @throws if it does not end well */
  async stop(): Promise<void> {
    if (this.isOpen) this.process.signal("SIGTERM");
    const { code, stderr } = await this.process.ended;
    assert.equal(code, 0, stderr);
  }

  /** Ends it and removes its folder. @returns the access log, unless the configuration had another */
  async close(): Promise<LogLine[]> {
    await this.stop();
    const text = await readFile(join(this.folder, "access.log"), "utf8").catch(() => "");
    await rm(this.folder, { recursive: true, force: true });
    assert.doesNotMatch(this.process.stderr, /internal error/i, "the proxy met no bug of its own");
    return text
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as LogLine);
  }

  /** Ends it at once, without a look at what it leaves. */
  async giveUp(): Promise<void> {
    await this.process.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  async #untilZero(gauges: readonly string[]): Promise<void> {
    if (!this.isOpen) return;
    let left = "";
    await eventually(
      async () => {
        const metrics = await this.metrics();
        const counts = gauges.map((name) => [name, metrics.sum(name)]).filter(([, value]) => value !== 0);
        left = JSON.stringify(counts);
        return counts.length === 0;
      },
      () => `nothing is left over: ${left}`,
    );
  }
}
