/**
 * A proxy with any configuration, its log messages, its admin listener, and the check that nothing is left over in the
 * end.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConfigInput, createProxy, type Logger, type Proxy, type ProxyOptions } from "../../src/index.ts";
import { parseConfig } from "../../src/config/parse-config.ts";
import type { CreateEndpointSource } from "../../src/server/endpoint-lists.ts";
import { ControlledProxy } from "../../src/server/proxy.ts";
import { MetricsPage } from "./metrics-page.ts";
import { eventually } from "./signal.ts";

/** What the proxy said. */
export interface Message {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** How proxies are run in tests that hold for both. */
export const modes: readonly (readonly [title: string, workers: number])[] = [
  ["inline", 0],
  ["with two threads", 2],
];

/** Everything that must be zero when nobody uses the proxy. */
const gauges = [
  "millrace_connections",
  "millrace_requests_in_flight",
  "millrace_endpoint_in_flight",
  "millrace_tunnels_open",
];

/** What a stage may be given beside a configuration. */
export interface StageOptions extends Pick<ProxyOptions, "idleGraceMs"> {
  /** Where the endpoints of upstreams come from; default: the configuration. */
  readonly createSource?: CreateEndpointSource;
}

/** A running proxy. */
export class Stage {
  readonly proxy: Proxy;
  readonly messages: readonly Message[];
  /** A folder of its own, for logs and sockets. */
  readonly folder: string;

  private constructor(proxy: Proxy, messages: readonly Message[], folder: string) {
    this.proxy = proxy;
    this.messages = messages;
    this.folder = folder;
  }

  /**
   * Starts it, with an admin listener beside `config` and quiet logs unless that says otherwise. @param config or how
   * to make it from the folder @param options beside the logger
   */
  static async start(
    config: ConfigInput | ((folder: string) => ConfigInput),
    { createSource, ...options }: StageOptions = {},
  ): Promise<Stage> {
    const folder = await mkdtemp(join(tmpdir(), "millrace-lifetime-"));
    const messages: Message[] = [];
    const log =
      (level: Message["level"]) =>
      (message: string, fields: Record<string, unknown> = {}): void =>
        void messages.push({ level, message, fields });
    const logger: Logger = { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
    try {
      const input = withAdmin(typeof config === "function" ? config(folder) : config);
      const proxy =
        createSource === undefined
          ? await createProxy(input, { logger, ...options })
          : new ControlledProxy(parseConfig(input, 0), { logger, ...options }, createSource);
      await proxy.listen();
      await proxy.ready();
      return new Stage(proxy, messages, folder);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Reloads; the admin listener stays. */
  reload(config: ConfigInput): ReturnType<Proxy["reload"]> {
    return this.proxy.reload(withAdmin(config));
  }

  /** The port of the listener called `name`, or of the first. */
  port(name?: string): number {
    const address = this.proxy.addresses().find((one) => name === undefined || one.name === name);
    assert.ok(address, `there is a listener ${name ?? ""}`);
    return address.port;
  }

  get admin(): string {
    return `http://${this.proxy.adminAddress()}`;
  }

  metrics(): Promise<MetricsPage> {
    return MetricsPage.of(this.admin);
  }

  /** Messages of the levels `warn` and `error`. */
  get complaints(): readonly string[] {
    return this.messages
      .filter(({ level }) => level === "warn" || level === "error")
      .map(({ message, fields }) => `${message} ${JSON.stringify(fields)}`);
  }

  /**
   * Waits until no client connection, exchange, upstream connection or deadline is left, and every gauge says so. To be
   * called when clients and endpoints are closed.
   */
  async untilEmpty(): Promise<void> {
    let open = "";
    await eventually(
      async () => {
        const inspection = await this.proxy.inspect();
        const metrics = await this.metrics();
        const left = Object.entries({
          ...inspection,
          ...Object.fromEntries(gauges.map((name) => [name, metrics.sum(name)])),
        }).filter(([, value]) => value !== 0);
        open = JSON.stringify(left);
        return left.length === 0;
      },
      () => `nothing is left over: ${open}`,
    );
  }

  /** Ends the proxy at once and removes the folder. */
  async close(): Promise<void> {
    await this.proxy.close({ graceMs: 0 });
    await rm(this.folder, { recursive: true, force: true });
  }
}

function withAdmin(config: ConfigInput): ConfigInput {
  return { admin: { address: "127.0.0.1:0" }, log: { stats: "0s" }, ...config };
}
