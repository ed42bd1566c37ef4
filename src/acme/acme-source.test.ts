/** A source against a CA that does what it is told, with a clock that moves when it is told. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { families } from "../observe/families.ts";
import { lockLifeMs } from "./storage/acme-store.ts";
import { FakeAcmeServer } from "./testing/fake-acme-server.ts";
import { createSource, makeFolder, startSource, windUntil, WoundScheduler } from "./testing/source-under-test.ts";

const dayMs = 86_400_000;
const minuteMs = 60_000;

/** The names in a folder; empty if there is none. */
const namesIn = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : []);

/** How many certificates are stored, of all directories. */
const countStored = (storage: string): number =>
  namesIn(join(storage, "certificates")).flatMap((folder) =>
    namesIn(join(storage, "certificates", folder)).filter((name) => name.endsWith(".json")),
  ).length;

async function serve(t: TestContext, scheduler: WoundScheduler): Promise<FakeAcmeServer> {
  const server = await FakeAcmeServer.start(() => scheduler.clock.wall());
  t.after(() => server.close());
  return server;
}

test("a certificate is issued, given and stored; the next start has it at once and asks nobody", async (t) => {
  const scheduler = new WoundScheduler();
  const server = await serve(t, scheduler);
  const acme = { domains: ["a.example.com"], directory: server.directoryUrl, storage: makeFolder(t) };
  const first = createSource(t, acme, { scheduler });
  assert.deepEqual(await startSource(first), []);
  await windUntil(scheduler, () => first.host.given.length === 1);
  assert.deepEqual(first.host.given[0]?.names, ["a.example.com"]);
  assert.equal(first.total(families.acmeOrders), 1);
  assert.equal(first.host.alpn.size, 0, "what was shown is taken away");
  await windUntil(scheduler, () => countStored(acme.storage) === 1);
  const orders = server.payloads("/new-order").length;
  const second = createSource(t, acme, { scheduler });
  const loaded = await startSource(second);
  assert.equal(loaded[0]?.id, first.host.given[0]?.id);
  const startedMs = scheduler.clock.wall();
  // Both have looked, and wait for hours.
  await windUntil(scheduler, () => scheduler.clock.wall() > startedMs, 2);
  assert.equal(server.payloads("/new-order").length, orders);
});

test("it is renewed when a third of its life is left, and the old one is kept while that fails for days", async (t) => {
  const scheduler = new WoundScheduler();
  const server = await serve(t, scheduler);
  const acme = { domains: ["a.example.com"], directory: server.directoryUrl, storage: makeFolder(t) };
  const tested = createSource(t, acme, { scheduler });
  await startSource(tested);
  await windUntil(scheduler, () => tested.host.given.length === 1);
  const [old] = tested.host.given;
  const bornMs = scheduler.clock.wall();
  server.fail = ({ path }) =>
    path === "/new-order" ? { status: 503, type: "serverInternal", retryAfter: "7200" } : null;
  await windUntil(scheduler, () => tested.total(families.acmeFailing) === 1);
  const ageDays = (scheduler.clock.wall() - bornMs) / dayMs;
  assert.ok(ageDays > 54 && ageDays < 62, `${ageDays} days`);
  const ordersBefore = server.payloads("/new-order").length;
  const untilMs = scheduler.clock.wall() + 5 * dayMs;
  await windUntil(scheduler, () => scheduler.clock.wall() > untilMs);
  const tries = server.payloads("/new-order").length - ordersBefore;
  assert.ok(tries >= 10 && tries <= 70, `${tries} tries in five days`);
  assert.equal(tested.host.given[0]?.id, old?.id);
  assert.ok(tested.log.some((line) => /a certificate could not be renewed/.test(line)));
  server.fail = () => null;
  await windUntil(scheduler, () => tested.host.given[0]?.id !== old?.id);
  assert.equal(tested.host.given.length, 1);
  assert.equal(tested.total(families.acmeFailing), 0);
});

