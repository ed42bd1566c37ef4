/** What every store must do, against a real etcd and the double of Consul. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test, type TestContext } from "node:test";
import { EtcdServer, etcdCommand } from "../../../test/support/etcd-server.ts";
import { eventually, Signal } from "../../../test/support/signal.ts";
import { authority, certificateFiles, rootFile } from "../../../test/support/tls-files.ts";
import { FakeConsul } from "../../remote/consul/testing/fake-consul.ts";
import { createRemoteHttp, RemoteError } from "../../remote/http-client.ts";
import type { ConfigStore, ConfigStoreObserver, StoredText } from "./config-store.ts";
import { openConfigStore } from "./open-config-store.ts";
import { parseStorePlace } from "./store-place.ts";

/** A server that can be ill-treated. */
interface Server {
  readonly url: string;
  put(key: string, value: Buffer): Promise<void>;
  remove(key: string): Promise<void>;
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
  /** It has forgotten everything; its versions begin anew. */
  startOver(): Promise<void>;
  close(): Promise<void>;
}

async function startEtcd(): Promise<Server> {
  const server = await EtcdServer.start();
  const http = createRemoteHttp({ tls: null, keepsProcess: true });
  const ask = async (path: string, body: Readonly<Record<string, string>>): Promise<void> => {
    const answer = await http.send({ method: "POST", url: `${server.url}/v3/kv/${path}`, body: JSON.stringify(body) });
    assert.equal(answer.status, 200, answer.body);
  };
  const toKey = (key: string): string => Buffer.from(`/${key}`).toString("base64");
  return {
    url: server.url.replace("http:", "etcd:"),
    put: (key, value) => ask("put", { key: toKey(key), value: value.toString("base64") }),
    remove: (key) => ask("deleterange", { key: toKey(key) }),
    goAway: () => server.kill(),
    comeBack: () => server.restart(),
    startOver: async () => {
      await server.kill();
      await server.restart({ isEmpty: true });
    },
    close: async () => {
      http.close();
      await server.close();
    },
  };
}

async function startConsul(): Promise<Server> {
  const consul = await FakeConsul.start();
  const { port, url } = consul;
  const ask = async (method: "PUT" | "DELETE", name: string, body?: Buffer): Promise<void> => {
    const question = request(`${url}/v1/kv/${name}`, { method, agent: false });
    question.end(body);
    const [answer] = (await once(question, "response")) as [IncomingMessage];
    assert.equal((await text(answer)).trim(), "true");
  };
  return {
    url: url.replace("http:", "consul:"),
    put: (key, value) => ask("PUT", key, value),
    remove: (key) => ask("DELETE", key),
    goAway: () => consul.stop(),
    comeBack: () => consul.listen(port),
    startOver: async () => {
      // A question with the index of before that is asked afterwards would be answered after half a minute.
      await eventually(() => consul.waitingCount > 0, "the next question waits");
      await consul.stop();
      consul.restoreSnapshot();
      await consul.listen(port);
    },
    close: () => consul.close(),
  };
}

/** Follows, and remembers what it was told. */
class Listener implements ConfigStoreObserver {
  readonly values: (StoredText | null)[] = [];
  readonly failures: string[] = [];
  readonly #signal = new Signal();

  onValue(value: StoredText | null): void {
    this.values.push(value);
    this.#signal.notify();
  }

  onAlive(): void {}

  onFailure(reason: string): void {
    this.failures.push(reason);
    this.#signal.notify();
  }

  get text(): string | null | undefined {
    const value = this.values.at(-1);
    return value === undefined || value === null ? value : value.text;
  }

  until(isSo: () => boolean, what: string): Promise<void> {
    return this.#signal.until(isSo, what);
  }

  untilText(expected: string | null): Promise<void> {
    return this.until(() => this.text === expected, `the value is ${expected?.slice(0, 40) ?? "gone"}`);
  }
}

const key = "millrace/config";

