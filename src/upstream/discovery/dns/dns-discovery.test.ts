import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { type Entry, NameServer } from "../../../../test/support/name-server.ts";
import { eventually, loopTurns, Signal } from "../../../../test/support/signal.ts";
import { ManualScheduler } from "../../../base/scheduler.ts";
import { silentLogger } from "../../../observe/logger.ts";
import { MachineNames } from "../../names/machine-names.ts";
import type { DiscoverySnapshot } from "../discovery.ts";
import { DnsDiscovery } from "./dns-discovery.ts";
import { type DnsDiscoveryOptions, dnsDiscoverySchema } from "./options.ts";

interface Setting {
  readonly zone?: Record<string, Entry>;
  readonly options?: Record<string, unknown>;
  /** The machine's settings are used: lines of resolv.conf behind the name server's. */
  readonly conf?: string;
  readonly hosts?: string;
  readonly random?: () => number;
}

/** A discovery of `api.test` at a name server of its own, in time that stands still. */
async function open(context: TestContext, { zone = {}, options = {}, conf, hosts = "", random = () => 0.5 }: Setting) {
  const server = await NameServer.start(zone);
  const folder = mkdtempSync(join(tmpdir(), "dns-discovery-"));
  const paths = { hostsPath: join(folder, "hosts"), resolvConfPath: join(folder, "resolv.conf") };
  const configure = (text: string): void => {
    writeFileSync(`${paths.resolvConfPath}.new`, `nameserver ${server.address}\n${text}`);
    renameSync(`${paths.resolvConfPath}.new`, paths.resolvConfPath);
  };
  configure(conf ?? "");
  writeFileSync(paths.hostsPath, hosts);
  const scheduler = new ManualScheduler();
  const parsed: DnsDiscoveryOptions = dnsDiscoverySchema.parse({
    name: "api.test",
    ...(conf === undefined && { servers: [server.address] }),
    ...options,
  });
  const machine = new MachineNames({ ...paths, hostName: "box", environment: {} });
  const discovery = new DnsDiscovery(
    parsed,
    {
      upstream: "api",
      scheduler,
      random,
      lookup: () => assert.fail("addresses need no look-up"),
      logger: silentLogger,
    },
    machine,
  );
  const said: string[] = [];
  const snapshots: DiscoverySnapshot[] = [];
  const change = new Signal();
  const say = (text: string): void => {
    said.push(text.replace(server.address, "S"));
    change.notify();
  };
  context.after(() => {
    discovery.close();
    server.close();
    rmSync(folder, { recursive: true });
  });
  discovery.start({
    onSnapshot: (snapshot) => {
      snapshots.push(snapshot);
      say(toText(snapshot));
    },
    onAlive: () => say("alive"),
    onFailure: (reason) => say(`failure: ${reason}`),
  });
  scheduler.advance(0);
  /** What is said next. */
  const next = async (): Promise<string> => {
    await change.until(() => said.length > 0, "the discovery says something");
    return said.shift()!;
  };
  /** What is said by the round that comes `ms` later. */
  const after = (ms: number): Promise<string> => {
    scheduler.advance(ms);
    return next();
  };
  return { server, scheduler, machine, discovery, next, after, said, snapshots, configure, ...paths };
}

/** `host:port`, with `*weight` if it is not 1, and `backup`. */
function toText({ endpoints, refused, version, isCertain }: DiscoverySnapshot): string {
  const all = endpoints.map(
    ({ url, weight, backup }) =>
      `${url.replace("http://", "")}${weight === 1 ? "" : `*${weight}`}${backup ? " backup" : ""}`,
  );
  const notes = [...(version === null ? [] : [version]), ...refused, ...(isCertain ? ["certain"] : [])];
  return all.join(", ") + (notes.length === 0 ? "" : ` (${notes.join("; ")})`);
}