test("a failure outlives a restart: the CA is not asked again before its time, unless the options are others", async (t) => {
  const scheduler = new WoundScheduler();
  const server = await serve(t, scheduler);
  const acme = { domains: ["a.example.com"], directory: server.directoryUrl, storage: makeFolder(t) };
  server.fail = ({ path }) =>
    path === "/new-order" ? { status: 429, type: "rateLimited", retryAfter: "86400" } : null;
  const first = createSource(t, acme, { scheduler });
  await startSource(first);
  await windUntil(scheduler, () => first.total(families.acmeFailing) === 1);
  await windUntil(scheduler, () => namesIn(join(acme.storage, "failures")).length === 1);
  first.source.close();
  const tries = server.payloads("/new-order").length;
  const second = createSource(t, acme, { scheduler });
  await startSource(second);
  const untilMs = scheduler.clock.wall() + dayMs / 2;
  await windUntil(scheduler, () => scheduler.clock.wall() > untilMs);
  assert.equal(server.payloads("/new-order").length, tries);
  server.fail = () => null;
  const other = createSource(t, { ...acme, email: "me@example.com" }, { scheduler });
  await startSource(other);
  await windUntil(scheduler, () => other.host.given.length === 1);
});

test("every try has a nonce of its own, also after 429 and 5xx, and waits as long as the CA says", async (t) => {
  const scheduler = new WoundScheduler();
  const server = await serve(t, scheduler);
  let failures = 0;
  server.fail = ({ path, nonce }) => {
    if (path !== "/new-order" || failures === 3) return null;
    failures++;
    return (
      [
        { status: 429, type: "rateLimited", retryAfter: "5" },
        { status: 500, type: "serverInternal" },
        { status: 400, type: "badNonce" },
      ][(failures - 1) % 3] ?? { status: 400, type: String(nonce) }
    );
  };
  const acme = { domains: ["a.example.com"], directory: server.directoryUrl, storage: makeFolder(t) };
  const tested = createSource(t, acme, { scheduler });
  await startSource(tested);
  await windUntil(scheduler, () => tested.host.given.length === 1);
  const nonces = server.requests.map(({ nonce }) => nonce).filter((nonce) => nonce !== null);
  assert.equal(new Set(nonces).size, nonces.length);
  assert.equal(server.payloads("/new-order").length, 4);
});

test("the CA says when to renew, is told what is replaced, and may refuse that", async (t) => {
  const scheduler = new WoundScheduler();
  const server = await serve(t, scheduler);
  const bornMs = scheduler.clock.wall();
  const asked: string[] = [];
  let window: object = {
    start: new Date(bornMs + 10 * dayMs).toISOString(),
    end: new Date(bornMs + 11 * dayMs).toISOString(),
  };
  server.renewalInfo = (id) => {
    asked.push(id);
    return { suggestedWindow: window };
  };
  const acme = { domains: ["a.example.com"], directory: server.directoryUrl, storage: makeFolder(t) };
  const tested = createSource(t, acme, { scheduler });
  await startSource(tested);
  await windUntil(scheduler, () => tested.host.given.length === 1);
  const [old] = tested.host.given;
  assert.equal(server.payloads("/new-order")[0]?.["replaces"], undefined);
  server.fail = ({ path, payload }) =>
    path === "/new-order" && payload["replaces"] !== undefined ? { status: 409, type: "alreadyReplaced" } : null;
  await windUntil(scheduler, () => tested.host.given[0]?.id !== old?.id);
  const ageDays = (scheduler.clock.wall() - bornMs) / dayMs;
  assert.ok(ageDays >= 10 && ageDays < 11.1, `${ageDays} days`);
  const orders = server.payloads("/new-order");
  assert.deepEqual(
    orders.map(({ replaces }) => replaces === undefined),
    [true, false, true],
  );
  assert.equal(orders[1]?.["replaces"], asked[0]);
  // The window of the old one is over: it says nothing of the new one, for which the CA now says nonsense.
  window = { start: "soon", end: null };
  const count = server.payloads("/new-order").length;
  const untilMs = scheduler.clock.wall() + 40 * dayMs;
  await windUntil(scheduler, () => scheduler.clock.wall() > untilMs);
  assert.equal(server.payloads("/new-order").length, count);
  assert.ok(new Set(asked).size >= 2);
  await windUntil(scheduler, () => server.payloads("/new-order").length > count);
});

