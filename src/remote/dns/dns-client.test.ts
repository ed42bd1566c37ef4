import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { test, type TestContext } from "node:test";
import { type Entry, NameServer } from "../../../test/support/name-server.ts";
import { eventually } from "../../../test/support/signal.ts";
import { ManualScheduler } from "../../base/scheduler.ts";
import { DnsClient, type DnsError, type DnsWay } from "./dns-client.ts";
import type { RecordType } from "./dns-message.ts";
import { parseDnsServer } from "./dns-server.ts";

const timeoutMs = 2_000;

/** A client of one name server for each zone. */
async function open(context: TestContext, ...zones: Readonly<Record<string, Entry>>[]) {
  const servers = await Promise.all(zones.map((zone) => NameServer.start(zone)));
  const scheduler = new ManualScheduler();
  const client = new DnsClient({
    servers: servers.map(({ address }) => parseDnsServer(address)),
    timeoutMs,
    attempts: 2,
    scheduler,
  });
  context.after(() => {
    client.close();
    for (const server of servers) server.close();
  });
  /** The records that are found, or the code, or why there is no answer. */
  const ask = (name = "api.test", type: RecordType = "A", way?: DnsWay): Promise<string> =>
    client.ask({ name, type }, way).then(
      ({ code, answers }) => (code === 0 ? answers.map(({ value }) => value).join() : `code ${code}`),
      (error: DnsError) => `${error.kind}: ${error.message.replace(/127.0.0.1:\d+/, "S")}`,
    );
  /** Lets the wait for a name server pass once it has been asked `count` times. */
  const passTimeout = async (server: NameServer, count: number): Promise<void> => {
    await eventually(() => server.asked.length >= count, "the question has come");
    scheduler.advance(timeoutMs);
  };
  return { client, servers, scheduler, ask, passTimeout };
}

test("records, no records and no such name are answers; an answer that does not fit is fetched over TCP", async (context) => {
  const { ask, servers, scheduler } = await open(context, {
    "api.test": { a: ["10.0.0.1", "10.0.0.2"], aaaa: ["2001:db8::1"], srv: ["1 2 80 n1.test"] },
    "long.test": { a: Array.from({ length: 500 }, (_, at) => `10.0.${at >> 8}.${at & 255}`), isTruncated: true },
  });
  assert.equal(await ask(), "10.0.0.1,10.0.0.2");
  assert.equal(await ask("api.test", "AAAA"), "2001:db8::1");
  assert.equal(await ask("api.test", "SRV"), "n1.test");
  assert.equal(await ask("long.test", "AAAA"), "");
  assert.equal(await ask("none.test"), "code 3");
  assert.equal((await ask("long.test")).split(",").length, 500);
  assert.equal(await ask("api.test", "A", "tcp"), "10.0.0.1,10.0.0.2");
  assert.deepEqual(servers[0]!.asked.slice(-3), ["long.test/A", "long.test/A tcp", "api.test/A tcp"]);
  assert.equal(scheduler.pendingCount, 0);
});

test("a name server that fails or is silent is no answer: the next is asked, and it is asked last for a while", async (context) => {
  const { ask, servers, scheduler, passTimeout } = await open(
    context,
    { "api.test": { failure: 2 }, "b.test": { failure: 5 } },
    { "api.test": { a: ["10.0.0.1"] }, "b.test": { failure: 4 } },
  );
  assert.equal(await ask(), "10.0.0.1");
  assert.equal(await ask("b.test"), "failed: name server S answered NOTIMP");
  assert.deepEqual(
    servers.map(({ asked }) => asked.length),
    // One that does not know EDNS is asked without, and none is asked again in vain.
    [2, 3],
  );
  servers[0]!.isSilent = true;
  const waiting = ask();
  await passTimeout(servers[0]!, 3);
  assert.equal(await waiting, "10.0.0.1");
  assert.equal(await ask(), "10.0.0.1");
  assert.equal(servers[0]!.asked.length, 3);
  scheduler.advance(30_000);
  servers[0]!.isSilent = false;
  await ask();
  assert.equal(servers[0]!.asked.length, 4);
});

test("if all are silent, each is asked as often as the settings say, and that is said", async (context) => {
  const { ask, servers, passTimeout } = await open(context, {});
  servers[0]!.isSilent = true;
  const waiting = ask();
  await passTimeout(servers[0]!, 1);
  await passTimeout(servers[0]!, 2);
  assert.equal(await waiting, "silent: name server S does not answer");
  assert.equal(servers[0]!.asked.length, 2);
});

test("a port where nobody listens is noticed at once", async (context) => {
  const { ask, servers } = await open(context, {});
  servers[0]!.close();
  assert.match(await ask(), /^silent: name server S cannot be reached: E/);
  assert.match(await ask("api.test", "A", "tcp"), /^silent: name server S cannot be reached: ECONNREFUSED/);
});

