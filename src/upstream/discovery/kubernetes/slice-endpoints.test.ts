import assert from "node:assert/strict";
import { test } from "node:test";
import { type EndpointSlice, readEndpointSlice } from "./endpoint-slice.ts";
import { type SliceView, toEndpoints } from "./slice-endpoints.ts";
import { endpoint, endpoints, sliceObject } from "./testing/slices.ts";

const plain: SliceView = { port: null, scheme: null, family: "IPv4" };

function slices(...objects: Readonly<Record<string, unknown>>[]): EndpointSlice[] {
  return objects.map((fields, at) => {
    const slice = readEndpointSlice(sliceObject({ name: `app-${at + 1}`, ...fields }));
    assert.ok(typeof slice !== "string", String(slice));
    return slice;
  });
}

/** `url` of what has its share, `url=0` of what has none. */
function listed(found: readonly EndpointSlice[], view: Partial<SliceView> = {}): string[] {
  return toEndpoints(found, { ...plain, ...view }).endpoints.map(({ url, weight }) =>
    weight === 1 ? url : `${url}=${weight}`,
  );
}

test("the endpoints are the union of all slices, in the order of their URLs", () => {
  const found = slices({ endpoints: endpoints("10.0.0.2", "10.0.0.1") }, { endpoints: endpoints("10.0.0.3") });
  assert.deepEqual(listed(found), ["http://10.0.0.1:8080", "http://10.0.0.2:8080", "http://10.0.0.3:8080"]);
});

test("an endpoint has the zone and the pod that the slice names", () => {
  const { endpoints: found } = toEndpoints(
    slices({ endpoints: [endpoint({ address: "10.0.0.1", uid: "u1", zone: "eu-1a" })] }),
    plain,
  );
  assert.deepEqual([found[0]?.zone, found[0]?.identity, found[0]?.backup], ["eu-1a", "u1", false]);
});

test("a pod in two slices at once is one endpoint, as the later slice says", () => {
  const moved = [
    { version: "9", endpoints: [endpoint({ address: "10.0.0.1", ready: false, serving: false })] },
    { version: "10", endpoints: endpoints("10.0.0.1") },
  ];
  assert.deepEqual(listed(slices(...moved)), ["http://10.0.0.1:8080"]);
  assert.deepEqual(listed(slices(...moved.toReversed())), ["http://10.0.0.1:8080"]);
});

test("a pod with an address of each family is one endpoint, at that of the preferred family", () => {
  const both = slices(
    {
      addressType: "IPv6",
      endpoints: [endpoint({ address: "fd00::1", uid: "u1" }), endpoint({ address: "fd00::2", uid: "u2" })],
    },
    { endpoints: [endpoint({ address: "10.0.0.1", uid: "u1" })] },
  );
  assert.deepEqual(listed(both), ["http://10.0.0.1:8080", "http://[fd00::2]:8080"]);
  assert.deepEqual(listed(both, { family: "IPv6" }), ["http://[fd00::1]:8080", "http://[fd00::2]:8080"]);
});

test("what the preferred family says of a pod counts, though the other has not heard it yet", () => {
  const both = slices(
    { addressType: "IPv6", endpoints: [endpoint({ address: "fd00::1", uid: "u1" })] },
    { endpoints: [endpoint({ address: "10.0.0.1", uid: "u1", ready: false, serving: false })] },
  );
  assert.deepEqual(listed(both), []);
});

test("a pod that goes away but serves gets nothing new while another is ready", () => {
  const going = endpoint({ address: "10.0.0.1", ready: false, serving: true, terminating: true });
  assert.deepEqual(listed(slices({ endpoints: [going, ...endpoints("10.0.0.2")] })), [
    "http://10.0.0.1:8080=0",
    "http://10.0.0.2:8080",
  ]);
  assert.deepEqual(listed(slices({ endpoints: [going] })), ["http://10.0.0.1:8080"]);
});

test("pods that neither are ready nor serve on their way out are not listed", () => {
  const conditions = [
    { ready: false, serving: false, terminating: false },
    { ready: false, serving: true, terminating: false },
    { ready: false, serving: false, terminating: true },
  ];
  for (const one of conditions)
    assert.deepEqual(
      listed(slices({ endpoints: [endpoint({ address: "10.0.0.1", ...one })] })),
      [],
      JSON.stringify(one),
    );
});