test("a CA that wants everything renewed at once does not get orders in a loop", async (t) => {
  const scheduler = new WoundScheduler();
  const server = await serve(t, scheduler);
  server.renewalInfo = () => ({
    suggestedWindow: {
      start: new Date(scheduler.clock.wall() - dayMs).toISOString(),
      end: new Date(scheduler.clock.wall()).toISOString(),
    },
  });
  const acme = { domains: ["a.example.com"], directory: server.directoryUrl, storage: makeFolder(t) };
  const tested = createSource(t, acme, { scheduler });
  await startSource(tested);
  await windUntil(scheduler, () => tested.host.given.length === 1);
  const untilMs = scheduler.clock.wall() + 50 * minuteMs;
  await windUntil(scheduler, () => scheduler.clock.wall() > untilMs);
  assert.equal(server.payloads("/new-order").length, 1);
});

test("another challenge is tried if one fails, then another CA", async (t) => {
  const scheduler = new WoundScheduler();
  const [server, other] = [await serve(t, scheduler), await serve(t, scheduler)];
  server.refusedChallenges.add("tls-alpn-01");
  const acme = {
    domains: ["a.example.com"],
    directory: [server.directoryUrl, other.directoryUrl],
    storage: makeFolder(t),
  };
  const tested = createSource(t, acme, { scheduler });
  await startSource(tested);
  await windUntil(scheduler, () => tested.host.given.length === 1);
  assert.deepEqual(tested.host.shown, ["tls-alpn-01", "http-01"]);
  assert.deepEqual([tested.host.alpn.size, tested.host.http.size], [0, 0]);
  assert.equal(other.requests.length, 0);
  server.refusedChallenges.add("http-01");
  const second = createSource(t, { ...acme, domains: ["b.example.com"] }, { scheduler });
  await startSource(second);
  await windUntil(scheduler, () => second.host.given.length === 1, 2);
  assert.equal(other.payloads("/new-order").length, 1);
  assert.match(second.log[0] ?? "", /^an authority has issued no certificate; the next one is asked .*b\.example\.com/);
  other.refusedChallenges.add("http-01").add("tls-alpn-01");
  const third = createSource(t, { ...acme, domains: ["c.example.com"] }, { scheduler });
  await startSource(third);
  await windUntil(scheduler, () => third.total(families.acmeFailing) === 1, 3);
  assert.match(
    third.log.join("\n"),
    /no certificate could be issued .*c\.example\.com is invalid: .*; .*c\.example\.com is invalid/,
  );
});

test("of two instances with one store, one asks the CA and both have the certificate", async (t) => {
  const scheduler = new WoundScheduler();
  const server = await serve(t, scheduler);
  const acme = { domains: ["a.example.com"], directory: server.directoryUrl, storage: makeFolder(t) };
  const [first, second] = [createSource(t, acme, { scheduler }), createSource(t, acme, { scheduler })];
  await Promise.all([startSource(first), startSource(second)]);
  const isWith = (): boolean => first.host.given.length === 1 && second.host.given.length === 1;
  await windUntil(scheduler, isWith, 2);
  assert.equal(first.host.given[0]?.id, second.host.given[0]?.id);
  assert.equal(server.payloads("/new-order").length, 1);
  assert.equal(server.payloads("/account").length, 1, "and they have one account");
  const [old] = first.host.given;
  const isRenewed = (): boolean => isWith() && [first, second].every(({ host }) => host.given[0]?.id !== old?.id);
  await windUntil(scheduler, isRenewed, 2);
  assert.equal(first.host.given[0]?.id, second.host.given[0]?.id);
  assert.equal(server.payloads("/new-order").length, 2);
});