/** The answer with another id, another question or other records. */
const changed =
  (at: number, change: (byte: number) => number) =>
  (answer: Buffer): Buffer => {
    const bytes = Buffer.from(answer);
    bytes[at] = change(bytes[at]!);
    return bytes;
  };
const withWrongId = changed(1, (byte) => byte ^ 1);
const withWrongName = changed(13, () => 120);
const withLastByte = (byte: number) => (answer: Buffer) => changed(answer.length - 1, () => byte)(answer);

test("forged answers are ignored; if there are many, the question is asked over TCP", async (context) => {
  const zone: Record<string, Entry> = {
    "few.test": {
      a: ["10.0.0.1"],
      mangle: (answer) => [
        ...[withWrongId, withWrongName].map((forge) => withLastByte(66)(forge(answer))),
        Buffer.from("garbage"),
        Buffer.alloc(0),
        answer,
        withLastByte(66)(answer),
      ],
    },
    "many.test": {
      a: ["10.0.0.1"],
      overUdp: { a: ["10.0.0.66"], mangle: (answer) => [...new Array<Buffer>(20).fill(withWrongId(answer)), answer] },
    },
  };
  const { ask, servers } = await open(context, zone);
  assert.equal(await ask("few.test"), "10.0.0.1");
  assert.equal(await ask("many.test"), "10.0.0.1");
  assert.deepEqual(servers[0]!.asked, ["few.test/A", "many.test/A", "many.test/A tcp"]);
});

test("an answer from another port is dropped", async (context) => {
  const other = createSocket("udp4");
  await new Promise<void>((resolve) => other.bind(0, "127.0.0.1", resolve));
  context.after(() => other.close());
  const { ask, servers, passTimeout } = await open(context, { "api.test": { a: ["10.0.0.66"] } });
  servers[0]!.answerFrom = other;
  const waiting = ask();
  await passTimeout(servers[0]!, 1);
  await passTimeout(servers[0]!, 2);
  assert.equal(await waiting, "silent: name server S does not answer");
});

test("malformed answers, over a connection too, are failures of that server, and do not stop the next", async (context) => {
  const circle = changed(6, () => 255);
  const bad: Record<string, Entry> = {
    "udp.test": { a: ["10.0.0.66"], mangle: (answer) => [circle(answer)] },
    "again.test": { isTruncated: true, mangle: (answer) => [changed(2, (byte) => byte | 2)(answer)] },
  };
  const alone = await open(context, { "udp.test": bad["udp.test"]!, "again.test": bad["again.test"]! });
  assert.equal(await alone.ask("udp.test"), "failed: name server S sent a malformed answer");
  assert.equal(await alone.ask("again.test"), "failed: name server S sent a malformed answer");
  const { ask } = await open(context, { "udp.test": bad["udp.test"]! }, { "udp.test": { a: ["10.0.0.1"] } });
  assert.equal(await ask("udp.test"), "10.0.0.1");
});

test("a name server that does not know EDNS is asked without", async (context) => {
  const { ask, servers } = await open(context, {
    "old.test": { a: ["10.0.0.1"], ednsFailure: 1 },
  });
  assert.equal(await ask("old.test"), "10.0.0.1");
  assert.deepEqual(servers[0]!.asked, ["old.test/A", "old.test/A"]);
});

test("closing ends what is under way, and nothing is asked any more", async (context) => {
  const { client, ask, servers, scheduler } = await open(context, {});
  servers[0]!.isSilent = true;
  const waiting = [ask(), ask("api.test", "A", "tcp")];
  await eventually(() => servers[0]!.asked.length === 2, "both questions have come");
  client.close();
  assert.deepEqual(await Promise.all(waiting), ["closed: closed", "closed: closed"]);
  assert.equal(await ask(), "closed: closed");
  assert.deepEqual([servers[0]!.asked.length, scheduler.pendingCount], [2, 0]);
});

test("addresses of name servers are read as resolv.conf has them", () => {
  const read = (text: string): string => {
    const { address, port } = parseDnsServer(text);
    return `${address} ${port}`;
  };
  assert.deepEqual(["10.0.0.1", "10.0.0.1:8600", "2001:db8::1", "[2001:db8::1]:54", "fe80::1%eth0"].map(read), [
    "10.0.0.1 53",
    "10.0.0.1 8600",
    "2001:db8::1 53",
    "2001:db8::1 54",
    "fe80::1%eth0 53",
  ]);
  for (const bad of ["", "ns.test", "10.0.0.1:0", "10.0.0.1:65536", "10.0.0.1:", "[10.0.0.1]", "10.0.0"])
    assert.throws(() => parseDnsServer(bad), RangeError, bad);
});
