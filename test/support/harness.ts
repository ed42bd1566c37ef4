/**
 * One test's proxies, endpoints and clients: started in a line of code, ended in the right order whatever happened, and
 * checked: nothing is left over, each request of a speaker has one line in the access log, endpoints were sent nothing
 * that could be read in two ways, and the proxies met no bug of their own. How to use it: CONTRIBUTING.md.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import type { RequestListener } from "node:http";
import type { NetConnectOpts } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test, type TestContext, type TestOptions } from "node:test";
import { type Behaviour, Endpoint } from "./endpoint.ts";
import { Load, type LoadOptions } from "./load.ts";
import type { ReceivedAnswer } from "./message.ts";
import { EndpointProcess } from "./endpoint-process.ts";
import { Origin } from "./origin.ts";
import { http1, matrix, type Protocols } from "./protocols.ts";
import { type ProcessOptions, ProxyProcess } from "./proxy-process.ts";
import { type LogLine, type ProxyOptions, ProxyUnderTest, type RunningProxy } from "./proxy-under-test.ts";
import { RawClient } from "./raw-client.ts";
import { type Script, ScriptedUpstream } from "./scripted-upstream.ts";
import type { Ask, Speaker } from "./speaker.ts";

/** Declares a test of what a proxy does, whatever is spoken on its two sides: one for each pair of protocols. */
export function testOverProtocols(
  name: string,
  run: (harness: Harness, context: TestContext) => Promise<void>,
  options: TestOptions = {},
): void {
  for (const [index, pair] of matrix.entries())
    test(index === 0 ? name : `${name}, ${pair.client.name} to ${pair.endpoint.name}`, options, (context) =>
      run(new Harness(context, pair), context),
    );
}

/** Declares a test of bytes on the wire, of a protocol that it names, or of no protocol at all. */
export function testWithHarness(
  name: string,
  run: (harness: Harness, context: TestContext) => Promise<void>,
  options: TestOptions = {},
): void {
  test(name, options, (context) => run(new Harness(context), context));
}

/** A harness of all tests of a file or a `describe`; what they start is ended behind the last of them. For tests of bytes. */
export const sharedHarness = (): Harness => new Harness({ passed: true, after });

/** How to start a client, a proxy and an endpoint at once: the options of the proxy, but its endpoints. */
export interface Trio extends Omit<ProxyOptions, "endpoints"> {
  /** Default: 200 with the body `ok`. */
  readonly behaviour?: Behaviour;
}

/** Started by the tests themselves, and ended after the proxies are quiet. */
type Closing = () => unknown;

export class Harness {
  readonly protocols: Protocols;
  readonly #proxies: RunningProxy[] = [];
  readonly #speakers: { speaker: Speaker; proxy: RunningProxy }[] = [];
  readonly #clients = new Set<{ destroy(): void }>();
  readonly #endpoints: { readonly violations?: readonly string[]; close(): Promise<unknown> }[] = [];
  readonly #closings: Closing[] = [];
  readonly #folders: string[] = [];
  #logs: LogLine[][] | null = null;