test("what one instance shows, another finds in the store", async (t) => {
  const scheduler = new WoundScheduler();
  const server = await serve(t, scheduler);
  const acme = {
    domains: ["a.example.com"],
    directory: server.directoryUrl,
    storage: makeFolder(t),
    challenge: "http-01",
  };
  const [first, second] = [createSource(t, acme, { scheduler }), createSource(t, acme, { scheduler })];
  await startSource(first);
  await startSource(second);
  const hosts = [first.host, second.host];
  let seen = 0;
  let pending: Promise<unknown> = Promise.resolve();
  server.fail = ({ path }) => {
    if (!path.startsWith("/challenge/")) return null;
    const [token = "?"] = [...first.host.http.keys(), ...second.host.http.keys()];
    pending = Promise.all([first, second].map(({ source }) => source.wantChallenge("http-challenge", token))).then(
      () => {
        assert.equal(hosts[0]?.http.get(token), hosts[1]?.http.get(token));
        seen = hosts.filter(({ http }) => http.get(token) !== undefined).length;
      },
    );
    return null;
  };
  await windUntil(scheduler, () => seen > 0, 2);
  await pending;
  assert.equal(seen, 2);
  const shown = second.host.shown.length;
  await second.source.wantChallenge("http-challenge", "unknown");
  await second.source.wantChallenge("alpn-challenge", "a.example.com");
  assert.equal(second.host.shown.length, shown);
  await windUntil(scheduler, () => hosts.every(({ http }) => http.size === 0));
});

test("staging and production share neither accounts nor certificates, and broken files are ordered anew", async (t) => {
  const scheduler = new WoundScheduler();
  const [staging, production] = [await serve(t, scheduler), await serve(t, scheduler)];
  const storage = makeFolder(t);
  for (const server of [staging, production]) {
    const tested = createSource(
      t,
      { domains: ["a.example.com"], directory: server.directoryUrl, storage },
      { scheduler },
    );
    assert.deepEqual(await startSource(tested), []);
    await windUntil(scheduler, () => tested.host.given.length === 1);
    tested.source.close();
  }
  await windUntil(scheduler, () => countStored(storage) === 2);
  assert.equal(readdirSync(join(storage, "accounts")).length, 2);
  for (const folder of readdirSync(join(storage, "certificates")))
    for (const file of readdirSync(join(storage, "certificates", folder))) {
      const path = join(storage, "certificates", folder, file);
      writeFileSync(path, readFileSync(path, "utf8").slice(0, 100));
    }
  const again = createSource(
    t,
    { domains: ["a.example.com"], directory: production.directoryUrl, storage },
    { scheduler },
  );
  assert.deepEqual(await startSource(again), []);
  await windUntil(scheduler, () => again.host.given.length === 1);
});

test("a storage that cannot be asked keeps no start waiting, and is asked again", async (t) => {
  const scheduler = new WoundScheduler();
  const server = await serve(t, scheduler);
  const folder = makeFolder(t);
  const storage = join(folder, "storage");
  writeFileSync(storage, "this is no folder");
  const tested = createSource(
    t,
    { domains: ["a.example.com"], directory: server.directoryUrl, storage },
    { scheduler },
  );
  assert.deepEqual(await startSource(tested), []);
  await windUntil(scheduler, () => tested.log.some((line) => /storage of certificates cannot be used/.test(line)));
  assert.equal(server.requests.length, 0, "what could not be kept is not ordered");
});

