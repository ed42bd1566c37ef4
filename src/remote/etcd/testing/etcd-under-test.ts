/** What the tests of etcd share: clients that are closed, questions that no client asks, and somebody who follows. */
import type { TestContext } from "node:test";
import { EtcdServer, type EtcdServerOptions } from "../../../../test/support/etcd-server.ts";
import { Signal } from "../../../../test/support/signal.ts";
import { createRemoteHttp } from "../../http-client.ts";
import type { EtcdClient, EtcdEntry, EtcdObserver, EtcdOptions } from "../etcd.ts";
import { createEtcdClient } from "../etcd-client.ts";

/** A cluster that is ended with the test. */
export async function startCluster(
  t: TestContext,
  count: number,
  options: EtcdServerOptions = {},
): Promise<readonly EtcdServer[]> {
  const servers = await EtcdServer.startCluster(count, options);
  t.after(() => Promise.all(servers.map((server) => server.close())));
  return servers;
}

/** A client that is closed with the test. It asks the members in their order. */
export function openClient(t: TestContext, urls: readonly string[], options: Partial<EtcdOptions> = {}): EtcdClient {
  const client = createEtcdClient({ urls, login: null, tls: null, ...options }, { random: firstThenAny() });
  t.after(() => client.close());
  return client;
}

/** Asks what the client has no function for. @throws if the answer is not 200 */
export async function askEtcd(url: string, path: string, body: object = {}, token = ""): Promise<any> {
  const http = createRemoteHttp({ tls: null });
  const headers = { "content-type": "application/json", ...(token !== "" && { authorization: token }) };
  const answer = await http.send({ method: "POST", url: `${url}/v3/${path}`, body: JSON.stringify(body), headers });
  http.close();
  if (answer.status !== 200) throw new Error(`${path}: ${answer.body}`);
  return JSON.parse(answer.body) as unknown;
}

/** Lets only users in: `root` with the password `secret`, and `reader`/`reader`, who may read what begins with `/api/`. */
export async function enableLogin(url: string): Promise<void> {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  await askEtcd(url, "auth/user/add", { name: "root", password: "secret" });
  await askEtcd(url, "auth/user/grant", { user: "root", role: "root" });
  await askEtcd(url, "auth/role/add", { name: "api" });
  const perm = { permType: "READ", key: base64("/api/"), range_end: base64("/api0") };
  await askEtcd(url, "auth/role/grant", { name: "api", perm });
  await askEtcd(url, "auth/user/add", { name: "reader", password: "reader" });
  await askEtcd(url, "auth/user/grant", { user: "reader", role: "api" });
  await askEtcd(url, "auth/enable");
}

/** Follows, and notes everything that it is told. */
export class Listener implements EtcdObserver {
  readonly states: Record<string, string>[] = [];
  readonly failures: string[] = [];
  entries: ReadonlyMap<string, EtcdEntry> = new Map();
  aliveCount = 0;
  readonly #signal = new Signal();

  /** Follows `prefix` until the test ends. */
  static follow(client: EtcdClient, prefix: string): Listener {
    const listener = new Listener();
    client.follow(prefix, listener);
    return listener;
  }

  /** What is there, as it was told last. */
  get now(): Record<string, string> {
    return this.states.at(-1) ?? {};
  }

  onEntries(entries: ReadonlyMap<string, EtcdEntry>): void {
    this.entries = entries;
    this.states.push(Object.fromEntries([...entries.values()].map(({ key, value }) => [key, value])));
    this.#signal.notify();
  }

  onAlive(): void {
    this.aliveCount++;
    this.#signal.notify();
  }

  onFailure(reason: string): void {
    this.failures.push(reason);
    this.#signal.notify();
  }

  /** Waits until it has been told exactly this. */
  async untilIs(expected: Readonly<Record<string, string>>): Promise<void> {
    const text = canonical(expected);
    await this.#signal.until(
      () => this.states.length > 0 && canonical(this.now) === text,
      () => `${text} is told; it is ${canonical(this.now)}; failures: ${this.failures.join(", ")}`,
    );
  }

  until(isTrue: () => boolean, what: string): Promise<void> {
    return this.#signal.until(isTrue, () => `${what}; failures: ${this.failures.join(", ")}`);
  }
}

function canonical(state: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(state).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

function firstThenAny(): () => number {
  let isFirst = true;
  return () => {
    if (!isFirst) return Math.random();
    isFirst = false;
    return 0;
  };
}
