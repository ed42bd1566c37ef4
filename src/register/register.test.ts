import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test, type TestContext } from "node:test";
import { etcdCommand } from "../../test/support/etcd-server.ts";
import { Listener, openClient, startCluster } from "../remote/etcd/testing/etcd-under-test.ts";
import { register, type RegisterOptions } from "./register.ts";

const skip = etcdCommand === null ? "etcd is not installed" : false;

interface Scene {
  readonly listener: Listener;
  readonly url: string;
  readonly server: Awaited<ReturnType<typeof startCluster>>[number];
  /** The records that are there. */
  records(): Record<string, unknown>[];
}

async function start(t: TestContext): Promise<Scene> {
  const [server] = await startCluster(t, 1);
  const listener = Listener.follow(openClient(t, [server!.url]), "/services/api/");
  await listener.until(() => listener.states.length > 0, "it is followed");
  const records = (): Record<string, unknown>[] =>
    Object.values(listener.now).map((value) => JSON.parse(value) as Record<string, unknown>);
  return { listener, url: server!.url, server: server!, records };
}

function enrol(t: TestContext, url: string, options: Partial<RegisterOptions> = {}): ReturnType<typeof register> {
  const given = { etcd: { urls: [url] }, upstream: "api", url: "http://127.0.0.1:8080", ttl: "2s", ...options };
  const registration = register(given);
  t.after(() => registration.unregister({ grace: "0s" }));
  return registration;
}

test("a service is registered, drained, and gone", { skip }, async (t) => {
  const { listener, url, records } = await start(t);
  const registration = enrol(t, url, { weight: 3, zone: "eu-1a" });
  await registration.registered;
  assert.equal(registration.isRegistered, true);
  await listener.until(() => records().length === 1, "it is there");
  const [{ identity, ...record }] = records() as [Record<string, unknown>];
  assert.deepEqual(record, { url: "http://127.0.0.1:8080", weight: 3, zone: "eu-1a" });
  assert.match(String(identity), /^[\da-f-]{36}$/);
  const told = listener.states.length;
  await registration.unregister({ grace: "200ms" });
  await listener.untilIs({});
  const drained = Object.values(listener.states[told] ?? {}).map((value) => JSON.parse(value) as object);
  assert.deepEqual(drained, [{ url: "http://127.0.0.1:8080", weight: 0, zone: "eu-1a", identity }]);
  assert.equal(registration.isRegistered, false);
  await registration.unregister();
  await registration.drain();
});

test("a process that dies is gone with its lease", { skip }, async (t) => {
  const { listener, url, records } = await start(t);
  const module = JSON.stringify(new URL("register.ts", import.meta.url).href);
  const options = JSON.stringify({ etcd: { urls: [url] }, upstream: "api", url: "http://127.0.0.1:8080", ttl: "2s" });
  const code = `import { register } from ${module}; register(${options}); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", code], { stdio: "ignore" });
  t.after(() => child.kill("SIGKILL"));
  await listener.until(() => records().length === 1, "it is there");
  child.kill("SIGKILL");
  await once(child, "exit");
  await listener.untilIs({});
});

test("a lease that is lost is replaced, with the same identity", { skip }, async (t) => {
  const { listener, url, records } = await start(t);
  const client = openClient(t, [url]);
  const registration = enrol(t, url);
  await listener.until(() => records().length === 1, "it is there");
  const [before] = listener.entries.values();
  await client.revoke(before!.lease);
  await listener.until(() => [...listener.entries.values()].some(({ lease }) => lease !== before!.lease), "it is back");
  assert.equal([...listener.entries.values()][0]!.value, before!.value);
  assert.equal(registration.isRegistered, true);
  await registration.unregister({ grace: "0s" });
});

test("a key that somebody removed, and a cluster that has lost everything, are written again", { skip }, async (t) => {
  const { listener, url, server, records } = await start(t);
  const client = openClient(t, [url]);
  const problems: string[] = [];
  const registration = enrol(t, url, { onProblem: (message) => problems.push(message) });
  await listener.until(() => records().length === 1, "it is there");
  const [before] = listener.entries.values();
  await client.remove(before!.key);
  await listener.until(
    () => [...listener.entries.values()].some(({ createRevision }) => createRevision !== before!.createRevision),
    "it is back",
  );
  await server.restart({ isEmpty: true });
  const other = Listener.follow(client, "/services/api/");
  await other.until(() => Object.keys(other.now).length === 1, "it is there again");
  assert.ok(problems.length <= 1, problems.join());
  await registration.unregister({ grace: "0s" });
});

test("a cluster that is not there is said once, and leaving does not wait for it", async (t) => {
  const problems: string[] = [];
  const registration = enrol(t, "http://127.0.0.1:1", { onProblem: (message) => problems.push(message) });
  const told = Promise.withResolvers<void>();
  const second = enrol(t, "http://127.0.0.1:1", {
    onProblem: () => {
      told.resolve();
      throw new Error("of the program");
    },
  });
  await told.promise;
  assert.equal(second.isRegistered, false);
  await Promise.all([registration.unregister(), second.unregister()]);
  await registration.registered;
  assert.ok(problems.length <= 1);
  assert.match(
    problems[0] ?? "http://127.0.0.1:8080 is not registered",
    /^http:\/\/127\.0\.0\.1:8080 is not registered/,
  );
});

test("options that cannot be meant are refused", () => {
  const good = { etcd: { urls: ["http://127.0.0.1:1"] }, upstream: "api", url: "http://127.0.0.1:1" };
  const bad: Record<string, Partial<RegisterOptions>> = {
    "one of `upstream` and `prefix`": { prefix: "/services/" },
    "no member": { etcd: { urls: [] } },
    "too short": { ttl: "1s" },
    "no unit": { ttl: "10" },
    "is not a whole number": { weight: -1 },
    password: { url: "http://user:hush@127.0.0.1:1" },
  };
  for (const [message, options] of Object.entries(bad))
    assert.throws(
      () => register({ ...good, ...options }),
      (error) => error instanceof TypeError && error.message.includes(message) && !error.message.includes("hush"),
    );
});