for (const [name, start, isThere] of [
  ["etcd", startEtcd, etcdCommand !== null],
  ["consul", startConsul, true],
] as const) {
  const only = { skip: !isThere && `${name} is not installed` };

  async function setUp(t: TestContext): Promise<{ server: Server; open: () => Promise<ConfigStore> }> {
    const server = await start();
    const open = async (): Promise<ConfigStore> => {
      const store = await openConfigStore(parseStorePlace(`${server.url}/${key}`, {}), { keepsProcess: true });
      t.after(() => store.close());
      return store;
    };
    t.after(() => server.close());
    return { server, open };
  }

  function follow(t: TestContext, store: ConfigStore): Listener {
    const listener = new Listener();
    const following = store.follow(listener);
    t.after(() => following.close());
    return listener;
  }

  test(
    `${name}: the value is told, every change of it, and that it is gone; also what is large, empty or no text`,
    only,
    async (t) => {
      const { server, open } = await setUp(t);
      const listener = follow(t, await open());
      await listener.untilText(null);
      for (const value of ["one", "two: ü", "", "x".repeat(500_000), "back"]) {
        await server.put(key, Buffer.from(value));
        await listener.untilText(value);
      }
      await server.put(key, Buffer.from([0xff, 0xfe, 0, 0x80]));
      await listener.until(() => listener.text?.includes("\uFFFD") === true, "bytes are told as what they are not");
      await server.put(`${key}/status/somebody`, Buffer.from("no value of the key"));
      await server.put(`${key}-other`, Buffer.from("no value of the key"));
      await server.remove(key);
      await listener.untilText(null);
      assert.ok(listener.values.every((value) => value?.text !== "no value of the key"));
    },
  );

  test(`${name}: of two who write after the same version one succeeds`, only, async (t) => {
    const { open } = await setUp(t);
    const [one, other] = [await open(), await open()];
    assert.equal(await one.read(), null);
    assert.equal(await one.write("one", null), true);
    assert.equal(await other.write("other", null), false);
    const found = await other.read();
    assert.equal(found?.text, "one");
    const version = found?.version ?? "";
    const outcomes = await Promise.all([one.write("a", version), other.write("b", version)]);
    assert.deepEqual(outcomes.toSorted(), [false, true]);
    assert.equal((await one.read())?.text, outcomes[0] ? "a" : "b");
    assert.equal(await one.write("c", version), false);
  });

  test(`${name}: two who follow hear of a change`, only, async (t) => {
    const { server, open } = await setUp(t);
    await server.put(key, Buffer.from("one"));
    const listeners = [follow(t, await open()), follow(t, await open())];
    for (const value of ["one", "two"]) {
      await server.put(key, Buffer.from(value));
      await Promise.all(listeners.map((listener) => listener.untilText(value)));
    }
    assert.deepEqual(listeners[0]?.values.at(-1), listeners[1]?.values.at(-1));
  });

  test(
    `${name}: a store that is away is said, and what has changed meanwhile is told when it is back`,
    only,
    async (t) => {
      const { server, open } = await setUp(t);
      await server.put(key, Buffer.from("one"));
      const listener = follow(t, await open());
      await listener.untilText("one");
      await server.goAway();
      await listener.until(() => listener.failures.length > 0, "a failure is said");
      await server.comeBack();
      await server.put(key, Buffer.from("two"));
      await listener.untilText("two");
      assert.ok(
        listener.values.every((value) => value !== null),
        "being away is not being gone",
      );
    },
  );

  test(`${name}: a store whose versions go backwards is believed`, only, async (t) => {
    const { server, open } = await setUp(t);
    for (let count = 0; count < 5; count++) await server.put(key, Buffer.from(`version ${count}`));
    const listener = follow(t, await open());
    await listener.untilText("version 4");
    await server.startOver();
    await server.put(key, Buffer.from("restored"));
    await listener.untilText("restored");
  });

  test(`${name}: what an instance tells stands beside the key as long as it keeps it there`, only, async (t) => {
    const { server, open } = await setUp(t);
    await server.put(key, Buffer.from("one"));
    const [one, other] = [await open(), await open()];
    const fail = (reason: string): void => assert.fail(reason);
    assert.equal((await other.statuses()).size, 0);
    const status = one.openStatus("a", fail);
    const second = one.openStatus("b", fail);
    status.write("of a");
    second.write("of b");
    const listener = new Listener();
    const look = async (isSo: (all: ReadonlyMap<string, string>) => boolean): Promise<void> => {
      while (!isSo(await other.statuses()));
    };
    await look((all) => all.get("a") === "of a" && all.get("b") === "of b");
    status.write("of a again");
    await look((all) => all.get("a") === "of a again");
    await status.close();
    await look((all) => !all.has("a") && all.has("b"));
    await second.close();
    await look((all) => all.size === 0);
    assert.equal(listener.failures.length, 0);
  });
}

test("etcd: a user and certificates are shown as the URL says", {
  skip: etcdCommand === null && "etcd is not installed",
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "millrace-store-tls-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const write = (name: string, pem: string): string => {
    writeFileSync(join(folder, name), pem);
    return join(folder, name);
  };
  const client = await authority.issue({ names: ["client.test"] });
  const own = await certificateFiles({ names: ["localhost"], ips: ["127.0.0.1"] });
  const server = await EtcdServer.start({ tls: { ...own, ca: rootFile } });
  t.after(() => server.close());
  const files = `ca=${rootFile}&cert=${write("client.pem", client.cert)}&key=${write("client.key", client.key)}`;
  const open = async (query: string): Promise<ConfigStore> => {
    const url = `${server.url.replace("https:", "etcds:")}/${key}?${query}`;
    const store = await openConfigStore(parseStorePlace(url, {}), { keepsProcess: true });
    t.after(() => store.close());
    return store;
  };
  const store = await open(files);
  assert.ok(await store.write("secret", null));
  assert.equal((await store.read())?.text, "secret");
  await assert.rejects((await open(`ca=${rootFile}`)).read(), RemoteError);
});

test("etcd: a key that was written without a slash is found, read, replaced and followed", {
  skip: etcdCommand === null && "etcd is not installed",
}, async (t) => {
  const server = await EtcdServer.start();
  t.after(() => server.close());
  const bare = await openConfigStore(
    { ...parseStorePlace(`${server.url.replace("http:", "etcd:")}/${key}`, {}), key },
    { keepsProcess: true },
  );
  t.after(() => bare.close());
  assert.ok(await bare.write("bare", null));
  const store = await openConfigStore(parseStorePlace(`${server.url.replace("http:", "etcd:")}/${key}`, {}), {
    keepsProcess: true,
  });
  t.after(() => store.close());
  const listener = new Listener();
  store.follow(listener);
  await listener.untilText("bare");
  const found = await store.read();
  assert.ok(await store.write("replaced", found?.version ?? null));
  assert.equal((await bare.read())?.text, "replaced");
  await listener.untilText("replaced");
});
