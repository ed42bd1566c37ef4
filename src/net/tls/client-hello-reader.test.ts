import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, createServer } from "node:net";
import { connect as connectTls } from "node:tls";
import fc from "fast-check";
import { extension, helloMessage, serverNameExtension, toRecords, vector } from "../testing/hello-bytes.ts";
import { type ClientHello, TlsVersion } from "./client-hello.ts";
import { ClientHelloReader, type HelloFault, maxHelloBytes } from "./client-hello-reader.ts";

function readWhole(bytes: Buffer): ClientHello | HelloFault | null {
  return new ClientHelloReader().take(bytes, bytes.length);
}

function readHello(bytes: Buffer): ClientHello {
  const read = readWhole(bytes);
  assert.ok(read !== null && !("kind" in read), JSON.stringify(read));
  return read;
}

function faultOf(bytes: Buffer): string | null {
  const read = readWhole(bytes);
  return read !== null && "kind" in read ? read.kind : null;
}

const full = {
  serverName: "A.Test",
  alpn: ["\x0a\x0a", "h2", "http/1.1"],
  supportedVersions: [0x1a1a, TlsVersion.tls13, TlsVersion.tls12],
  signatureAlgorithms: [0x2a2a, 0x0403, 0x0804],
  groups: [0xfafa, 0x11ec, 0x001d],
  cipherSuites: [0x3a3a, 0x1301, 0xc02b],
  wantsStaple: true,
};

const read: ClientHello = {
  serverName: "a.test",
  alpn: ["h2", "http/1.1"],
  supportedVersions: [TlsVersion.tls13, TlsVersion.tls12],
  signatureAlgorithms: [0x0403, 0x0804],
  supportedGroups: [0x11ec, 0x001d],
  cipherSuites: [0x1301, 0xc02b],
  wantsStaple: true,
};

test("a ClientHello is read, its name in lower case and without GREASE", () => {
  assert.deepEqual(readHello(toRecords(helloMessage(full))), read);
});

test("what a ClientHello does not say is empty, and its version the newest of an old client", () => {
  assert.deepEqual(readHello(toRecords(helloMessage({}))), {
    serverName: null,
    alpn: [],
    supportedVersions: [TlsVersion.tls12],
    signatureAlgorithms: [],
    supportedGroups: [],
    cipherSuites: [0x1301],
    wantsStaple: false,
  });
});

test("a client that names an IP address names nothing", () => {
  for (const serverName of ["192.0.2.1", "2001:db8::1"])
    assert.equal(readHello(toRecords(helloMessage({ serverName }))).serverName, null);
});

test("what comes behind a ClientHello is kept with it", () => {
  const bytes = Buffer.concat([toRecords(helloMessage(full)), Buffer.alloc(70_000, 23)]);
  const reader = new ClientHelloReader();
  assert.deepEqual(reader.take(bytes, bytes.length), read);
  assert.deepEqual(reader.bytes, bytes);
});

test("a ClientHello comes in any number of reads and records, and is complete with its last byte only", () => {
  const message = helloMessage(full);
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: message.length }),
      fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 50 }),
      (recordBytes, sizes) => {
        const bytes = toRecords(message, recordBytes);
        const reader = new ClientHelloReader();
        // The memory of a read is used again.
        const memory = Buffer.alloc(400);
        let at = 0;
        for (const size of sizes) {
          const count = Math.min(size, bytes.length - 1 - at);
          if (count === 0) break;
          bytes.copy(memory, 0, at, at + count);
          assert.equal(reader.take(memory, count), null);
          memory.fill(0xee);
          at += count;
        }
        assert.deepEqual(reader.take(bytes.subarray(at), bytes.length - at), read);
        assert.deepEqual(reader.bytes, bytes);
      },
    ),
  );
});

test("any bytes are read without an exception, and never into more than one answer", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (content, isRecord) => {
      const bytes = isRecord ? toRecords(Buffer.concat([Buffer.of(1), vector(3, content)])) : Buffer.from(content);
      readWhole(bytes);
    }),
    { numRuns: 2_000 },
  );
});

test("a ClientHello that is cut off, or whose bytes are changed, is never read beyond its end", () => {
  const message = helloMessage(full).subarray(4);
  for (let length = 0; length < message.length; length++) {
    const cut = toRecords(Buffer.concat([Buffer.of(1), vector(3, message.subarray(0, length))]));
    // Without its extensions it is complete.
    const withoutExtensions = 2 + 32 + 33 + 8 + 2;
    assert.equal(faultOf(cut), length === withoutExtensions ? null : "malformed", `after ${length} bytes`);
  }
});

const record = (kind: number, ...content: readonly number[]): Buffer =>
  Buffer.concat([Buffer.of(kind, 3, 1), vector(2, Buffer.from(content))]);
