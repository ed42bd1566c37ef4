/**
 * Handshakes with clients: what they get, how they fail, what is told of it, and that nothing is left of those that
 * fail. Clients are Node's own TLS and bytes; `test/tls/` has others.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { describe } from "node:test";
import { connect, type ConnectionOptions } from "node:tls";
import { extension, helloMessage, serverNameExtension, toRecords, vector } from "../../src/net/testing/hello-bytes.ts";
import { TestAuthority } from "../../src/net/testing/test-authority.ts";
import type { HandshakeFailure } from "../../src/net/tls/handshake-failure.ts";
import { maxHandshakes } from "../../src/net/tls/handshake-gate.ts";
import { type Harness, testWithHarness } from "../support/harness.ts";
import { modes, type ProxyUnderTest } from "../support/proxy-under-test.ts";
import { eventually } from "../support/signal.ts";
import { askOnce, secure, sendPlain, textsOf } from "../support/tls-client.ts";
import { authority, certificateFiles, serverFiles, writeTlsFile } from "../support/tls-files.ts";

const tls = { certificates: [serverFiles] };
const clients = await TestAuthority.create("Clients");
const goodFiles = await certificateFiles({ names: ["client"], subject: "CN=client, O=Staff" }, clients);

/** What `socket` is given to send goes out byte by byte. */
function drip(socket: Socket): Duplex {
  const slow = new Duplex({
    read: () => void socket.resume(),
    write(chunk: Buffer, _encoding, done) {
      for (let at = 0; at < chunk.length; at++) socket.write(chunk.subarray(at, at + 1));
      done();
    },
  });
  socket.on("data", (chunk) => slow.push(chunk)).on("end", () => slow.push(null));
  return slow;
}

/** One that OpenSSL answers with a ServerHello: it has a key for X25519. */
function withKeyShare(): Buffer {
  const share = extension(51, vector(2, Buffer.of(0, 0x1d), vector(2, Buffer.alloc(32, 9))));
  return toRecords(
    helloMessage({
      serverName: "a.test",
      supportedVersions: [0x0304],
      signatureAlgorithms: [0x0403],
      groups: [0x1d],
      extensions: [share],
    }),
  );
}

/** A proxy with TLS whose endpoint answers with the fields it was sent. */
async function start(harness: Harness, options: object = tls, rest: object = {}): Promise<ProxyUnderTest> {
  const endpoint = await harness.endpoint((exchange) => {
    exchange.answer({ body: JSON.stringify(Object.fromEntries(exchange.request.fields)) });
  });
  return harness.proxy({ endpoints: [endpoint.url], listener: { tls: options, ...rest } });
}

const handshakes = async (proxy: ProxyUnderTest, version: string, result: string): Promise<number> =>
  (await proxy.metrics()).sum("millrace_tls_handshakes_total", { version, result });

/** Waits until a handshake has failed so, is counted and told, and nothing is left of it. */
async function assertFailed(proxy: ProxyUnderTest, failure: HandshakeFailure, count = 1): Promise<void> {
  await eventually(async () => (await handshakes(proxy, "_none", failure)) >= count, `a handshake fails: ${failure}`);
  assert.equal(await handshakes(proxy, "_none", failure), count);
  assert.ok(
    proxy.messages.some(({ fields }) => fields["failure"] === failure && fields["peer"] === "127.0.0.1"),
    JSON.stringify(proxy.messages),
  );
  await proxy.untilQuiet();
}

for (const [title, threads] of modes) {
  testWithHarness(`clients are served over TLS, and resume, ${title}`, async (harness) => {
    const endpoint = await harness.endpoint();
    const proxy = await harness.proxy({ threads, endpoints: [endpoint.url], listener: { tls } });
    let session: Buffer | undefined;
    for (let at = 0; at < 6; at++) {
      const client = await secure(harness, proxy, {
        ALPNProtocols: ["h2", "http/1.1"],
        ...(session !== undefined && { session }),
      });
      client.once("session", (given) => (session = given));
      assert.equal(client.alpnProtocol, "http/1.1");
      assert.equal(client.getProtocol(), "TLSv1.3");
      assert.equal(client.isSessionReused(), at > 0, "by whatever thread");
      assert.match(await askOnce(client), /^HTTP\/1\.1 200 /);
    }
    assert.equal(await handshakes(proxy, "1.3", "full"), 1);
    assert.equal(await handshakes(proxy, "1.3", "resumed"), 5);
    assert.deepEqual(proxy.complaints, []);
  });
}

testWithHarness("TLS 1.2 is spoken and resumed, and counted as such", async (harness) => {
  const proxy = await start(harness);
  const first = await secure(harness, proxy, { maxVersion: "TLSv1.2" });
  const session = first.getSession();
  await askOnce(first);
  const second = await secure(harness, proxy, { maxVersion: "TLSv1.2", ...(session !== undefined && { session }) });
  assert.ok(second.isSessionReused());
  await askOnce(second);
  assert.equal(await handshakes(proxy, "1.2", "full"), 1);
  assert.equal(await handshakes(proxy, "1.2", "resumed"), 1);
});

