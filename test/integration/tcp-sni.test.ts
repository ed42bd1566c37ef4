/** Routes of TCP listeners by the server name of the client's TLS, which is not terminated. */
import assert from "node:assert/strict";
import { helloMessage, toRecords } from "../../src/net/testing/hello-bytes.ts";
import { type Harness, testWithHarness } from "../support/harness.ts";
import type { ProxyUnderTest } from "../support/proxy-under-test.ts";
import type { RawClient } from "../support/raw-client.ts";
import { TcpEndpoint } from "../support/tcp-endpoint.ts";

interface Setup {
  readonly proxy: ProxyUnderTest;
  /** Of the upstreams `one`, `two` and, if there is a default route, `rest`. */
  readonly one: TcpEndpoint;
  readonly two: TcpEndpoint;
  readonly rest: TcpEndpoint;
}

async function start(harness: Harness, isDefaultThere = false, listener: Record<string, unknown> = {}): Promise<Setup> {
  const [one, two, rest] = [
    await TcpEndpoint.start(harness),
    await TcpEndpoint.start(harness),
    await TcpEndpoint.start(harness),
  ];
  const proxy = await harness.proxy({
    listener: { name: "main", mode: "tcp", ...listener },
    routes: [
      { match: { sni: "one.test" }, upstream: "one" },
      { match: { sni: "*.two.test" }, upstream: "two" },
      ...(isDefaultThere ? [{ match: { listener: "main" }, upstream: "rest" }] : []),
    ],
    config: {
      upstreams: { one: { endpoints: [one.url] }, two: { endpoints: [two.url] }, rest: { endpoints: [rest.url] } },
    },
  });
  return { proxy, one, two, rest };
}

const hello = (serverName?: string, recordBytes?: number): Buffer =>
  toRecords(helloMessage(serverName === undefined ? {} : { serverName }), recordBytes);

async function refused(client: RawClient): Promise<void> {
  await client.until(() => client.isOver, "the client is refused");
  client.end();
}

/** A fatal alert that is not encrypted. */
const alert = (description: number): Buffer => Buffer.of(21, 3, 3, 0, 2, 2, description);

testWithHarness("the name decides, and the ClientHello goes on untouched", async (harness) => {
  const { one, two } = await start(harness);
  const [first, second] = [await harness.raw(), await harness.raw()];
  const bytes = Buffer.concat([hello("ONE.test."), Buffer.from("and what follows")]);
  first.send(bytes);
  const toOne = await one.connection();
  await toOne.until(() => toOne.received.length >= bytes.length, "all came");
  assert.deepEqual(toOne.received, bytes);
  second.send(hello("a.b.two.test"));
  const toTwo = await two.connection();
  await toTwo.until(() => toTwo.received.length > 0, "it came");
  toTwo.send("from two");
  await second.untilReceived(8);
  first.reset();
  second.reset();
  const [lines] = await harness.end();
  assert.deepEqual(lines!.map(({ serverName }) => serverName).toSorted(), ["a.b.two.test", "one.test"]);
});

testWithHarness("it may come in any pieces, and in any records", async (harness) => {
  const { one } = await start(harness, true);
  const bytes = hello("one.test", 7);
  const client = await harness.raw();
  await client.sendSplit(
    bytes,
    Array.from({ length: bytes.length }, (_, at) => at),
  );
  const connection = await one.connection();
  await connection.until(() => connection.received.length >= bytes.length, "all came");
  assert.deepEqual(connection.received, bytes);
  client.reset();
});

testWithHarness("a name that no route has is refused, as is no name", async (harness) => {
  const { one, two } = await start(harness);
  for (const bytes of [hello("three.test"), hello("two.test"), hello(), hello("one.test.evil.test")]) {
    const client = await harness.raw();
    client.send(bytes);
    await refused(client);
    assert.deepEqual(client.received, alert(112));
  }
  const [lines] = await harness.end();
  assert.deepEqual(
    lines!.map(({ reason }) => reason),
    ["NO_ROUTE", "NO_ROUTE", "NO_ROUTE", "NO_ROUTE"],
  );
  assert.deepEqual([one.connections.length, two.connections.length], [0, 0]);
});

testWithHarness("a default route takes other names and none, but nothing that is no ClientHello", async (harness) => {
  const { rest } = await start(harness, true);
  for (const bytes of [hello("three.test"), hello()]) {
    const client = await harness.raw();
    client.send(bytes);
    const connection = await rest.connection(rest.connections.length);
    await connection.until(() => connection.received.length >= bytes.length, "all came");
    client.reset();
  }
  const before = rest.connections.length;
  const garbage: [string, Buffer][] = [
    ["64 KiB of anything", Buffer.alloc(65_536, 0xa5)],
    ["a hello that is too long", toRecords(Buffer.concat([Buffer.of(1, 0, 0xff, 0xff), Buffer.alloc(0xffff)]))],
    ["HTTP", Buffer.from("GET / HTTP/1.1\r\nHost: one.test\r\n\r\n")],
    ["a broken hello", toRecords(Buffer.concat([Buffer.of(1, 0, 0, 60), Buffer.alloc(60, 0xff)]))],
  ];
  for (const [what, bytes] of garbage) {
    const client = await harness.raw();
    client.send(bytes);
    await client.until(() => client.isOver, `${what} is refused`);
    client.end();
  }
  const half = await harness.raw();
  half.send(hello("one.test").subarray(0, 20));
  half.end();
  await refused(half);
  const [lines] = await harness.end();
  assert.deepEqual(
    lines!.slice(2).map(({ reason, detail }) => `${String(reason)} ${String(detail)}`),
    [
      "BAD_CLIENT_HELLO not-tls",
      "BAD_CLIENT_HELLO too-long",
      "BAD_CLIENT_HELLO plain-http",
      "BAD_CLIENT_HELLO malformed",
      "BAD_CLIENT_HELLO closed before it was complete",
    ],
  );
  assert.equal(rest.connections.length, before);
});

testWithHarness("a client that does not say it in time is refused", async (harness) => {
  await start(harness, true, { timeouts: { head: "300ms" } });
  const clients = [await harness.raw(), await harness.raw()];
  clients[1]!.send(hello("one.test").subarray(0, 30));
  for (const client of clients) await refused(client);
  const [lines] = await harness.end();
  assert.deepEqual(
    lines!.map(({ reason, status }) => [reason, status]),
    [
      ["HELLO_TIMEOUT", 408],
      ["HELLO_TIMEOUT", 408],
    ],
  );
});
