import assert from "node:assert/strict";
import { test } from "node:test";
import { isHostAddress } from "./host-address.ts";

test("this machine, links, groups and broadcasts are no addresses of hosts", () => {
  const bad = [
    ...["0.0.0.0", "0.1.2.3", "169.254.169.254", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"],
    ...["::", "ff02::1", "fe80::1", "febf::1"],
    ...["::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "::ffff:0.0.0.0", "::ffff:0:0", "::ffff:e000:1"],
  ];
  const good = [
    ...["127.0.0.1", "10.0.0.1", "169.253.1.1", "192.168.1.1", "223.255.255.255"],
    ...["::1", "2001:db8::1", "fd00::1", "fec0::1", "ff::1", "fe::1"],
    ...["::ffff:10.0.0.1", "::ffff:7f00:1"],
  ];
  for (const address of bad) assert.equal(isHostAddress(address), false, address);
  for (const address of good) assert.equal(isHostAddress(address), true, address);
});
