import assert from "node:assert/strict";
import { test } from "node:test";
import { type EndpointSlice, isLater, readEndpointSlice } from "./endpoint-slice.ts";
import { endpoint, sliceObject } from "./testing/slices.ts";

function read(fields: Readonly<Record<string, unknown>>): EndpointSlice {
  const slice = readEndpointSlice(sliceObject(fields));
  assert.ok(typeof slice !== "string", String(slice));
  return slice;
}

test("a slice is read as the API writes it", () => {
  const slice = read({ endpoints: [endpoint({ address: "10.0.0.1", uid: "u1", zone: "a" })] });
  assert.deepEqual(slice, {
    name: "app-1",
    uid: "slice-1",
    service: "app",
    version: "7",
    addressType: "IPv4",
    endpoints: [{ address: "10.0.0.1", isReady: true, isServing: true, isTerminating: false, zone: "a", uid: "u1" }],
    ports: [{ name: "http", number: 8080, protocol: "TCP", appProtocol: null }],
    refused: [],
  });
});

test("conditions that are absent or null mean ready, serving and not terminating", () => {
  for (const conditions of [undefined, null, {}, { ready: null, serving: null, terminating: null }]) {
    const [one] = read({ endpoints: [{ addresses: ["10.0.0.1"], conditions }] }).endpoints;
    assert.deepEqual(
      [one?.isReady, one?.isServing, one?.isTerminating],
      [true, true, false],
      JSON.stringify(conditions),
    );
  }
});

test("null in place of a list is an empty list", () => {
  assert.deepEqual(read({ endpoints: null, ports: null }).endpoints, []);
});

test("one endpoint that cannot be read does not take the others with it", () => {
  const good = endpoint({ address: "10.0.0.1" });
  for (const bad of [
    null,
    7,
    {},
    { addresses: [] },
    { addresses: [7] },
    { addresses: ["x".repeat(300)] },
    { addresses: ["10.0.0.2"], conditions: { ready: "yes" } },
    { addresses: ["10.0.0.2"], conditions: { terminating: 1 } },
  ]) {
    const slice = read({ endpoints: [bad, good] });
    assert.deepEqual([slice.endpoints.length, slice.refused.length], [1, 1], JSON.stringify(bad));
  }
});

test("a port that cannot be read is left out", () => {
  for (const port of ["80", 0, 65_536, 1.5, -1]) {
    const slice = read({
      ports: [
        { name: "a", port },
        { name: "b", port: 80 },
      ],
    });
    assert.deepEqual([slice.ports.map(({ name }) => name), slice.refused.length], [["b"], 1], String(port));
  }
});

test("a slice that is none is refused with a sentence", () => {
  const cases: [object | null, RegExp][] = [
    [null, /no name/],
    [{}, /no name/],
    [sliceObject({ name: "a b" }), /no name/],
    [sliceObject({ version: 7 }), /no resource version/],
    [sliceObject({ addressType: "IPX" }), /no addressType/],
    [sliceObject({ endpoints: {} }), /endpoints .* no list/],
    [sliceObject({ ports: "http" }), /ports .* no list/],
  ];
  for (const [object, sentence] of cases) {
    const slice = readEndpointSlice(object);
    assert.ok(typeof slice === "string" && sentence.test(slice), JSON.stringify(slice));
  }
});

test("more endpoints than the API allows are not read", () => {
  const many = Array.from({ length: 1_200 }, (_, at) => endpoint({ address: `10.0.${at >> 8}.${at & 255}` }));
  const slice = read({ endpoints: many });
  assert.equal(slice.endpoints.length, 1_000);
  assert.match(slice.refused.join(), /1001.*too many/);
});

test("versions are compared as numbers, and not at all if they are none", () => {
  assert.ok(isLater("10", "9"));
  assert.ok(isLater("100000000000000000001", "100000000000000000000"));
  assert.ok(!isLater("9", "10"));
  assert.ok(!isLater("10", "10"));
  assert.ok(!isLater("b", "a"));
  assert.ok(!isLater("010", "9"));
});
