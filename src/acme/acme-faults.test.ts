/** What a CA, a store or a clock may do wrong: certificates are kept, others are served, and no CA is asked in a loop. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { seededRandom } from "../base/random.ts";
import { families } from "../observe/families.ts";
import { Authority } from "./authority.ts";
import { AccountKey } from "./client/account-key.ts";
import { ManagedCertificate } from "./managed-certificate.ts";
import { FolderStore } from "./storage/folder-store.ts";
import type { StoredCertificate } from "./stored-certificate.ts";
import { FakeAcmeServer } from "./testing/fake-acme-server.ts";
import { createSource, makeFolder, startSource, windUntil, WoundScheduler } from "./testing/source-under-test.ts";

const hourMs = 3_600_000;

async function serve(t: TestContext, scheduler: WoundScheduler): Promise<FakeAcmeServer> {
  const server = await FakeAcmeServer.start(() => scheduler.clock.wall());
  t.after(() => server.close());
  return server;
}

/** The files of one kind in a storage, by their paths. */
function filesOf(storage: string, kind: string): string[] {
  const folder = join(storage, kind);
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder, { recursive: true }) as string[];
  return names.filter((name) => name.endsWith(".json")).map((name) => join(folder, name));
}

test("a page of somebody else in place of the directory is forgotten", async (t) => {
  const scheduler = new WoundScheduler();
  const server = await serve(t, scheduler);
  let pages = 0;
  server.fail = ({ path }) => (path === "/directory" && pages++ === 0 ? { status: 200, type: "login" } : null);
  const acme = { domains: ["a.example.com"], directory: server.directoryUrl, storage: makeFolder(t) };
  const tested = createSource(t, acme, { scheduler });
  await startSource(tested);
  await windUntil(scheduler, () => tested.total(families.acmeFailing) === 1);
  await windUntil(scheduler, () => tested.host.given.length === 1);
});

test("proofs that cannot be taken away end no order", async (t) => {
  const scheduler = new WoundScheduler();
  const server = await serve(t, scheduler);
  const acme = {
    domains: [["a.example.com", "b.example.com"]],
    directory: server.directoryUrl,
    storage: makeFolder(t),
    challenge: "http-01",
  };
  const tested = createSource(t, acme, { scheduler });
  let removals = 0;
  tested.host.setHttpChallenge = async (_token, keyAuthorization) => {
    if (keyAuthorization !== null) return;
    removals++;
    throw new Error("not today");
  };
  await startSource(tested);
  await windUntil(scheduler, () => tested.host.given.length === 1);
  assert.equal(removals, 2);
  assert.match(tested.log.join("\n"), /not today/);
});

test("one stored certificate that cannot be read takes no other with it", async (t) => {
  const scheduler = new WoundScheduler();
  const server = await serve(t, scheduler);
  const domains = ["a", "b", "c", "d"].map((name) => `${name}.example.com`);
  const acme = { domains, directory: server.directoryUrl, storage: makeFolder(t) };
  const first = createSource(t, acme, { scheduler });
  await startSource(first);
  await windUntil(scheduler, () => first.host.given.length === 4);
  await windUntil(scheduler, () => filesOf(acme.storage, "certificates").length === 4);
  first.source.close();
  const damaged = filesOf(acme.storage, "certificates").find((path) => /\/a\./.test(path))!;
  rmSync(damaged);
  mkdirSync(damaged);
  const second = createSource(t, acme, { scheduler });
  const loaded = await startSource(second);
  assert.deepEqual(loaded.flatMap(({ names }) => names).sort(), domains.slice(1));
  assert.match(second.log.join("\n"), /the storage of certificates cannot be read/);
});