test("A and AAAA are one list, asked for again as often as they hold, by a timer", async (context) => {
  const { server, next, after, scheduler } = await open(context, {
    zone: { "api.test": { a: ["10.0.0.2", "10.0.0.1"], aaaa: ["2001:db8::1"], ttl: 5 } },
    options: { port: 8080 },
  });
  assert.equal(await next(), "10.0.0.1:8080, 10.0.0.2:8080, [2001:db8::1]:8080");
  server.zone.set("api.test", { a: ["10.0.0.3"], aaaa: ["2001:db8::1"], ttl: 300 });
  const count = server.asked.length;
  scheduler.advance(4_999);
  assert.equal(server.asked.length, count);
  assert.equal(await after(1), "10.0.0.3:8080, [2001:db8::1]:8080");
  server.zone.set("api.test", { a: ["10.0.0.3"], ttl: 0 });
  assert.equal(await after(60_000), "10.0.0.3:8080", "at least once a minute");
  server.zone.set("api.test", { a: ["10.0.0.4"], ttl: 0 });
  assert.equal(await after(1_000), "10.0.0.4:8080", "at most once a second");
});

test("the pauses are random, so that many do not ask at the same moment", async (context) => {
  for (const [random, ms] of [
    [0, 9_000],
    [0.999, 11_000],
  ] as const) {
    const { next, scheduler, server } = await open(context, {
      zone: { "api.test": { a: ["10.0.0.1"], ttl: 10 } },
      options: { type: "A" },
      random: () => random,
    });
    await next();
    await eventually(() => scheduler.pendingCount === 1, "the next round is planned");
    scheduler.advance(ms - 10);
    assert.equal(server.asked.length, 1);
    scheduler.advance(10);
    await next();
    assert.equal(server.asked.length, 2);
  }
});

test("one family alone, with the port of the scheme", async (context) => {
  const zone = { "api.test": { a: ["10.0.0.1"], aaaa: ["2001:db8::1"] } };
  const one = await open(context, { zone, options: { type: "A" } });
  assert.equal(await one.next(), "10.0.0.1:80");
  const other = await open(context, { zone, options: { type: "AAAA", scheme: "https" } });
  assert.equal(await other.next(), "https://[2001:db8::1]:443");
  assert.deepEqual([one.server.asked, other.server.asked], [["api.test/A"], ["api.test/AAAA"]]);
});

test("silence, SERVFAIL, REFUSED and malformed answers are failures, and it recovers by itself", async (context) => {
  const { server, next, after, scheduler } = await open(context, {
    zone: { "api.test": { a: ["10.0.0.1"], ttl: 5 } },
    options: { type: "A" },
  });
  assert.equal(await next(), "10.0.0.1:80");
  server.zone.set("api.test", { failure: 2 });
  assert.equal(await after(5_000), "failure: name server S answered SERVFAIL");
  server.zone.set("api.test", { failure: 5 });
  assert.equal(await after(1_000), "failure: name server S answered REFUSED");
  server.zone.set("api.test", { a: ["10.0.0.9"], mangle: (answer) => [answer.subarray(0, -1)] });
  assert.equal(await after(2_000), "failure: name server S sent a malformed answer");
  server.isSilent = true;
  const count = server.asked.length;
  scheduler.advance(4_000);
  for (const asked of [1, 2]) {
    await eventually(() => server.asked.length === count + asked, "it is asked");
    scheduler.advance(2_000);
  }
  assert.equal(await next(), "failure: name server S does not answer");
  server.isSilent = false;
  server.zone.set("api.test", { a: ["10.0.0.2"], ttl: 5 });
  assert.equal(await after(10_000), "10.0.0.2:80");
});