testWithHarness("a ClientHello may come byte by byte", async (harness) => {
  const proxy = await start(harness);
  const raw = connectTcp({ port: proxy.port, host: "127.0.0.1", noDelay: true });
  harness.endWithClients(() => raw.destroy());
  await once(raw, "connect");
  const client = connect({ socket: drip(raw), ca: authority.root, servername: "a.test" });
  await once(client, "secureConnect");
  assert.match(await askOnce(client), /^HTTP\/1\.1 200 /);
});

const strict = { ...tls, clientAuth: { ca: writeTlsFile(clients.root) } };
const strangerFiles = await certificateFiles({ names: ["stranger"] });

type Try = (harness: Harness, proxy: ProxyUnderTest) => Promise<unknown>;
/** A handshake of Node's client that fails. */
const refused =
  (options: ConnectionOptions): Try =>
  (harness, proxy) =>
    assert.rejects(async () => {
      const client = await secure(harness, proxy, options);
      // A server of TLS 1.3 looks at the client's certificate when the client takes the handshake for done.
      await new Promise<void>((resolve, reject) => client.once("error", reject).once("close", resolve).resume());
      throw new Error("closed");
    });
const bytes =
  (sent: Buffer, ...how: ["end"?]): Try =>
  (_, proxy) =>
    sendPlain(proxy, sent, ...how);
const hello = toRecords(
  helloMessage({ serverName: "a.test", supportedVersions: [0x0304], signatureAlgorithms: [0x0403] }),
);

const failures: readonly [what: string, failure: HandshakeFailure, attempt: Try, options?: object][] = [
  ["a name that is refused", "unknown-name", refused({ servername: "c.test" }), { ...tls, unknownName: "refuse" }],
  ["an old version", "no-shared-version", refused({ maxVersion: "TLSv1.2" }), { ...tls, minVersion: "1.3" }],
  ["other suites", "no-shared-cipher", refused({ maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA" })],
  ["other groups", "no-shared-cipher", refused({ ecdhCurve: "P-521" })],
  ["another protocol", "no-shared-protocol", refused({ ALPNProtocols: ["h2"] })],
  ["no certificate", "client-certificate", refused({}), strict],
  ["no certificate in TLS 1.2", "client-certificate", refused({ maxVersion: "TLSv1.2" }), strict],
  ["a stranger's certificate", "client-certificate", refused(textsOf(strangerFiles)), strict],
  [
    "a stranger's certificate in TLS 1.2",
    "client-certificate",
    refused({ ...textsOf(strangerFiles), maxVersion: "TLSv1.2" }),
    strict,
  ],
  ["plain HTTP", "plain-http", bytes(Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))],
  ["anything", "malformed", bytes(Buffer.of(0, 1, 2))],
  ["an alert", "refused-by-client", bytes(Buffer.of(21, 3, 1, 0, 2, 2, 40))],
  ["a ClientHello that is none", "malformed", bytes(toRecords(Buffer.of(1, 0, 0, 1, 0)))],
  [
    "two names",
    "malformed",
    bytes(toRecords(helloMessage({ serverName: "a", extensions: [serverNameExtension("b")] }))),
  ],
  ["half a ClientHello", "client-gone", bytes(hello.subarray(0, 40), "end")],
  ["a ClientHello and no more", "client-gone", bytes(withKeyShare(), "end")],
];

describe("a handshake that fails is counted, told and closed:", () => {
  for (const [what, failure, attempt, options] of failures)
    testWithHarness(`${what}: ${failure}`, async (harness) => {
      const proxy = await start(harness, options);
      await attempt(harness, proxy);
      await assertFailed(proxy, failure);
      const client = await secure(harness, proxy, options === strict ? textsOf(goodFiles) : {});
      assert.match(await askOnce(client), /^HTTP\/1\.1 200 /, "others are served");
    });
});

testWithHarness("a flood of clients that never finish is bounded, and others are served", async (harness) => {
  const proxy = await start(harness);
  const early = await secure(harness, proxy);
  const flood = Array.from({ length: maxHandshakes + 60 }, () => {
    const client = connectTcp({ port: proxy.port, host: "127.0.0.1" }).on("error", () => {});
    harness.endWithClients(() => client.destroy());
    client.write(withKeyShare());
    return client;
  });
  await Promise.all(
    flood.slice(0, 60).map((client) => new Promise((resolve) => client.resume().once("close", resolve))),
  );
  assert.equal(await handshakes(proxy, "_none", "too-many"), 60);
  assert.match(await askOnce(early), /^HTTP\/1\.1 200 /);
  assert.match(await askOnce(await secure(harness, proxy)), /^HTTP\/1\.1 200 /);
  for (const client of flood) client.destroy();
  await proxy.untilQuiet();
});

testWithHarness("handshakes that are under way do not hold a shutdown up", async (harness) => {
  const proxy = await start(harness);
  const open = [hello.subarray(0, 40), withKeyShare(), Buffer.alloc(0)].map((sent) => {
    const client = connectTcp({ port: proxy.port, host: "127.0.0.1" }).on("error", () => {});
    harness.endWithClients(() => client.destroy());
    client.write(sent);
    return client;
  });
  await proxy.untilOpen(({ connections }) => connections === 3, "all of them have come");
  const closed = open.map((client) => new Promise((resolve) => client.resume().once("close", resolve)));
  await proxy.proxy.close({ graceMs: 60_000 });
  await Promise.all(closed);
});