test("of two pods at one address the one that is ready counts, and it is another endpoint", () => {
  const old = endpoint({ address: "10.0.0.1", uid: "old", ready: false, serving: false, terminating: true });
  const fresh = endpoint({ address: "10.0.0.1", uid: "new" });
  for (const order of [
    [old, fresh],
    [fresh, old],
  ])
    assert.deepEqual(
      toEndpoints(slices({ endpoints: order }), plain).endpoints.map(({ identity }) => identity),
      ["new"],
    );
});

const twoPorts = [
  { name: "http", port: 8080, protocol: "TCP" },
  { name: "metrics", port: 9090, protocol: "TCP" },
  { name: "dns", port: 53, protocol: "UDP" },
];

test("the port is found by its name, its number, or because it is the only one", () => {
  const found = slices({ ports: twoPorts, endpoints: endpoints("10.0.0.1") });
  assert.deepEqual(listed(found, { port: "metrics" }), ["http://10.0.0.1:9090"]);
  assert.deepEqual(listed(found, { port: 8080 }), ["http://10.0.0.1:8080"]);
  assert.deepEqual(listed(found, { scheme: "udp" }), ["udp://10.0.0.1:53"]);
  assert.deepEqual(listed(slices({ ports: [{ name: "", port: 80 }], endpoints: endpoints("10.0.0.1") })), [
    "http://10.0.0.1:80",
  ]);
});

test("a number stands for itself if the slices do not restrict ports", () => {
  for (const ports of [null, [], [{ name: "any", port: null }]])
    assert.deepEqual(listed(slices({ ports, endpoints: endpoints("10.0.0.1") }), { port: 8000 }), [
      "http://10.0.0.1:8000",
    ]);
});

test("a port that a slice does not have is said, with those that it has", () => {
  const found = slices({ ports: twoPorts, endpoints: endpoints("10.0.0.1") });
  for (const port of [null, 80, "web", "dns"]) {
    const { endpoints: none, refused } = toEndpoints(found, { ...plain, port });
    assert.deepEqual(none, []);
    assert.match(refused.join(), /slice app-1 has .*: it has http \(8080\), metrics \(9090\)$/, String(port));
  }
});

test("a named port may be another number in each slice", () => {
  const found = slices(
    { endpoints: endpoints("10.0.0.1") },
    { ports: [{ name: "http", port: 3000 }], endpoints: endpoints("10.0.0.2") },
  );
  assert.deepEqual(listed(found, { port: "http" }), ["http://10.0.0.1:8080", "http://10.0.0.2:3000"]);
});

test("a slice without endpoints needs no port", () => {
  assert.deepEqual(toEndpoints(slices({ ports: null }), { ...plain, port: "http" }).refused, []);
});

test("the scheme follows the port's appProtocol unless it is configured", () => {
  for (const [appProtocol, scheme] of [
    ["https", "https"],
    ["HTTPS", "https"],
    ["kubernetes.io/wss", "https"],
    ["http", "http"],
    ["kubernetes.io/h2c", "http"],
    [null, "http"],
  ]) {
    const found = slices({ ports: [{ name: "http", port: 8080, appProtocol }], endpoints: endpoints("10.0.0.1") });
    assert.deepEqual(listed(found), [`${scheme}://10.0.0.1:8080`], String(appProtocol));
    assert.deepEqual(listed(found, { scheme: "tcp" }), ["tcp://10.0.0.1:8080"]);
  }
});

test("an address that is none is left out, with a sentence", () => {
  const { endpoints: found, refused } = toEndpoints(
    slices({ endpoints: endpoints("10.0.0.300", "10.0.0.1", "user:pw@10.0.0.1") }),
    plain,
  );
  assert.equal(found.length, 1);
  assert.deepEqual(refused, ["the slice app-1 has an address that is none of an endpoint"]);
  assert.doesNotMatch(refused.join(), /user:pw/);
});

test("an address at which no pod can be is left out", () => {
  for (const bad of ["0.0.0.0", "169.254.169.254", "224.0.0.1", "fd00::1", "localhost"]) {
    const { endpoints: found, refused } = toEndpoints(slices({ endpoints: endpoints(bad) }), plain);
    assert.deepEqual([found.length, refused.length], [0, 1], bad);
  }
});

test("a slice of names has endpoints with names", () => {
  const found = slices({ addressType: "FQDN", endpoints: endpoints("a.example.com", "10.0.0.1") });
  assert.deepEqual(listed(found), ["http://a.example.com:8080"]);
});
