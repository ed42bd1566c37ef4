import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { type Entry, NameServer } from "../../../test/support/name-server.ts";
import { ManualScheduler } from "../../base/scheduler.ts";
import { SystemNameSource, type SystemNameSourceOptions } from "./name-source.ts";

interface Machine {
  readonly zone?: Record<string, Entry>;
  /** Lines of resolv.conf behind the name server's. */
  readonly conf?: string;
  readonly hosts?: string;
  readonly options?: SystemNameSourceOptions;
}

/** A source on a machine with a name server, a resolv.conf and a hosts file of its own. */
async function open(context: TestContext, { zone = {}, conf = "", hosts = "", options = {} }: Machine) {
  const folder = mkdtempSync(join(tmpdir(), "names-"));
  const server = await NameServer.start(zone);
  const paths = { hostsPath: join(folder, "hosts"), resolvConfPath: join(folder, "resolv.conf") };
  const configure = (text: string): void => {
    writeFileSync(`${paths.resolvConfPath}.new`, `nameserver ${server.address}\n${text}`);
    renameSync(`${paths.resolvConfPath}.new`, paths.resolvConfPath);
  };
  configure(conf);
  writeFileSync(paths.hostsPath, hosts);
  const source = new SystemNameSource({ ...paths, hostName: "box", environment: {}, ...options });
  context.after(() => {
    source.close();
    server.close();
    rmSync(folder, { recursive: true });
  });
  /** The addresses of a host, or the code of its failure. */
  const find = async (host: string): Promise<string> =>
    source.lookUp(host).then(
      ({ addresses }) => addresses.join(),
      (error: NodeJS.ErrnoException) => error.code ?? error.message,
    );
  return { source, server, find, configure, ...paths };
}

const searched = "search shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n";

test("a name is that of the first domain of the search list in which it exists, as for the system's resolver", async (context) => {
  const zone = {
    "api.dev.svc.cluster.local": { a: ["10.0.0.1"] },
    "api.dev": { a: ["192.0.2.66"] },
    "web.shop.svc.cluster.local": { a: ["10.0.0.2"] },
    "www.example.com": { a: ["192.0.2.1"] },
  };
  const { find, server } = await open(context, { zone, conf: searched });
  assert.deepEqual(
    [
      await find("api.dev"),
      await find("API.Dev"),
      await find("api.dev."),
      await find("web"),
      await find("www.example.com"),
      await find("nobody"),
    ],
    ["10.0.0.1", "10.0.0.1", "192.0.2.66", "10.0.0.2", "192.0.2.1", "ENOTFOUND"],
  );
  assert.deepEqual(
    server.asked.filter((question) => question.startsWith("nobody")).sort(),
    [
      "nobody.cluster.local/A",
      "nobody.cluster.local/AAAA",
      "nobody.shop.svc.cluster.local/A",
      "nobody.shop.svc.cluster.local/AAAA",
      "nobody.svc.cluster.local/A",
      "nobody.svc.cluster.local/AAAA",
      "nobody/A",
      "nobody/AAAA",
    ].sort(),
  );
});

test("what ends the search and what goes on with it", async (context) => {
  const cases: [title: string, first: Entry | undefined, outcome: string][] = [
    ["no such name", undefined, "10.0.0.9"],
    ["no address", {}, "10.0.0.9"],
    ["IPv6 only", { aaaa: ["2001:db8::1"] }, "2001:db8::1"],
    ["server failure", { failure: 2 }, "10.0.0.9"],
    ["refused", { failure: 5 }, "10.0.0.9"],
    ["silence: the later name may be a stranger's", { failure: "silent" }, "ETIMEOUT"],
    ["no address, and silence about the other family", { failure6: "silent" }, "ETIMEOUT"],
    ["an address, and silence about the other family", { a: ["10.0.0.1"], failure6: "silent" }, "10.0.0.1"],
    ["an address, and a failure about the other family", { a: ["10.0.0.1"], failure6: 2 }, "10.0.0.1"],
  ];
  for (const [title, first, outcome] of cases) {
    const { find } = await open(context, {
      zone: { ...(first && { "api.here.test": first }), "api.there.test": { a: ["10.0.0.9"] } },
      conf: "search here.test there.test\noptions timeout:1 attempts:1\n",
    });
    assert.equal(await find("api"), outcome, title);
  }
});

test("addresses that are no hosts are left out: a name that is blocked by 0.0.0.0 is not this machine", async (context) => {
  const zone = {
    "blocked.test": { a: ["0.0.0.0"], aaaa: ["::"] },
    "mixed.test": { a: ["169.254.169.254", "10.0.0.1"], aaaa: ["fe80::1", "2001:db8::1"] },
  };
  const { find } = await open(context, { zone, hosts: "0.0.0.0 mine.test\n" });
  assert.equal(await find("blocked.test"), "ENODATA");
  assert.equal(await find("mixed.test"), "10.0.0.1,2001:db8::1");
  assert.equal(await find("mine.test"), "0.0.0.0", "the hosts file is the operator's");
});