test("what a slow store has is given when it comes", async (t) => {
  const scheduler = new WoundScheduler();
  const server = await serve(t, scheduler);
  const folder = makeFolder(t);
  const acme = { domains: ["a.example.com"], directory: server.directoryUrl, storage: folder };
  const first = createSource(t, acme, { scheduler });
  await startSource(first);
  await windUntil(scheduler, () => first.host.given.length === 1);
  await windUntil(scheduler, () => filesOf(folder, "certificates").length === 1);
  first.source.close();
  const value = readFileSync(filesOf(folder, "certificates")[0]!).toString("base64");
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const etcd = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    const { key = "" } = JSON.parse(text) as { key?: string };
    await gate;
    const isCertificate = Buffer.from(key, "base64").toString().includes("certificates/");
    const header = { cluster_id: "1", member_id: "1", revision: "5", raft_term: "2" };
    const entry = { key, value, create_revision: "4", mod_revision: "4", version: "1" };
    response.end(JSON.stringify(isCertificate ? { header, kvs: [entry], count: "1" } : { header }));
  });
  await new Promise<void>((resolve) => void etcd.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    etcd.closeAllConnections();
    etcd.close();
  });
  const storage = { etcd: { urls: [`http://127.0.0.1:${(etcd.address() as AddressInfo).port}`] } };
  const second = createSource(t, { ...acme, storage }, { scheduler });
  const loading = startSource(second);
  await windUntil(scheduler, () => second.log.length > 0);
  assert.deepEqual(await loading, []);
  open();
  await windUntil(scheduler, () => second.host.given.length === 1);
  assert.equal(server.payloads("/new-order").length, 1);
});

test("a time of the next try that lies years ahead is not believed", async (t) => {
  const scheduler = new WoundScheduler();
  const server = await serve(t, scheduler);
  server.fail = ({ path }) => (path === "/new-order" ? { status: 403, type: "unauthorized" } : null);
  const acme = { domains: ["a.example.com"], directory: server.directoryUrl, storage: makeFolder(t) };
  const first = createSource(t, acme, { scheduler });
  await startSource(first);
  await windUntil(scheduler, () => first.total(families.acmeFailing) === 1);
  await windUntil(scheduler, () => filesOf(acme.storage, "failures").length === 1);
  first.source.close();
  const [path = ""] = filesOf(acme.storage, "failures");
  const failure = JSON.parse(readFileSync(path, "utf8")) as { nextTryMs: number };
  writeFileSync(path, JSON.stringify({ ...failure, nextTryMs: failure.nextTryMs + 100_000 * hourMs }));
  server.fail = () => null;
  const second = createSource(t, acme, { scheduler });
  const untilMs = scheduler.clock.wall() + 24 * hourMs;
  await startSource(second);
  await windUntil(scheduler, () => second.host.given.length === 1 || scheduler.clock.wall() > untilMs);
  assert.equal(second.host.given.length, 1);
});

for (const [what, issue] of [
  ["a certificate that cannot be used", (stored: StoredCertificate) => Promise.resolve(stored)],
  ["an error that nobody has thought of", () => Promise.reject(new TypeError("of nothing"))],
] as const)
  test(`${what} is a failure as any other: the next order waits, ever longer`, async (t) => {
    const scheduler = new WoundScheduler();
    const server = await serve(t, scheduler);
    const store = new FolderStore(makeFolder(t), scheduler);
    const { directoryUrl, rootPem: certPem } = server;
    const options = { directoryUrl, caPem: null, eab: null, profile: null, preferredChain: null };
    const results: string[] = [];
    const silent = (): void => {};
    const tested = new ManagedCertificate(["a.example.com"], {
      store,
      authorities: [new Authority({ options, email: null, store, scheduler })],
      scheduler,
      random: seededRandom(1),
      logger: { debug: silent, info: silent, warn: silent, error: silent },
      optionsDigest: "",
      issue: (names) => issue({ names, certPem, keyPem: AccountKey.generate().toPem(), directoryUrl, accountUrl: "" }),
      onChange: () => Promise.resolve(),
      onOrder: (result) => void results.push(result),
    });
    t.after(() => tested.close());
    tested.start();
    const untilMs = scheduler.clock.wall() + 2 * hourMs;
    await windUntil(scheduler, () => scheduler.clock.wall() > untilMs || results.length > 100);
    assert.ok(results.length > 3 && results.length < 10, `${results.length} orders in two hours`);
    assert.deepEqual([...new Set(results)], ["failed"]);
  });
