/**
 * A Millrace in this process, inline or with threads, from a part of a configuration: on a port of its own, with its
 * messages and its access log captured and its leaks counted. `proxy-process.ts` is the same as a process.
 */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfig } from "../../src/config/parse-config.ts";
import { type ConfigInput, createProxy, type Logger, type Proxy } from "../../src/index.ts";
import type { CreateEndpointSource } from "../../src/server/endpoint-lists.ts";
import { ControlledProxy } from "../../src/server/controlled-proxy.ts";
import { MetricsPage } from "./metrics-page.ts";
import { http1, type Protocols } from "./protocols.ts";
import { eventually } from "./signal.ts";

/** What is open in a proxy. */
export type Inspection = Awaited<ReturnType<Proxy["inspect"]>>;

/** What is open when nothing is. */
export const nothingOpen: Inspection = {
  connections: 0,
  exchanges: 0,
  upstreamConnections: 0,
  idleUpstreamConnections: 0,
  deadlines: 0,
};

/** One line of the JSON access log. */
export type LogLine = Record<string, unknown>;

/** What a proxy said to its logger. */
export interface Message {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** How proxies are run in tests that hold for both. */
export const modes: readonly (readonly [title: string, threads: number])[] = [
  ["inline", 0],
  ["with two threads", 2],
];

/**
 * What to start: one listener on a free port, an admin listener, a route to the upstream `app`, and whatever of that is
 * given otherwise. All but `threads`, `idleGraceMs`, `createSource` and `mayComplain` may be changed by a reload.
 */
export interface ProxyOptions {
  /** Proxy threads; default 0: inline. */
  readonly threads?: number;
  /** The endpoints of the upstream `app`; default: there is no such upstream. */
  readonly endpoints?: readonly unknown[];
  /** Keys of the upstream `app`, beside its endpoints. */
  readonly upstream?: Record<string, unknown>;
  /** Keys of the listener, beside its address. */
  readonly listener?: Record<string, unknown>;
  /** In place of one route to `app`. */
  readonly routes?: readonly unknown[];
  /** Adds or replaces top-level keys of the configuration. */
  readonly config?: Readonly<Record<string, unknown>> | ConfigInput;
  /** See `ProxyOptions` of the library; default 0. */
  readonly idleGraceMs?: number;
  /** Where the endpoints of upstreams come from; default: the configuration. */
  readonly createSource?: CreateEndpointSource;
  /** Messages of the level `error` that are no failure of the test; default: none. */
  readonly mayComplain?: RegExp;
}

/** Everything that must be zero while nobody uses a proxy. */
const gauges = [
  "millrace_connections",
  "millrace_requests_in_flight",
  "millrace_endpoint_in_flight",
  "millrace_tunnels_open",
];

/** A proxy as the harness ends and checks it, wherever it runs. */
export interface RunningProxy {
  readonly options: ProxyOptions;
  /** The first listener's. */
  readonly port: number;
  readonly url: string;
  readonly isOpen: boolean;
  /** Whether `close` returns every exchange. */
  readonly isLogged: boolean;
  metrics(): Promise<MetricsPage>;
  /** Waits until no client is left and nothing is in flight. */
  untilQuiet(): Promise<void>;
  /** Waits until nothing at all is left. */
  untilEmpty(): Promise<void>;
  /** Ends the proxy; what it wrote stays. */
  stop(): Promise<void>;
  /** Ends the proxy and removes what it wrote. @returns the access log @throws if it met a bug of its own */
  close(): Promise<LogLine[]>;
  /** Ends it at once, without a look at what it leaves. */
  giveUp(): Promise<void>;
}

/** A running proxy. `Harness` starts it, ends it and checks that nothing is left over. */
export class ProxyUnderTest implements RunningProxy {
  readonly proxy: Proxy;
  readonly messages: readonly Message[];
  /** A folder of its own, for logs and sockets. */
  readonly folder: string;
  /** It was closed because something was left over that should not have been. */
  isGivenUp = false;
  /** What it was started with. */
  readonly options: ProxyOptions;
  readonly #protocols: Protocols;
  #hasKilled = false;