test("after failures it waits longer and longer, at most ten seconds, never not at all", async (context) => {
  for (const random of [0, 0.999]) {
    const { server, next, scheduler } = await open(context, {
      zone: { "api.test": { failure: 2 } },
      options: { type: "A" },
      random: () => random,
    });
    const pauses: number[] = [];
    for (let round = 0; round < 6; round++) {
      await next();
      const count = server.asked.length;
      const beganMs = scheduler.clock.now();
      await eventually(() => {
        scheduler.advance(50);
        return server.asked.length > count;
      }, "it asks again");
      pauses.push(scheduler.clock.now() - beganMs);
    }
    for (const [at, pause] of pauses.entries())
      assert.ok(pause >= 250 && (random > 0 || pause < 5_000), `${at}: ${pause}`);
    if (random > 0) assert.ok(pauses[5]! > pauses[0]!);
  }
});

test("that there is no such name, or no address, is an empty list that is not certain, asked about again soon", async (context) => {
  const { server, next, after } = await open(context, { zone: { "api.test": { a: ["10.0.0.1"], ttl: 60 } } });
  assert.equal(await next(), "10.0.0.1:80");
  server.zone.delete("api.test");
  assert.equal(await after(60_000), " (NXDOMAIN)");
  server.zone.set("api.test", {});
  assert.equal(await after(5_000), " (NODATA)");
  server.zone.set("api.test", { a: ["10.0.0.2"] });
  assert.equal(await after(5_000), "10.0.0.2:80");
});

test("a family that cannot be asked for keeps its part, and that is said", async (context) => {
  const full = { a: ["10.0.0.1"], aaaa: ["2001:db8::1"], ttl: 30 };
  const { server, next, after } = await open(context, { zone: { "api.test": full } });
  assert.equal(await next(), "10.0.0.1:80, [2001:db8::1]:80");
  server.zone.set("api.test", { ...full, a: ["10.0.0.2"], failure6: 2 });
  const part = "a part of the addresses of api.test is not known: name server S answered SERVFAIL";
  assert.equal(await after(30_000), `10.0.0.2:80, [2001:db8::1]:80 (${part})`);
  server.zone.set("api.test", { failure6: 2 });
  assert.equal(await after(5_000), `[2001:db8::1]:80 (${part})`);
  server.zone.set("api.test", { ...full, aaaa: [] });
  assert.equal(await after(5_000), "10.0.0.1:80");
  server.zone.set("api.test", { failure6: 2 });
  assert.equal(
    await after(30_000),
    "failure: name server S answered SERVFAIL",
    "no A record, and nobody knows of AAAA",
  );
});

test("an answer that is slow in one half is used at once, and completed later", async (context) => {
  const { server, next, scheduler } = await open(context, {
    zone: { "api.test": { a: ["10.0.0.1"], aaaa: ["2001:db8::1"], failure6: "silent" } },
  });
  await eventually(() => server.asked.length === 2, "both are asked for");
  await loopTurns(10);
  scheduler.advance(500);
  assert.equal(await next(), "10.0.0.1:80");
  server.zone.set("api.test", { a: ["10.0.0.1"], aaaa: ["2001:db8::1"] });
  scheduler.advance(2_000);
  assert.equal(await next(), "10.0.0.1:80, [2001:db8::1]:80");
});

test("a truncated answer is never taken; the whole one comes over TCP", async (context) => {
  const all = Array.from({ length: 300 }, (_, at) => `10.0.${at >> 8}.${at & 255}`);
  const { next, server } = await open(context, {
    zone: { "api.test": { a: all, isTruncated: true } },
    options: { type: "A" },
  });
  assert.equal((await next()).split(", ").length, 300);
  assert.deepEqual(server.asked, ["api.test/A", "api.test/A tcp"]);
});

test("addresses that a datagram leaves out are asked for again over TCP, and from then on always", async (context) => {
  const all = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"];
  const { next, after, server } = await open(context, {
    zone: { "api.test": { a: all, ttl: 1, overUdp: { a: all.slice(0, 2), ttl: 1 } } },
    options: { type: "A" },
  });
  assert.equal(await next(), "10.0.0.1:80, 10.0.0.2:80");
  server.zone.set("api.test", { a: all, ttl: 1, overUdp: { a: all.slice(2), ttl: 1 } });
  const whole = all.map((address) => `${address}:80`).join(", ");
  assert.equal(await after(1_000), whole);
  assert.equal(await after(1_000), whole);
  assert.deepEqual(server.asked, ["api.test/A", "api.test/A", "api.test/A tcp", "api.test/A tcp"]);
});