const withExtensions = (...extensions: readonly Buffer[]): Buffer => toRecords(helloMessage({ extensions }));
const two = Buffer.concat([Buffer.of(0), vector(2, Buffer.from("a")), Buffer.of(0), vector(2, Buffer.from("b"))]);

const faults: readonly [what: string, bytes: Buffer, kind: HelloFault["kind"]][] = [
  ["a request without TLS", Buffer.from("GET / HTTP/1.1\r\n"), "plain-http"],
  ["one letter", Buffer.from("p"), "plain-http"],
  ["an alert", record(21, 2, 40), "alert"],
  ["another kind of record", record(23, 1), "not-tls"],
  ["a ClientHello of SSL 2", Buffer.of(0x80, 0x2e, 1, 3, 1, 0, 0x15), "not-tls"],
  ["another major version", Buffer.of(22, 2), "not-tls"],
  ["an SSH client", Buffer.of(0), "not-tls"],
  ["another message", record(22, 2, 0, 0, 0), "malformed"],
  ["an empty record", record(22), "malformed"],
  ["an alert between two records", Buffer.concat([record(22, 1, 0), record(21, 2, 40)]), "malformed"],
  ["a record that is longer than the limit", Buffer.of(22, 3, 1, 0x40, 0), "too-long"],
  ["a record that is longer than any", Buffer.of(22, 3, 1, 0xff, 0xff), "too-long"],
  ["a message that is longer than the limit", record(22, 1, 0, 0x40, 1), "too-long"],
  ["the same extension twice", withExtensions(extension(99), extension(99)), "malformed"],
  ["two names", withExtensions(extension(0, vector(2, two))), "malformed"],
  ["a name of another kind", withExtensions(serverNameExtension("a", 1)), "malformed"],
  ["no name in the list of names", withExtensions(extension(0, vector(2))), "malformed"],
  ["nothing in the extension of names", withExtensions(extension(0)), "malformed"],
  ["an empty name", withExtensions(serverNameExtension("")), "malformed"],
  ["a name with a zero", withExtensions(serverNameExtension("a\0b")), "malformed"],
  ["an empty protocol", withExtensions(extension(16, vector(2, vector(1)))), "malformed"],
  ["a protocol that is cut off", withExtensions(extension(16, vector(2, Buffer.of(5, 0x68)))), "malformed"],
  ["something behind the protocols", withExtensions(extension(16, vector(2), Buffer.of(1))), "malformed"],
  ["half a version", withExtensions(extension(43, vector(1, Buffer.of(3, 4, 3)))), "malformed"],
  ["no version", withExtensions(extension(43, vector(1))), "malformed"],
  [
    "half a suite",
    toRecords(Buffer.concat([Buffer.of(1), vector(3, Buffer.alloc(35), vector(2, Buffer.of(1)))])),
    "malformed",
  ],
];

for (const [what, bytes, kind] of faults) {
  test(`${what} is no ClientHello: ${kind}`, () => {
    assert.equal(faultOf(bytes), kind);
    const reader = new ClientHelloReader();
    let found: HelloFault | ClientHello | null = null;
    for (const byte of bytes) found ??= reader.take(Buffer.of(byte), 1);
    assert.equal(found !== null && "kind" in found ? found.kind : null, kind, "byte for byte");
  });
}

test("what is held of a ClientHello has a limit, in however small records it comes", () => {
  const reader = new ClientHelloReader();
  const message = Buffer.concat([Buffer.of(1), vector(3, Buffer.alloc(8_000))]);
  let found: HelloFault | ClientHello | null = null;
  const bytes = toRecords(message, 1);
  let taken = 0;
  while (found === null && taken < bytes.length) found = reader.take(bytes.subarray(taken, ++taken), 1);
  assert.equal(found !== null && "kind" in found && found.kind, "too-long");
  assert.equal(taken, maxHelloBytes);
});

test("the ClientHello of Node.js is read", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  const accepted = new Promise<ClientHello | HelloFault>((resolve) =>
    server.once("connection", (socket) => {
      const reader = new ClientHelloReader();
      socket.on("data", (bytes: Buffer) => {
        const found = reader.take(bytes, bytes.length);
        if (found !== null) {
          resolve(found);
          socket.destroy();
        }
      });
    }),
  );
  const socket = connect(port, "127.0.0.1");
  const client = connectTls({ socket, servername: "Node.Test", ALPNProtocols: ["http/1.1"] });
  client.on("error", () => {});
  const hello = await accepted;
  client.destroy();
  socket.destroy();
  await new Promise((resolve) => server.close(resolve));
  assert.ok(!("kind" in hello));
  assert.equal(hello.serverName, "node.test");
  assert.deepEqual(hello.alpn, ["http/1.1"]);
  assert.ok(hello.supportedVersions.includes(TlsVersion.tls13));
  assert.ok(hello.signatureAlgorithms.includes(0x0403));
  assert.ok(hello.cipherSuites.includes(0x1301));
});
