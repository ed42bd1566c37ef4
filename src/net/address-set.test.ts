import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { AddressSet, parseCidr } from "./address-set.ts";

test("addresses are found in their blocks", () => {
  const table: [string[], string, boolean][] = [
    [[], "127.0.0.1", false],
    [["10.0.0.0/8"], "10.255.255.255", true],
    [["10.0.0.0/8"], "11.0.0.0", false],
    [["10.0.0.0/8"], "9.255.255.255", false],
    [["10.1.2.3/8"], "10.9.9.9", true],
    [["192.0.2.1"], "192.0.2.1", true],
    [["192.0.2.1/32"], "192.0.2.2", false],
    [["0.0.0.0/0"], "255.255.255.255", true],
    [["0.0.0.0/0"], "::1", false],
    [["::/0"], "::1", true],
    [["::/0"], "10.0.0.1", false],
    [["::/0"], "::ffff:10.0.0.1", false],
    [["10.0.0.0/8"], "::ffff:10.0.0.1", true],
    [["10.0.0.0/8"], "::ffff:a00:1", true],
    [["::ffff:10.0.0.0/104"], "10.2.3.4", true],
    [["::ffff:0:0/96"], "1.2.3.4", true],
    [["fe80::/10"], "fe80::1%eth0", true],
    [["2001:db8::/33"], "2001:db8:7fff::1", true],
    [["2001:db8::/33"], "2001:db8:8000::1", false],
    [["128.0.0.0/1", "::1"], "200.1.1.1", true],
    [["10.0.0.0/8", "10.1.0.0/16", "10.0.0.0/24"], "10.200.0.1", true],
    [["10.0.0.0/8"], "", false],
    [["10.0.0.0/8"], "10.0.0", false],
    [["10.0.0.0/8"], "localhost", false],
  ];
  for (const [cidrs, address, expected] of table)
    assert.equal(new AddressSet(cidrs).has(address), expected, `${address} in ${cidrs.join(" ")}`);
});

test("what is no block is refused by name", () => {
  for (const cidr of [
    "",
    "10.0.0.0/33",
    "10.0.0/8",
    "::/129",
    "10.0.0.0/",
    "10.0.0.0/08",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "localhost",
    "[::1]",
    "10.0.0.0/255.0.0.0",
  ]) {
    assert.equal(parseCidr(cidr), null, cidr);
    assert.throws(() => new AddressSet(["127.0.0.1", cidr]), {
      name: "RangeError",
      message: `not an address or CIDR block: ${cidr}`,
    });
  }
});

test("an empty set holds nobody", () => {
  for (const address of ["127.0.0.1", "::1", "::ffff:1.2.3.4", ""])
    assert.equal(new AddressSet([]).has(address), false, address);
});

// Few distinct bits, so that random blocks and addresses meet.
const ipv4 = fc
  .tuple(fc.constantFrom(0, 10, 128, 255), fc.constantFrom(0, 1, 128), fc.constantFrom(0, 255), fc.nat(3))
  .map((parts) => parts.join("."));
const ipv6 = fc
  .array(fc.constantFrom("0", "1", "8000", "ffff"), { minLength: 8, maxLength: 8 })
  .map((parts) => parts.join(":"))
  .filter((text) => !/^(0:){5}ffff/.test(text));
const block = fc
  .oneof(fc.tuple(ipv4, fc.nat(32)), fc.tuple(ipv6, fc.nat(128)))
  .map(([address, prefix]) => `${address}/${prefix}`);

test("membership agrees with ipaddr.js on random blocks", () => {
  fc.assert(
    fc.property(fc.array(block, { maxLength: 8 }), fc.oneof(ipv4, ipv6), (blocks, address) => {
      const parsed = ipaddr.parse(address);
      const expected = blocks.some((cidr) => {
        const [network, prefix] = ipaddr.parseCIDR(cidr);
        return network.kind() === parsed.kind() && parsed.match(network, prefix);
      });
      assert.equal(new AddressSet(blocks).has(address), expected);
    }),
    { numRuns: 3_000 },
  );
});