test("an instance that has lost its lock in the middle of an order goes on with it no more", async (t) => {
  const scheduler = new WoundScheduler();
  const server = await serve(t, scheduler);
  const acme = { domains: ["a.example.com"], directory: server.directoryUrl, storage: makeFolder(t) };
  const tested = createSource(t, acme, { scheduler });
  let finalizedWithout = 0;
  server.fail = ({ path }) => {
    // The machine has slept: no sign of life could be given.
    if (path.startsWith("/authorization/") && server.payloads("/new-order").length === 1)
      scheduler.clock.advance(lockLifeMs);
    if (path.startsWith("/finalize/") && server.payloads("/new-order").length === 1) finalizedWithout++;
    return null;
  };
  await startSource(tested);
  await windUntil(scheduler, () => tested.host.given.length === 1);
  assert.equal(finalizedWithout, 0, "the CA has not issued what another instance may have ordered");
  assert.equal(server.payloads("/new-order").length, 2, "the store was looked at again, and nobody had it");
  assert.ok(tested.log.some((line) => /an order was given up.*the lock on the order could not be kept/.test(line)));
  assert.deepEqual(namesIn(join(acme.storage, "failures")), []);
  assert.equal(tested.total(families.acmeFailing), 0);
});

test("an order that is given up is no failure: the next start tries at once", async (t) => {
  const scheduler = new WoundScheduler();
  const server = await serve(t, scheduler);
  const acme = { domains: ["a.example.com"], directory: server.directoryUrl, storage: makeFolder(t) };
  const first = createSource(t, acme, { scheduler });
  let isAsked = false;
  server.fail = ({ path }) => {
    if (path !== "/new-order") return null;
    isAsked = true;
    first.source.close();
    return { status: 503, type: "serverInternal" };
  };
  await startSource(first);
  await windUntil(scheduler, () => isAsked);
  server.fail = () => null;
  const second = createSource(t, acme, { scheduler });
  await startSource(second);
  const startedMs = scheduler.clock.wall();
  await windUntil(scheduler, () => second.host.given.length === 1);
  assert.ok(scheduler.clock.wall() - startedMs < 60_000);
  assert.deepEqual(namesIn(join(acme.storage, "failures")), []);
});

test("on demand a certificate is ordered for a name that somebody allows, once, and no other", async (t) => {
  const scheduler = new WoundScheduler();
  const server = await serve(t, scheduler);
  const asked: string[] = [];
  const gate = createServer((request, response) => {
    const name = new URL(request.url ?? "", "http://gate").searchParams.get("domain") ?? "";
    asked.push(name);
    response.writeHead(name.startsWith("good") ? 200 : 404).end();
  });
  await new Promise<void>((resolve) => void gate.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    gate.closeAllConnections();
    gate.close();
  });
  const ask = `http://127.0.0.1:${(gate.address() as AddressInfo).port}/allowed`;
  const onDemand = { ask, rate: "3/h", maxNames: 4 };
  const tested = createSource(t, { directory: server.directoryUrl, storage: makeFolder(t), onDemand }, { scheduler });
  await startSource(tested);
  const want = async (...names: string[]): Promise<void> => {
    let isOver = false;
    void Promise.all(names.map(async (name) => tested.source.want?.(name))).then(() => (isOver = true));
    // Those that are there wait for their renewal; the clock is wound when the new one waits, too.
    await windUntil(scheduler, () => isOver, tested.host.given.length + 1);
  };
  await want("good.example.com", "good.example.com", "good.example.com");
  assert.deepEqual(asked, ["good.example.com"]);
  assert.deepEqual(
    tested.host.given.map(({ names }) => names),
    [["good.example.com"]],
  );
  await want("bad.example.com");
  await want("bad.example.com");
  assert.deepEqual(asked, ["good.example.com", "bad.example.com"], "a refusal is remembered");
  await want("good2.example.com");
  await want("good3.example.com");
  await want("good4.example.com");
  assert.equal(tested.host.given.length, 3, "the rate allows three in an hour");
  scheduler.advance(3_600_000);
  await want("good5.example.com");
  await want("good6.example.com");
  assert.equal(tested.host.given.length, 4, "no more names than allowed");
  assert.equal(server.payloads("/new-order").length, 4);
});
