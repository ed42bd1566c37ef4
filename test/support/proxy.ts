/**
 * A Millrace in this thread, on a port of its own, with its access log captured and its leaks counted.
 */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createProxy } from "../../src/index.ts";
import { eventually } from "./signal.ts";

type Proxy = Awaited<ReturnType<typeof createProxy>>;

/** One line of the JSON access log. */
export type LogLine = Record<string, unknown>;

/** What to start: the short way for one listener, one route and one upstream; `config` adds or replaces top-level keys. */
export interface ProxyOptions {
  /** The endpoints of the upstream `app`. */
  endpoints?: readonly unknown[];
  /** Keys of the listener, beside its address. */
  listener?: Record<string, unknown>;
  /** Keys of the upstream `app`, beside its endpoints. */
  upstream?: Record<string, unknown>;
  /** In place of one route to `app`. */
  routes?: readonly unknown[];
  config?: Record<string, unknown>;
}

/** A running proxy. */
export class ProxyUnderTest {
  readonly proxy: Proxy;
  readonly #logFolder: string;

  private constructor(proxy: Proxy, logFolder: string) {
    this.proxy = proxy;
    this.#logFolder = logFolder;
  }

  static async start(options: ProxyOptions): Promise<ProxyUnderTest> {
    const logFolder = await mkdtemp(join(tmpdir(), "millrace-test-"));
    try {
      const proxy = await createProxy(configurationOf(options, join(logFolder, "access.log")) as Parameters<typeof createProxy>[0]);
      await proxy.listen();
      return new ProxyUnderTest(proxy, logFolder);
    } catch (error) {
      await rm(logFolder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Applies other options; the access log stays. */
  async reload(options: ProxyOptions): Promise<void> {
    await this.proxy.reload(configurationOf(options, join(this.#logFolder, "access.log")) as Parameters<Proxy["reload"]>[0]);
  }

  get port(): number {
    const [address] = this.proxy.addresses();
    assert.ok(address, "the proxy listens");
    return address.port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  inspect(): ReturnType<Proxy["inspect"]> {
    return this.proxy.inspect();
  }

  /**
   * Waits until nothing of the past is left: no client connection, no exchange, no upstream connection that is not idle in the pool.
   * To be called when every client is closed.
   */
  async untilQuiet(): Promise<void> {
    await eventually(
      () => {
        const { connections, exchanges, upstreamConnections, idleUpstreamConnections } = this.inspect();
        return connections === 0 && exchanges === 0 && upstreamConnections === idleUpstreamConnections;
      },
      () => `nothing is in flight: ${JSON.stringify(this.inspect())}`,
    );
  }

  /** Waits until, in addition, no upstream connection and no deadline is left. To be called when the endpoints are closed too. */
  async untilEmpty(): Promise<void> {
    await this.untilQuiet();
    await eventually(
      () => this.inspect().upstreamConnections === 0 && this.inspect().deadlines === 0,
      () => `nothing is left over: ${JSON.stringify(this.inspect())}`,
    );
  }

  /** Closes the proxy. @returns the access log. */
  async close(): Promise<LogLine[]> {
    await this.proxy.close();
    const text = await readFile(join(this.#logFolder, "access.log"), "utf8").catch(() => "");
    await rm(this.#logFolder, { recursive: true, force: true });
    return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as LogLine);
  }
}

function configurationOf(options: ProxyOptions, accessLog: string): Record<string, unknown> {
  return {
    workers: 0,
    listeners: [{ address: "127.0.0.1:0", ...options.listener }],
    ...(options.endpoints === undefined ? {} : { upstreams: { app: { endpoints: options.endpoints, ...options.upstream } } }),
    routes: options.routes ?? [{ upstream: "app" }],
    log: { level: "error", access: { format: "json", path: accessLog }, stats: "0s" },
    ...options.config,
  };
}