  /** @param context ends everything, unless `end` was called before */
  constructor(context: { readonly passed: boolean; after(end: () => Promise<unknown>): void }, protocols = http1) {
    this.protocols = protocols;
    context.after(() => (context.passed ? this.end() : this.#abandon()));
  }

  /** Starts a client, a proxy and its endpoint. */
  async trio({ behaviour, ...options }: Trio = {}): Promise<{
    endpoint: Endpoint;
    proxy: ProxyUnderTest;
    client: Speaker;
  }> {
    const endpoint = await this.endpoint(behaviour);
    const proxy = await this.proxy({ endpoints: [endpoint.url], ...options });
    return { endpoint, proxy, client: await this.speaker(proxy) };
  }

  /** The same with a client and an endpoint that are given bytes. @param script default: 200 with the body `ok` */
  async rawTrio(
    options: Omit<ProxyOptions, "endpoints"> = {},
    script?: Script,
  ): Promise<{ upstream: ScriptedUpstream; proxy: ProxyUnderTest; client: RawClient }> {
    const upstream = await this.scripted(script);
    const proxy = await this.proxy({ endpoints: [upstream.url], ...options });
    return { upstream, proxy, client: await this.raw(proxy) };
  }

  async proxy(setup: ProxyOptions | ((folder: string) => ProxyOptions)): Promise<ProxyUnderTest> {
    const proxy = await ProxyUnderTest.start(setup, this.protocols);
    this.#proxies.push(proxy);
    return proxy;
  }

  /** A proxy in a process of its own, started as the command does it. */
  async process(options: ProxyOptions, how?: ProcessOptions): Promise<ProxyProcess> {
    const proxy = await ProxyProcess.start(options, how, this.protocols);
    this.#proxies.push(proxy);
    return proxy;
  }

  /** An endpoint that speaks what is to be spoken to endpoints. @param port to come back at a known one */
  endpoint(behaviour?: Behaviour, port?: number): Promise<Endpoint> {
    return this.#endpoint(Endpoint.start(this.protocols.endpoint, behaviour, port));
  }

  /** Endpoints of the same behaviour. */
  endpoints(count: number, behaviour?: Behaviour): Promise<Endpoint[]> {
    return Promise.all(Array.from({ length: count }, () => this.endpoint(behaviour)));
  }

  /** An endpoint that a test gives bytes to send, and whose received bytes it looks at. */
  scripted(script?: Script): Promise<ScriptedUpstream> {
    return this.#endpoint(ScriptedUpstream.start(script));
  }

  /** Node's own server as an endpoint. */
  origin(listener: RequestListener, port?: number): Promise<Origin> {
    return this.#endpoint(Origin.start(listener, port));
  }

  /** An endpoint in a process of its own, which can be killed like one. @param port to come back at a known one */
  async endpointProcess(name: string, port?: number): Promise<EndpointProcess> {
    const endpoint = await EndpointProcess.start(this.protocols.endpoint, name, port);
    this.atEnd(() => endpoint.kill());
    return endpoint;
  }

  /** A connection of a client that speaks what is to be spoken by clients. @param proxy default: the last one */
  async speaker(proxy = this.#proxies.at(-1)!): Promise<Speaker> {
    const speaker = await this.speakerAt(proxy.port);
    this.#speakers.push({ speaker, proxy });
    return speaker;
  }

  /** The same to another listener than the first: a port or a Unix socket. Its lines in the access log are not counted. */
  async speakerAt(target: number | NetConnectOpts): Promise<Speaker> {
    const speaker = await this.protocols.client.connect(target);
    this.#clients.add(speaker);
    return speaker;
  }

  /** Asks by a connection of its own, which is closed then: any thread may get it. @param proxy default: the last one */
  async ask(request?: Ask, proxy?: RunningProxy): Promise<ReceivedAnswer> {
    const speaker = await this.speaker(proxy);
    const answer = await speaker.ask(request);
    await speaker.close();
    return answer;
  }

  /** Several connections. */
  speakers(count: number, proxy?: RunningProxy): Promise<Speaker[]> {
    return Promise.all(Array.from({ length: count }, () => this.speaker(proxy)));
  }

  /** Connections of clients that a test gives bytes to send. */
  raws(count: number, proxy?: RunningProxy): Promise<RawClient[]> {
    return Promise.all(Array.from({ length: count }, () => this.raw(proxy)));
  }

  /** A connection of a client that a test gives bytes to send. @param proxy default: the last one */
  async raw(proxy = this.#proxies.at(-1)!): Promise<RawClient> {
    const client = await RawClient.connect(proxy.port);
    this.#clients.add(client);
    client.socket.once("close", () => this.#clients.delete(client));
    return client;
  }

  /** Clients that keep a proxy busy. @param proxy default: the last one */
  load(options: Omit<LoadOptions, "connect">, { port } = this.#proxies.at(-1)!): Load {
    const load = new Load({ connect: () => this.protocols.client.connect(port), ...options });
    this.endWithClients(() => load.abandon());
    return load;
  }

  /** A folder that is removed in the end. */
  async folder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), "millrace-harness-"));
    this.#folders.push(folder);
    return folder;
  }

  /** Ends something of the test's own together with the clients. */
  endWithClients(close: () => void): void {
    this.#clients.add({ destroy: close });
  }

  /** Ends something of the test's own together with the endpoints. */
  atEnd(close: Closing): void {
    this.#closings.push(close);
  }

  /**
   * Ends clients, then endpoints, then proxies, and checks what the head of this file says. To be called by tests that
   * look at the access log; else it happens by itself. @returns the access log of each proxy, in the order of starting
   */
  async end(): Promise<readonly LogLine[][]> {
    if (this.#logs !== null) return this.#logs;
    this.#logs = [];
    try {
      for (const client of this.#clients) client.destroy();
      // A proxy in front of another was started after it, and is gone before that is looked at.
      for (const proxy of this.#proxies.toReversed()) {
        await proxy.untilQuiet();
        if (this.#isInFront(proxy)) await proxy.stop();
      }
      await this.#closeEndpoints();
      for (const proxy of this.#proxies) {
        await proxy.untilEmpty();
        this.#logs.push(await proxy.close());
      }
    } catch (error) {
      await this.#abandon();
      throw error;
    }
    await this.#removeFolders();
    for (const [index, proxy] of this.#proxies.entries()) this.#checkLog(proxy, this.#logs[index]!);
    for (const { violations = [] } of this.#endpoints) assert.deepEqual(violations, []);
    return this.#logs;
  }

  /** Whether an endpoint of this proxy is another proxy. */
  #isInFront(proxy: RunningProxy): boolean {
    const endpoints = JSON.stringify(proxy.options.endpoints ?? []);
    return this.#proxies.some((other) => other !== proxy && other.isOpen && endpoints.includes(other.url));
  }

  async #endpoint<Kind extends { close(): Promise<unknown> }>(starting: Promise<Kind>): Promise<Kind> {
    const endpoint = await starting;
    this.#endpoints.push(endpoint);
    return endpoint;
  }

  async #closeEndpoints(): Promise<void> {
    for (const endpoint of this.#endpoints) await endpoint.close();
    for (const close of this.#closings) await close();
  }

  async #removeFolders(): Promise<void> {
    for (const folder of this.#folders) await rm(folder, { recursive: true, force: true });
  }

  /** Each request that a speaker got an answer to has one line, others have one or none. */
  #checkLog(proxy: RunningProxy, lines: readonly LogLine[]): void {
    if (!proxy.isLogged) return;
    const expected = new Map<number, { least: number; most: number }>();
    for (const { speaker, proxy: asked } of this.#speakers) {
      if (asked !== proxy) continue;
      const { least, most } = expected.get(speaker.localPort) ?? { least: 0, most: 0 };
      expected.set(speaker.localPort, { least: least + speaker.answeredCount, most: most + speaker.begunCount });
    }
    const found = new Map<number, number>();
    for (const line of lines) {
      const port = Number(/(\d+)$/.exec(String(line["peer"]))?.[1]);
      found.set(port, (found.get(port) ?? 0) + 1);
    }
    for (const [port, { least, most }] of expected) {
      const count = found.get(port) ?? 0;
      assert.ok(
        count >= least && count <= most,
        `${count} lines in the access log for ${least === most ? least : `${least} to ${most}`} requests of a connection`,
      );
    }
  }

  /** Ends everything at once: the test has failed, and says why. */
  async #abandon(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await Promise.allSettled(this.#proxies.map((proxy) => proxy.giveUp()));
    await this.#closeEndpoints();
    await this.#removeFolders();
  }
}
