/**
 * A Millrace in this thread, on a port of its own, with its access log captured and its leaks counted.
 */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { createProxy, type Logger } from "../../src/index.ts";
import { MetricsPage } from "./metrics-page.ts";
import { eventually } from "./signal.ts";

type Proxy = Awaited<ReturnType<typeof createProxy>>;

/** What is open in a proxy. */
export type Inspection = Awaited<ReturnType<Proxy["inspect"]>>;

/** One line of the JSON access log. */
export type LogLine = Record<string, unknown>;

/**
 * What to start: the short way for one listener, one route and one upstream; `config` adds or replaces top-level keys.
 */
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
  /** What the proxy told its logger as errors. */
  readonly errors: readonly string[];
  /** It was closed because something was left over that should not have been. */
  isGivenUp = false;
  readonly #logFolder: string;

  private constructor(proxy: Proxy, errors: readonly string[], logFolder: string) {
    this.proxy = proxy;
    this.errors = errors;
    this.#logFolder = logFolder;
  }

  static async start(options: ProxyOptions): Promise<ProxyUnderTest> {
    const logFolder = await mkdtemp(join(tmpdir(), "millrace-test-"));
    try {
      const errors: string[] = [];
      const logger: Logger = {
        debug: () => {},
        info: () => {},
        warn: () => {},
        error: (message, fields) => {
          errors.push(`${message} ${inspect(fields)}`);
        },
      };
      const proxy = await createProxy(
        configurationOf(options, join(logFolder, "access.log")) as Parameters<typeof createProxy>[0],
        { logger },
      );
      await proxy.listen();
      return new ProxyUnderTest(proxy, errors, logFolder);
    } catch (error) {
      await rm(logFolder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Applies other options; the access log stays. */
  async reload(options: ProxyOptions): Promise<void> {
    await this.proxy.reload(
      configurationOf(options, join(this.#logFolder, "access.log")) as Parameters<Proxy["reload"]>[0],
    );
  }

  get port(): number {
    const [address] = this.proxy.addresses();
    assert.ok(address, "the proxy listens");
    return address.port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What is open. */
  inspect(): Promise<Inspection> {
    return this.proxy.inspect();
  }

  /** Waits until what is open is as `isRight` says; `what` names that state. */
  async untilOpen(isRight: (open: Inspection) => boolean, what: string): Promise<void> {
    let last: Inspection | null = null;
    try {
      await eventually(
        async () => isRight((last = await this.inspect())),
        () => `${what}: ${JSON.stringify(last)}`,
      );
    } catch (error) {
      // What is left over must not keep the process alive as well.
      this.isGivenUp = true;
      await this.proxy.close({ graceMs: 0 });
      throw error;
    }
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
   * Looks that nothing is counted as in flight, at any endpoint either. Only for a proxy with an admin listener:
   * `config: { admin: { address: "127.0.0.1:0" } }`. To be called when nothing is in flight.
   */
  async assertCountsAreZero(): Promise<void> {
    const metrics = await MetricsPage.of(`http://${this.proxy.adminAddress() ?? ""}`);
    const endpoints = Object.entries(metrics.by("millrace_endpoint_in_flight", "endpoint"));
    assert.ok(endpoints.length > 0, "endpoints are counted");
    assert.deepEqual(
      endpoints.filter(([, count]) => count !== 0),
      [],
      "no attempt is counted as in flight",
    );
    assert.equal(metrics.sum("millrace_requests_in_flight"), 0, "no exchange is counted as in flight");
  }

  /**
   * Waits until, in addition, no upstream connection and no deadline is left. To be called when the endpoints are
   * closed too.
   */
  async untilEmpty(): Promise<void> {
    await this.untilQuiet();
    await this.untilOpen((open) => open.upstreamConnections === 0 && open.deadlines === 0, "nothing is left over");
  }

  /**
   * Closes the proxy. @returns the access log.
   * @throws when it told its logger of an error: a bug of ours that ended a connection
   */
  async close(): Promise<LogLine[]> {
    await this.proxy.close({ graceMs: 0 });
    assert.deepEqual(this.errors, [], "the proxy met no bug of its own");
    const text = await readFile(join(this.#logFolder, "access.log"), "utf8").catch(() => "");
    await rm(this.#logFolder, { recursive: true, force: true });
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as LogLine);
  }
}

function configurationOf(options: ProxyOptions, accessLog: string): Record<string, unknown> {
  return {
    workers: 0,
    listeners: [{ address: "127.0.0.1:0", ...options.listener }],
    ...(options.endpoints === undefined
      ? {}
      : { upstreams: { app: { endpoints: options.endpoints, ...options.upstream } } }),
    routes: options.routes ?? [{ upstream: "app" }],
    log: { level: "error", access: { format: "json", path: accessLog }, stats: "0s" },
    ...options.config,
  };
}
