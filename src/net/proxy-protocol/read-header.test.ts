import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { headerV2, headerWithChecksum, ipv4Addresses, tlv } from "../testing/header-bytes.ts";
import { describeHeader } from "./describe-header.ts";
import { v2Signature } from "./header-v2.ts";
import type { HeaderReading, ProxyHeader } from "./proxy-header.ts";
import { readProxyHeader } from "./read-header.ts";
import { writeProxyHeader } from "./write-header.ts";

const read = (text: string): HeaderReading => readProxyHeader(Buffer.from(text, "latin1"));

function complete(reading: HeaderReading): ProxyHeader {
  assert.ok(typeof reading === "object", String(reading));
  return reading;
}

/** `source > destination`, as far as they are known. */
function ends(reading: HeaderReading): string {
  const { source, destination } = complete(reading);
  if (source === null || destination === null) return "none";
  return `${source.address} ${source.port} > ${destination.address} ${destination.port}`;
}

test("version 1 names the addresses of both families, normalised", () => {
  for (const [line, expected] of [
    ["PROXY TCP4 192.0.2.7 198.51.100.9 40001 443", "192.0.2.7 40001 > 198.51.100.9 443"],
    ["PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535", "255.255.255.255 65535 > 255.255.255.255 65535"],
    ["PROXY TCP4 0.0.0.0 0.0.0.0 0 0", "0.0.0.0 0 > 0.0.0.0 0"],
    ["PROXY TCP6 2001:DB8:0::7 ::1 1 2", "2001:db8::7 1 > ::1 2"],
    ["PROXY TCP6 ::ffff:192.0.2.7 ::ffff:198.51.100.9 1 2", "192.0.2.7 1 > 198.51.100.9 2"],
    ["PROXY UNKNOWN", "none"],
    ["PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535", "none"],
  ] as const) {
    const reading = complete(read(`${line}\r\nGET / HTTP/1.1\r\n`));
    assert.equal(ends(reading), expected);
    assert.equal(reading.byteCount, line.length + 2);
  }
});

test("version 1: what is written otherwise is malformed", () => {
  for (const line of [
    "PROXY TCP4 192.0.2.7 198.51.100.9 40001 443 ",
    "PROXY TCP4  192.0.2.7 198.51.100.9 40001 443",
    "PROXY TCP4 192.0.2.7 198.51.100.9 40001",
    "PROXY TCP4 192.0.2.07 198.51.100.9 40001 443",
    "PROXY TCP4 192.0.2 198.51.100.9 40001 443",
    "PROXY TCP4 0xC0.0.2.7 198.51.100.9 40001 443",
    "PROXY TCP4 2001:db8::7 198.51.100.9 40001 443",
    "PROXY TCP4 192.0.2.7 198.51.100.9 65536 443",
    "PROXY TCP4 192.0.2.7 198.51.100.9 00001 443",
    "PROXY TCP4 192.0.2.7 198.51.100.9 -1 443",
    "PROXY TCP6 192.0.2.7 198.51.100.9 40001 443",
    "PROXY TCP6 fe80::1%eth0 ::1 40001 443",
    "PROXY TCP6 [::1] ::1 40001 443",
    "PROXY TCP5 192.0.2.7 198.51.100.9 40001 443",
    "PROXY UDP4 192.0.2.7 198.51.100.9 40001 443",
    "PROXY tcp4 192.0.2.7 198.51.100.9 40001 443",
    "PROXY UNKNOWNS",
    "PROXY UNKNOWN a\rb",
    "PROXY ",
  ])
    assert.equal(read(`${line}\r\n`), "malformed PROXY header", line);
  assert.equal(read("PROXY TCP4 192.0.2.7 198.51.100.9 40001 443\n"), "malformed PROXY header");
  assert.equal(read("PROXY UNKNOWN\n"), "malformed PROXY header");
});

test("version 1 has at most 107 bytes", () => {
  const longest = `PROXY UNKNOWN ${"x".repeat(91)}\r\n`;
  assert.equal(complete(read(longest)).byteCount, 107);
  assert.equal(read(`PROXY UNKNOWN ${"x".repeat(92)}\r\n`), "PROXY header too long");
  assert.equal(read(`PROXY UNKNOWN ${"x".repeat(93)}`), "PROXY header too long");
});

