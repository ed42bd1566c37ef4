import assert from "node:assert/strict";
import { test } from "node:test";
import type { DnsRecord } from "../../../remote/dns/dns-message.ts";
import { maxDiscoveredEndpoints } from "../discovery.ts";
import { saysNoService, toHostEndpoints, toServiceEndpoints } from "./dns-endpoints.ts";

/** `priority weight port target`. */
function service(text: string): DnsRecord {
  const [priority, weight, port, value = ""] = text.split(" ");
  return {
    owner: "api.test",
    type: "SRV",
    ttl: 30,
    value,
    priority: Number(priority),
    weight: Number(weight),
    port: Number(port),
  };
}

/** `host:port*weight`, `backup`; each target has the address 10.0.0.N of its number. */
function serve(...records: string[]): string {
  const { endpoints, refused } = toServiceEndpoints("http", records.map(service), (target) => [
    `10.0.0.${target.slice(1)}`,
  ]);
  assert.deepEqual(refused, []);
  return endpoints
    .map(({ host, port, weight, backup }) => `${host?.slice(7)}:${port}*${weight}${backup ? " backup" : ""}`)
    .join(", ");
}

test("weights are shares: all zero is all equal, zero among others is very small, none is divided", () => {
  assert.equal(serve("0 0 80 n1", "0 0 80 n2"), "1:80*1, 2:80*1");
  assert.equal(serve("0 0 80 n1", "0 1 80 n2", "0 3 80 n3"), "1:80*1, 2:80*100, 3:80*300");
  assert.equal(serve("0 0 80 n1", "0 30000 80 n2"), "1:80*1, 2:80*60000");
  assert.equal(serve("0 0 80 n1", "0 65535 80 n2"), "1:80*1, 2:80*65535");
  assert.equal(serve("0 1 80 n1", "0 1 80 n2", "0 65535 80 n3"), "1:80*1, 2:80*1, 3:80*65535");
});

test("priority comes before weight, and each priority has weights of its own", () => {
  assert.equal(
    serve("5 1 80 n1", "1 0 80 n2", "1 0 80 n3", "9 0 80 n4", "9 2 80 n5"),
    "2:80*1, 3:80*1, 1:80*1 backup, 4:80*1 backup, 5:80*200 backup",
  );
});

test("the list does not depend on the order of the records, and an address is in it once", () => {
  const records = ["1 1 80 n2", "0 2 81 n1", "0 2 80 n1", "1 1 80 n1", "0 9 80 n1"];
  assert.equal(serve(...records), "1:80*9, 1:81*2, 2:80*1 backup");
  assert.equal(serve(...records), serve(...records.toReversed()));
});

test("what can be no endpoint is left out, and the others stay", () => {
  const bad = ["0.0.0.0", "169.254.169.254", "ff02::1"];
  const good = ["127.0.0.1", "10.0.0.1", "2001:db8::1"];
  const { endpoints, refused } = toHostEndpoints("https", 8443, [...bad, ...good]);
  assert.deepEqual(
    endpoints.map(({ host }) => host),
    good,
  );
  assert.deepEqual(
    refused,
    bad.map((address) => `${address} is no address of an endpoint`),
  );
  assert.equal(endpoints.at(-1)?.url, "https://[2001:db8::1]:8443");
});

test("a list is bounded, and that is said", () => {
  const many = Array.from(
    { length: maxDiscoveredEndpoints + 5 },
    (_, at) => `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`,
  );
  const { endpoints, refused } = toHostEndpoints("http", 80, many);
  assert.deepEqual([endpoints.length, refused.length], [maxDiscoveredEndpoints, 1]);
  assert.match(refused[0]!, /at most 10000 endpoints/);
});

test("only the target `.` alone says that there is no service", () => {
  assert.equal(saysNoService([service("0 0 0 ")]), true);
  assert.equal(saysNoService([service("0 0 0 "), service("0 0 80 n1")]), false);
  assert.equal(saysNoService([]), false);
});
