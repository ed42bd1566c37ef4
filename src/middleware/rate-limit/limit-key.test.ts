import assert from "node:assert/strict";
import { test } from "node:test";
import { normalizeIp } from "../../base/ip-address.ts";
import { toNetwork, toStoreKey } from "./limit-key.ts";

test("an IPv4 address is a network of its own, an IPv6 address is its /64, however it is written", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["", ""],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:db8:1:2::", "2001:db8:1:2"],
    ["2001:db8:1:2::6", "2001:db8:1:2"],
    ["2001:db8::1", "2001:db8:0:0"],
    ["2001:db8:0:0:1:2:3:4", "2001:db8:0:0"],
    ["2001:db8:1::1", "2001:db8:1:0"],
    ["2001:db8:1:0:5:6:7:8", "2001:db8:1:0"],
    ["::1", "0:0:0:0"],
    ["::", "0:0:0:0"],
    ["1::2:3:4:5:6:7", "1:0:2:3"],
    ["1:0:2:3::", "1:0:2:3"],
    ["fe80::1%eth0", "fe80:0:0:0"],
  ];
  for (const [address, network] of cases) assert.equal(toNetwork(normalizeIp(address) ?? ""), network, address);
});

test("what clients send does not stand in a store as it is", () => {
  assert.equal(toStoreKey("192.0.2.7", "clientIp"), "192.0.2.7");
  const hashed = toStoreKey("secret", "header:x-api-key");
  assert.match(hashed, /^[\w-]{22}$/);
  assert.equal(hashed, toStoreKey("secret", "cookie:sid"));
  assert.notEqual(hashed, toStoreKey("secres", "header:x-api-key"));
});