test("what is gone over TCP too is gone, unless that cannot be asked", async (context) => {
  const { next, after, server } = await open(context, {
    zone: { "api.test": { a: ["10.0.0.1", "10.0.0.2"], ttl: 1 } },
    options: { type: "A" },
  });
  assert.equal(await next(), "10.0.0.1:80, 10.0.0.2:80");
  server.zone.set("api.test", { failure: 2, overUdp: { a: ["10.0.0.1"], ttl: 1 } });
  assert.equal(await after(1_000), "10.0.0.1:80, 10.0.0.2:80");
  server.zone.set("api.test", { a: ["10.0.0.1"], ttl: 1 });
  assert.equal(await after(1_000), "10.0.0.1:80");
  assert.deepEqual(server.asked.slice(-2), ["api.test/A", "api.test/A tcp"]);
});

test("with `unseen`, what is missing is kept until it was not seen for so long", async (context) => {
  const { next, after, server } = await open(context, {
    zone: { "api.test": { a: ["10.0.0.1", "10.0.0.2"], ttl: 2 } },
    options: { type: "A", unseen: "5s" },
  });
  const both = "10.0.0.1:80, 10.0.0.2:80";
  assert.equal(await next(), both);
  server.zone.set("api.test", { a: ["10.0.0.1"], ttl: 2 });
  assert.equal(await after(2_000), both);
  server.zone.set("api.test", { a: ["10.0.0.2"], ttl: 2 });
  assert.equal(await after(2_000), both);
  server.zone.set("api.test", { a: ["10.0.0.2"], ttl: 2 });
  assert.equal(await after(2_000), both);
  assert.equal(await after(2_000), "10.0.0.2:80");
});

const service = "_http._tcp.api.test";

test("of SRV records the lowest priority serves, by weight; the others are backups; targets are asked for", async (context) => {
  const { next, server } = await open(context, {
    zone: {
      [service]: { srv: ["20 5 8082 n3.test.", "10 1 8081 N1.test.", "10 300 8081 n2.test."] },
      "n1.test": { a: ["10.0.0.1"], aaaa: ["2001:db8::1"] },
      "n2.test": { aaaa: ["2001:db8::2"] },
      "n3.test": { cname: "n4.test" },
      "n4.test": { a: ["10.0.0.4", "10.0.0.3"] },
    },
    options: { type: "SRV", name: service },
  });
  assert.equal(await next(), "10.0.0.1:8081, [2001:db8::2]:8081*300, 10.0.0.3:8082*5 backup, 10.0.0.4:8082*5 backup");
  assert.equal(server.asked.length, 8);
});

test("addresses in the answer are not asked for, and live as long as they say", async (context) => {
  const { next, server, after } = await open(context, {
    zone: {
      [service]: { srv: ["0 0 80 n1.test.", "0 0 80 n2.test."], hasExtras: true, ttl: 30 },
      "n1.test": { a: ["10.0.0.1"], ttl: 10 },
      "n2.test": { a: ["10.0.0.2"], ttl: 60 },
    },
    options: { type: "SRV", name: service },
  });
  assert.equal(await next(), "10.0.0.1:80, 10.0.0.2:80");
  assert.deepEqual(server.asked, [`${service}/SRV`]);
  server.zone.set("n1.test", { a: ["10.0.0.7"], ttl: 10 });
  assert.equal(await after(10_000), "10.0.0.7:80, 10.0.0.2:80");
});

