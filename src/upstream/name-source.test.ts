import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { parseHosts, SystemNameSource } from "./name-source.ts";

/** What the test's name server knows of a name: record type (1 = A, 28 = AAAA) to data and seconds to live. */
type Zone = Record<string, { readonly type: 1 | 28; readonly data: number[]; readonly ttl: number }[]>;

/** A name server on the loopback interface (RFC 1035). @returns its address and the names that it was asked for. */
async function serveNames(context: TestContext, zone: Zone): Promise<{ address: string; asked: Set<string> }> {
  const asked = new Set<string>();
  const socket = createSocket("udp4", (query, peer) => {
    const labels: string[] = [];
    let at = 12;
    for (; query[at] !== 0; at += query[at]! + 1) labels.push(query.toString("latin1", at + 1, at + 1 + query[at]!));
    const name = labels.join(".").toLowerCase();
    asked.add(name);
    const type = query.readUInt16BE(at + 1);
    const records = (zone[name] ?? []).filter((record) => record.type === type);
    const header = Buffer.alloc(12);
    header.writeUInt16BE(query.readUInt16BE(0), 0);
    header.writeUInt16BE(name in zone ? 0x8180 : 0x8183, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    const answers = records.map(({ data, ttl }) => {
      const record = Buffer.alloc(12 + data.length);
      record.writeUInt16BE(0xc00c, 0);
      record.writeUInt16BE(type, 2);
      record.writeUInt16BE(1, 4);
      record.writeUInt32BE(ttl, 6);
      record.writeUInt16BE(data.length, 10);
      record.set(data, 12);
      return record;
    });
    socket.send(Buffer.concat([header, query.subarray(12, at + 5), ...answers]), peer.port, peer.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  context.after(() => socket.close());
  return { address: `127.0.0.1:${socket.address().port}`, asked };
}

const ipv6Loopback = [...new Array<number>(15).fill(0), 1];

/** A source over the test's name server and hosts file; the system's resolver knows one name only. */
async function open(context: TestContext, zone: Zone, hosts = "") {
  const folder = mkdtempSync(join(tmpdir(), "names-"));
  const hostsPath = join(folder, "hosts");
  writeFileSync(hostsPath, hosts);
  const server = await serveNames(context, zone);
  const askedSystem: string[] = [];
  const source = new SystemNameSource({
    hostsPath,
    servers: [server.address],
    askSystem: async (host) => {
      askedSystem.push(host);
      if (host === "unknown.test") throw Object.assign(new Error("unknown"), { code: "ENOTFOUND" });
      return [{ address: "192.0.2.1" }];
    },
  });
  context.after(() => {
    source.close();
    rmSync(folder, { recursive: true });
  });
  return { source, hostsPath, askedServer: server.asked, askedSystem };
}

test("the name servers' addresses come IPv4 first and live as long as the shortest record", async (context) => {
  const { source, askedSystem } = await open(context, {
    "api.test": [{ type: 28, data: ipv6Loopback, ttl: 7 }, { type: 1, data: [10, 0, 0, 1], ttl: 20 }, { type: 1, data: [10, 0, 0, 2], ttl: 20 }],
    "v6.test": [{ type: 28, data: ipv6Loopback, ttl: 5 }],
  });
  const { addresses, ttlMs } = await source.lookUp("api.test");
  assert.deepEqual([[...addresses.slice(0, 2)].sort(), addresses.slice(2), ttlMs], [["10.0.0.1", "10.0.0.2"], ["::1"], 7_000]);
  assert.deepEqual(await source.lookUp("v6.test"), { addresses: ["::1"], ttlMs: 5_000 });
  assert.deepEqual(askedSystem, []);
});

test("what the name servers do not know, the system's resolver is asked for, and its refusal is the error", async (context) => {
  const { source, askedServer, askedSystem } = await open(context, { "empty.test": [] });
  assert.deepEqual((await source.lookUp("other.test")).addresses, ["192.0.2.1"]);
  assert.deepEqual((await source.lookUp("empty.test")).addresses, ["192.0.2.1"]);
  await assert.rejects(source.lookUp("unknown.test"), { code: "ENOTFOUND" });
  assert.deepEqual([[...askedServer], askedSystem], [["other.test", "empty.test", "unknown.test"], ["other.test", "empty.test", "unknown.test"]]);
});

test("names without a dot and names in the hosts file go to the system's resolver alone, also after the file changed", async (context) => {
  const { source, hostsPath, askedServer, askedSystem } = await open(context, { "api.test": [{ type: 1, data: [10, 0, 0, 1], ttl: 9 }] }, "10.9.9.9 pinned.test\n");
  await source.lookUp("web");
  await source.lookUp("pinned.test");
  assert.deepEqual((await source.lookUp("api.test")).addresses, ["10.0.0.1"]);
  writeFileSync(hostsPath, "10.9.9.9 API.test\n");
  utimesSync(hostsPath, 1_000, 1_000);
  assert.deepEqual((await source.lookUp("api.test")).addresses, ["192.0.2.1"]);
  assert.deepEqual([[...askedServer], askedSystem], [["api.test"], ["web", "pinned.test", "api.test"]]);
});

test("the system's resolver is asked for two names at a time, the others wait and all are answered", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "names-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const underWay: (() => void)[] = [];
  const source = new SystemNameSource({
    hostsPath: join(folder, "none"),
    askSystem: (host) => new Promise((resolve) => underWay.push(() => resolve([{ address: host }]))),
  });
  const answers = Promise.all(["a", "b", "c", "d", "e"].map((host) => source.lookUp(host)));
  for (let answered = 0; answered < 5; answered++) {
    assert.equal(underWay.length, Math.min(2, 5 - answered));
    underWay.shift()!();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual((await answers).map((answer) => answer.addresses[0]), ["a", "b", "c", "d", "e"]);
});

test("the machine's own loopback name is found by the real resolver", async (context) => {
  const source = new SystemNameSource();
  context.after(() => source.close());
  const { addresses } = await source.lookUp("localhost");
  assert.ok(addresses.length > 0 && addresses.every((address) => address === "::1" || address.startsWith("127.")), addresses.join());
});

test("the names of a hosts file are found whatever its spacing, case and comments", () => {
  const text = "127.0.0.1 localhost\n# 10.0.0.9 gone\n10.0.0.1\tApi.Test  api # the api\r\n\n::1 ip6-localhost\n10.0.0.2";
  assert.deepEqual([...parseHosts(text)].sort(), ["api", "api.test", "ip6-localhost", "localhost"]);
});