test("an answer says what is missing and what is in doubt, and holds only a little then", async (context) => {
  const zone = {
    "whole.test": { a: ["10.0.0.1"], aaaa: ["2001:db8::1"], ttl: 20 },
    "half.test": { a: ["10.0.0.1"], failure6: 2, ttl: 20 },
    "slow.test": { a: ["10.0.0.1"], failure6: "silent" as const, ttl: 20 },
    "api.broken.test": { failure: 2 },
    api: { a: ["10.0.0.3"], ttl: 20 },
  };
  const { source } = await open(context, { zone, conf: "search broken.test\n" });
  assert.deepEqual(await source.lookUp("whole.test"), {
    addresses: ["10.0.0.1", "2001:db8::1"],
    ttlMs: 20_000,
    missingFamily: null,
    isDoubtful: false,
  });
  assert.deepEqual(await source.lookUp("half.test"), {
    addresses: ["10.0.0.1"],
    ttlMs: 5_000,
    missingFamily: 6,
    isDoubtful: false,
  });
  assert.deepEqual(await source.lookUp("slow.test"), {
    addresses: ["10.0.0.1"],
    ttlMs: 5_000,
    missingFamily: 6,
    isDoubtful: false,
  });
  assert.deepEqual(await source.lookUp("api"), {
    addresses: ["10.0.0.3"],
    ttlMs: 5_000,
    missingFamily: null,
    isDoubtful: true,
  });
});

test("aliases are followed, long answers are fetched over TCP, and any name that a name server takes is asked for", async (context) => {
  const many = Array.from({ length: 100 }, (_, at) => `10.0.1.${at}`);
  const zone = {
    "alias.test": { cname: "other.test", ttl: 3 },
    "other.test": { cname: "real.test" },
    "real.test": { a: ["10.0.0.1"], ttl: 9 },
    "many.test": { a: many, isTruncated: true },
    my_service: { a: ["10.0.0.2"] },
    "xn--bcher-kva.test": { a: ["10.0.0.3"] },
  };
  const { find, source, server } = await open(context, { zone });
  assert.deepEqual([await find("alias.test"), (await source.lookUp("alias.test")).ttlMs], ["10.0.0.1", 3_000]);
  assert.equal((await find("many.test")).split(",").length, 100);
  assert.ok(server.asked.includes("many.test/A tcp"));
  assert.deepEqual([await find("my_service"), await find("XN--bcher-kva.test")], ["10.0.0.2", "10.0.0.3"]);
});

test("the hosts file comes first, localhost never leaves the machine, and the settings are followed however the files change", async (context) => {
  const zone = {
    "api.test": { a: ["10.0.0.1"] },
    "web.a.test": { a: ["10.0.0.2"] },
    "web.b.test": { a: ["10.0.0.3"] },
  };
  const { find, server, configure, hostsPath } = await open(context, {
    zone,
    conf: "search a.test",
    hosts: "10.9.9.9 API.test pinned # here\n::1 pinned",
  });
  assert.deepEqual(
    [
      await find("api.TEST."),
      await find("pinned"),
      await find("localhost"),
      await find("app.localhost."),
      await find("web"),
    ],
    ["10.9.9.9", "10.9.9.9,::1", "127.0.0.1,::1", "127.0.0.1,::1", "10.0.0.2"],
  );
  assert.deepEqual(server.asked.toSorted(), ["web.a.test/A", "web.a.test/AAAA"]);
  configure("search b.test");
  unlinkSync(hostsPath);
  assert.deepEqual([await find("web"), await find("api.test")], ["10.0.0.3", "10.0.0.1"]);
  writeFileSync(hostsPath, "10.9.9.9 web\n");
  assert.equal(await find("web"), "10.9.9.9");
});

test("a change of the settings is told, once, without anybody looking a name up", async (context) => {
  const scheduler = new ManualScheduler();
  const { source, configure, hostsPath, find } = await open(context, { options: { scheduler } });
  let changes = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  await find("localhost");
  source.follow(() => {
    changes++;
    resolve();
  });
  configure("search other.test");
  writeFileSync(hostsPath, "10.0.0.1 a\n");
  scheduler.advance(2_000);
  await promise;
  assert.deepEqual([changes, scheduler.pendingCount], [1, 1]);
  source.close();
  assert.equal(scheduler.pendingCount, 0);
});

test("name servers take turns if the settings say so, and one that is silent costs one wait", async (context) => {
  const second = await NameServer.start({ "api.test": { a: ["10.0.0.2"] } });
  context.after(() => second.close());
  const { server, find } = await open(context, {
    zone: { "api.test": { a: ["10.0.0.1"] } },
    conf: `nameserver ${second.address}\noptions rotate timeout:1 attempts:1\n`,
  });
  assert.deepEqual([await find("api.test"), await find("api.test")].sort(), ["10.0.0.1", "10.0.0.2"]);
  server.isSilent = true;
  assert.deepEqual([await find("api.test"), await find("api.test")], ["10.0.0.2", "10.0.0.2"]);
});

test("closing ends a look-up under way", async (context) => {
  const { source, server } = await open(context, { zone: { "api.test": { failure: "silent" } } });
  const outcome = assert.rejects(source.lookUp("api.test"), { code: "ECANCELLED" });
  while (server.asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
  source.close();
  await outcome;
});