test("a target that cannot be asked for keeps its address, one that is gone is left out and said, and the others go on", async (context) => {
  const { next, server, after } = await open(context, {
    zone: {
      [service]: { srv: ["0 1 80 n1.test.", "0 1 80 n2.test.", "0 1 80 n3.test.", "0 1 0 n4.test."], ttl: 5 },
      "n1.test": { a: ["10.0.0.1"], ttl: 5 },
      "n2.test": { a: ["10.0.0.2"], ttl: 5 },
      "n4.test": { a: ["10.0.0.4"], ttl: 5 },
    },
    options: { type: "SRV", name: service },
  });
  assert.equal(await next(), "10.0.0.1:80, 10.0.0.2:80 (n3.test has no address; the record of n4.test has no port)");
  server.zone.set("n1.test", { failure: 2 });
  server.zone.delete("n2.test");
  assert.equal(
    await after(5_000),
    "10.0.0.1:80 (the addresses of n1.test are not known: name server S answered SERVFAIL; n2.test has no address; n3.test has no address; the record of n4.test has no port)",
  );
});

test("if no target can be asked for, that is a failure, not an empty service", async (context) => {
  const { next } = await open(context, {
    zone: { [service]: { srv: ["0 1 80 n1.test."] }, "n1.test": { failure: 2 } },
    options: { type: "SRV", name: service },
  });
  assert.equal(await next(), "failure: name server S answered SERVFAIL");
});

test("the target `.` says for certain that there is no such service", async (context) => {
  const { next } = await open(context, {
    zone: { [service]: { srv: ["0 0 0 ."] } },
    options: { type: "SRV", name: service },
  });
  assert.equal(await next(), " (certain)");
});

test("without name servers of its own it asks as the machine does: hosts file, search list, and follows both files", async (context) => {
  const { next, configure, scheduler, hostsPath, said } = await open(context, {
    zone: {
      "api.shop.local": { a: ["10.0.0.1"] },
      "api.next.local": { a: ["10.0.0.2"] },
      "api.broken.local": { failure: 2 },
    },
    conf: "search none.local shop.local\n",
    options: { name: "api", type: "A" },
  });
  assert.equal(await next(), "10.0.0.1:80");
  /** The files are looked at in the background. */
  const changesTo = (text: string): Promise<void> =>
    eventually(() => {
      scheduler.advance(100);
      return said.at(-1) === text;
    }, `it is ${text}`);
  configure("search next.local\n");
  await changesTo("10.0.0.2:80");
  writeFileSync(hostsPath, "10.0.0.9 api\n2001:db8::9 api\n");
  await changesTo("10.0.0.9:80");
});

test("behind a name that was refused nothing replaces what is known, and silence ends the search", async (context) => {
  const { next, after, server } = await open(context, {
    zone: { "api.shop.local": { a: ["10.0.0.1"], ttl: 5 }, api: { a: ["192.0.2.66"] } },
    conf: "search shop.local\n",
    options: { name: "api", type: "A" },
  });
  assert.equal(await next(), "10.0.0.1:80");
  server.zone.set("api.shop.local", { failure: 2 });
  assert.equal(await after(5_000), "failure: name server S answered SERVFAIL");
  assert.equal(server.asked.at(-1), "api/A");
});

test("whatever goes wrong is a failure, and it goes on", async (context) => {
  const { next, after, machine } = await open(context, { conf: "", hosts: "10.0.0.1 api.test\n" });
  const { mock } = context.mock.method(machine, "ownAddresses", () => {
    throw new Error("out of order");
  });
  assert.equal(await next(), "failure: it could not be asked: out of order");
  mock.restore();
  assert.equal(await after(1_000), "10.0.0.1:80");
});

test("closing ends a round under way, and no timer or socket is left", async (context) => {
  const { discovery, server, scheduler, said } = await open(context, { zone: {}, conf: "" });
  server.isSilent = true;
  await eventually(() => server.asked.length > 0, "it asks");
  discovery.close();
  discovery.close();
  await eventually(() => scheduler.pendingCount === 0, "nothing is planned");
  assert.deepEqual(said, []);
});