test("what begins otherwise is no header, from the first byte on that differs", () => {
  for (const text of [
    "G",
    "GET / HTTP/1.1\r\n",
    "PROXX",
    "PROXY\t",
    "\r\n\r\n\r",
    "\r\n\r\n\0\r\nQUIT\r",
    "\x16\x03\x01",
  ])
    assert.equal(read(text), "no PROXY header", JSON.stringify(text));
});

test("version 2 names the addresses of both families", () => {
  assert.equal(ends(readProxyHeader(headerV2())), "192.0.2.7 40001 > 198.51.100.9 443");
  const addresses = Buffer.alloc(36);
  addresses.set([0x20, 0x01, 0x0d, 0xb8], 0);
  addresses[15] = 7;
  addresses[31] = 1;
  addresses.writeUInt16BE(40_001, 32);
  addresses.writeUInt16BE(443, 34);
  const reading = readProxyHeader(headerV2({ family: 0x21, addresses }));
  assert.equal(ends(reading), "2001:db8::7 40001 > ::1 443");
});

test("version 2: a header without a client keeps the socket's address, and is read to its end", () => {
  const unixAddresses = Buffer.alloc(216, 0x61);
  for (const [what, header] of [
    ["LOCAL, nothing more", headerV2({ command: 0x20, family: 0, addresses: Buffer.alloc(0) })],
    ["LOCAL with addresses", headerV2({ command: 0x20 })],
    ["LOCAL with a family that there is not", headerV2({ command: 0x20, family: 0xff })],
    ["LOCAL with what would be a malformed part", headerV2({ command: 0x20, tlvs: [tlv(1, "h2", 99)] })],
    ["no family", headerV2({ family: 0, addresses: Buffer.alloc(0) })],
    ["a Unix socket", headerV2({ family: 0x31, addresses: unixAddresses })],
    ["datagrams", headerV2({ family: 0x12 })],
  ] as const) {
    const reading = complete(readProxyHeader(Buffer.concat([header, Buffer.from("GET /")])));
    assert.equal(reading.source, null, what);
    assert.equal(reading.byteCount, header.length, what);
  }
});

test("version 2: what is written otherwise is malformed", () => {
  for (const [what, header] of [
    ["another version", headerV2({ command: 0x11 })],
    ["another command", headerV2({ command: 0x22 })],
    ["another family", headerV2({ family: 0x41 })],
    ["another transport", headerV2({ family: 0x13 })],
    ["IPv4 addresses cut short", headerV2({ addresses: ipv4Addresses.subarray(0, 11) })],
    ["IPv6 addresses of the length of IPv4", headerV2({ family: 0x21 })],
    ["Unix addresses cut short", headerV2({ family: 0x31, addresses: Buffer.alloc(215) })],
    ["a part that ends beyond the header", headerV2({ tlvs: [tlv(1, "h2", 3)] })],
    ["a part that ends within its own head", headerV2({ tlvs: [Buffer.from([1, 0])] })],
    ["a unique id of 129 bytes", headerV2({ tlvs: [tlv(5, Buffer.alloc(129))] })],
    ["TLS without its fixed part", headerV2({ tlvs: [tlv(0x20, Buffer.alloc(4))] })],
    [
      "a part of TLS that ends beyond it",
      headerV2({ tlvs: [tlv(0x20, Buffer.concat([Buffer.alloc(5), tlv(0x21, "x", 2)]))] }),
    ],
    ["a checksum of three bytes", headerV2({ tlvs: [tlv(3, Buffer.alloc(3))] })],
    ["two checksums", headerWithChecksum({ tlvs: [tlv(3, Buffer.alloc(4))] })],
  ] as const)
    assert.match(
      String(readProxyHeader(header)),
      /^(malformed PROXY header|PROXY header with a wrong checksum)$/,
      what,
    );
});

test("version 2: one that is too long is refused by its first bytes", () => {
  assert.equal(readProxyHeader(headerV2({ length: 16_369 }).subarray(0, 16)), "PROXY header too long");
  assert.equal(readProxyHeader(headerV2({ length: 16_368 }).subarray(0, 16)), 16_368);
});