  private constructor(
    proxy: Proxy,
    parts: { messages: Message[]; folder: string; options: ProxyOptions; protocols: Protocols },
  ) {
    this.proxy = proxy;
    this.messages = parts.messages;
    this.folder = parts.folder;
    this.options = parts.options;
    this.#protocols = parts.protocols;
  }

  /** Starts it. @param setup what to start, or how to make that from the proxy's folder */
  static async start(
    setup: ProxyOptions | ((folder: string) => ProxyOptions),
    protocols = http1,
  ): Promise<ProxyUnderTest> {
    const folder = await mkdtemp(join(tmpdir(), "millrace-test-"));
    try {
      const options = typeof setup === "function" ? setup(folder) : setup;
      const messages: Message[] = [];
      const { createSource, idleGraceMs = 0 } = options;
      const input = configurationOf(options, folder, protocols);
      const given = { logger: loggerInto(messages), idleGraceMs };
      const proxy =
        createSource === undefined
          ? await createProxy(input, given)
          : new ControlledProxy(parseConfig(input, 0), given, createSource);
      await proxy.listen();
      await proxy.ready();
      return new ProxyUnderTest(proxy, { messages, folder, options, protocols });
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Applies other options, with as many threads as before; folder and access log stay. */
  reload(options: ProxyOptions): ReturnType<Proxy["reload"]> {
    return this.proxy.reload(this.#configuration({ threads: this.#threads, ...options }));
  }

  get #threads(): number {
    return Number(this.#configuration(this.options).workers);
  }

  #configuration(options: ProxyOptions): ConfigInput {
    return configurationOf(options, this.folder, this.#protocols);
  }

  /** Whether `close` returns every exchange: the configuration has no other access log, and no thread was killed. */
  get isLogged(): boolean {
    return !this.#hasKilled && (this.options.config === undefined || !("log" in this.options.config));
  }

  /** Ends a proxy thread as a fault would. That the proxy says so is no failure of the test. */
  killThread(index: number): Promise<void> {
    this.#hasKilled = true;
    return this.proxy.killThread(index);
  }

  /** It listens. */
  get isOpen(): boolean {
    return this.proxy.addresses().length > 0;
  }

  /** The port of the first listener. */
  get port(): number {
    return this.portOf();
  }

  /** The port of the listener called `name`; without a name, of the first. */
  portOf(name?: string): number {
    const address = this.proxy.addresses().find((one) => name === undefined || one.name === name);
    assert.ok(address, `there is a listener ${name ?? ""}`);
    return address.port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The URL of the admin listener. */
  get admin(): string {
    return `http://${this.proxy.adminAddress() ?? ""}`;
  }

  metrics(): Promise<MetricsPage> {
    return MetricsPage.of(this.admin);
  }

  /** Messages of the levels `warn` and `error`. */
  get complaints(): readonly string[] {
    return this.messages.filter(({ level }) => level === "warn" || level === "error").map(textOf);
  }

  /** What is open. */
  inspect(): Promise<Inspection> {
    return this.proxy.inspect();
  }

  /** Waits until what is open is as `isRight` says; `what` names that state. */
  async untilOpen(isRight: (open: Inspection) => boolean, what: string): Promise<void> {
    let last: Inspection | null = null;
    await this.#orGiveUp(
      async () => isRight((last = await this.inspect())),
      () => `${what}: ${JSON.stringify(last)}`,
    );
  }

  /**
   * Waits until nothing of the past is left: no client connection, no exchange, no upstream connection that is not idle
   * in the pool. To be called when every client is closed.
   */
  untilQuiet(): Promise<void> {
    return this.untilOpen(
      (open) =>
        open.connections === 0 && open.exchanges === 0 && open.upstreamConnections === open.idleUpstreamConnections,
      "nothing is in flight",
    );
  }

  /**
   * Waits until no client connection, exchange, upstream connection or deadline is left, and every gauge says so. To be
   * called when clients and endpoints are closed.
   */
  async untilEmpty(): Promise<void> {
    let left = "";
    await this.#orGiveUp(
      async () => {
        const counts = { ...(await this.inspect()), ...(await this.#gauges()) };
        const entries = Object.entries(counts).filter(([, value]) => value !== 0);
        left = JSON.stringify(entries);
        return entries.length === 0;
      },
      () => `nothing is left over: ${left}`,
    );
  }

  /** Asserts that no exchange and no attempt is counted as in flight. To be called when nothing is in flight. */
  async assertCountsAreZero(): Promise<void> {
    const metrics = await this.metrics();
    const endpoints = Object.entries(metrics.by("millrace_endpoint_in_flight", "endpoint"));
    assert.ok(endpoints.length > 0, "endpoints are counted");
    assert.deepEqual(
      endpoints.filter(([, count]) => count !== 0),
      [],
      "no attempt is counted as in flight",
    );
    assert.equal(metrics.sum("millrace_requests_in_flight"), 0, "no exchange is counted as in flight");
  }

  stop(): Promise<void> {
    return this.proxy.close({ graceMs: 0 });
  }

  /**
   * Closes the proxy at once and removes its folder. @returns the access log, unless the configuration had another
   * @throws when it told its logger of an error that was not expected: a bug of ours that ended a connection
   */
  async close(): Promise<LogLine[]> {
    await this.stop();
    const text = await readFile(join(this.folder, "access.log"), "utf8").catch(() => "");
    await rm(this.folder, { recursive: true, force: true });
    const errors = this.messages.filter(({ level }) => level === "error").map(textOf);
    assert.deepEqual(
      errors.filter(
        (error) =>
          this.options.mayComplain?.test(error) !== true &&
          !(this.#hasKilled && error.startsWith("a proxy thread died and is replaced")),
      ),
      [],
      "the proxy met no bug of its own",
    );
    return text
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line) as LogLine);
  }

  /** Ends it at once, without a look at what it leaves: the test has failed. */
  async giveUp(): Promise<void> {
    await this.proxy.close({ graceMs: 0 });
    await rm(this.folder, { recursive: true, force: true });
  }

  async #gauges(): Promise<Record<string, number>> {
    const address = this.proxy.adminAddress();
    if (address === null || address.startsWith("unix:")) return {};
    const metrics = await this.metrics();
    return Object.fromEntries(gauges.map((name) => [name, metrics.sum(name)]));
  }

  async #orGiveUp(isTrue: () => Promise<boolean>, what: () => string): Promise<void> {
    try {
      await eventually(isTrue, what);
    } catch (error) {
      // What is left over must not keep the process alive as well.
      this.isGivenUp = true;
      await this.proxy.close({ graceMs: 0 });
      throw error;
    }
  }
}

const textOf = ({ message, fields }: Message): string => `${message} ${JSON.stringify(fields)}`;

function loggerInto(messages: Message[]): Logger {
  const log =
    (level: Message["level"]) =>
    (message: string, fields: Record<string, unknown> = {}): void =>
      void messages.push({ level, message, fields });
  return { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
}

/** The whole configuration that `options` mean, for a proxy that may write into `folder` and speaks `protocols`. */
export function configurationOf(options: ProxyOptions, folder: string, protocols: Protocols): ConfigInput {
  const config = {
    workers: options.threads ?? 0,
    listeners: [{ address: "127.0.0.1:0", ...options.listener }],
    admin: { address: "127.0.0.1:0" },
    ...(options.endpoints === undefined
      ? {}
      : { upstreams: { app: { endpoints: options.endpoints, ...options.upstream } } }),
    routes: options.routes ?? [{ upstream: "app" }],
    log: { level: "error", access: { format: "json", path: join(folder, "access.log") }, stats: "0s" },
    ...options.config,
  } as unknown as ConfigInput;
  return withProtocols(config, protocols);
}

/** `config`, with what its listeners and upstreams must say to speak `protocols`. */
function withProtocols(config: ConfigInput, { client, endpoint }: Protocols): ConfigInput {
  const { listeners, upstreams } = config;
  return {
    ...config,
    listeners: listeners.map((listener) => ({ ...client.listener, ...listener })),
    ...(upstreams && {
      upstreams: Object.fromEntries(
        Object.entries(upstreams).map(([name, upstream]) => [
          name,
          { ...endpoint.upstream(upstream?.endpoints), ...upstream },
        ]),
      ),
    }),
  };
}