test("version 2: a checksum is looked at", () => {
  const header = headerWithChecksum({ tlvs: [tlv(2, "a.example")] });
  assert.equal(complete(readProxyHeader(header)).byteCount, header.length);
  for (let at = 16; at < header.length; at++) {
    // Without this byte it is another part than a checksum.
    if (at === header.length - 7) continue;
    const changed = Buffer.from(header);
    changed[at]! ^= 1;
    assert.ok(typeof readProxyHeader(changed) === "string", `byte ${at}`);
  }
});

test("version 2: what its parts tell goes into the log, whatever bytes it has", () => {
  const tls = Buffer.concat([
    Buffer.from([7, 0, 0, 0, 0]),
    tlv(0x21, "TLSv1.3"),
    tlv(0x23, "AES"),
    tlv(0x22, "client 1"),
  ]);
  const proxy = { peerAddress: "10.0.0.5", peerPort: 4000 };
  const described = (tlvs: readonly Buffer[]): string =>
    describeHeader(complete(readProxyHeader(headerV2({ tlvs }))), proxy);
  assert.equal(
    described([
      tlv(1, "h2"),
      tlv(2, "a.example"),
      tlv(5, Buffer.from([1, 0xff])),
      tlv(0x20, tls),
      tlv(0xea, "vpc"),
      tlv(4, ""),
    ]),
    '10.0.0.5:4000 authority=a.example alpn=h2 id=01ff tls=TLSv1.3 cipher=AES client="client 1"',
  );
  assert.equal(described([tlv(2, Buffer.from([0xff, 0x22, 0x0a]))]), '10.0.0.5:4000 authority="\ufffd\\"\\n"');
  tls.writeUInt32BE(1, 1);
  assert.match(described([tlv(0x20, tls)]), / tls=TLSv1.3 cipher=AES unverifiedClient="client 1"$/);
  assert.equal(described([tlv(2, "x".repeat(1000))]).length, "10.0.0.5:4000 authority=".length + 255);
});

const address = fc.oneof(fc.ipV4(), fc.ipV6());
const port = fc.integer({ min: 0, max: 65_535 });

test("what we write we read, by every split, and nothing behind it is looked at", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("v1" as const, "v2" as const),
      fc.option(fc.tuple(address, address, port, port), { nil: null }),
      fc.uint8Array({ maxLength: 40 }),
      (version, given, behind) => {
        const addresses = given && {
          source: { address: given[0], port: given[2] },
          destination: { address: given[1], port: given[3] },
        };
        const header = writeProxyHeader(version, addresses);
        for (let length = 0; length < header.length; length++) {
          const missing = readProxyHeader(header.subarray(0, length));
          assert.ok(typeof missing === "number" && missing > 0 && missing <= header.length - length, `${length}`);
        }
        const reading = complete(readProxyHeader(Buffer.concat([header, behind])));
        assert.equal(reading.byteCount, header.length);
        assert.deepEqual(reading, complete(readProxyHeader(header)));
        if (addresses === null) assert.equal(reading.source, null);
        else
          assert.deepEqual(
            [reading.source?.port, reading.destination?.port],
            [addresses.source.port, addresses.destination.port],
          );
      },
    ),
  );
});

test("whatever bytes come, the answer is a header within them, a problem, or a number", () => {
  const begin = fc.constantFrom(
    v2Signature,
    Buffer.from("PROXY TCP4 "),
    headerV2(),
    headerV2({ tlvs: [tlv(1, "h2")] }),
  );
  fc.assert(
    fc.property(begin, fc.uint8Array({ maxLength: 300 }), fc.nat(60), (prefix, rest, changed) => {
      const bytes = Buffer.concat([prefix, rest]);
      if (changed < prefix.length) bytes[changed] = rest[0] ?? 0;
      const reading = readProxyHeader(bytes);
      if (typeof reading === "object") assert.ok(reading.byteCount <= bytes.length);
      if (typeof reading === "number") assert.ok(reading > 0);
    }),
    { numRuns: 2_000 },
  );
});
