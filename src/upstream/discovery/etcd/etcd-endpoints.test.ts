import assert from "node:assert/strict";
import { test } from "node:test";
import type { EtcdEntry } from "../../../remote/etcd/etcd.ts";
import type { EndpointList } from "../endpoint-list.ts";
import { EtcdEndpoints } from "./etcd-endpoints.ts";

const prefix = "/services/api/";
const entry = (name: string, value: string, rest: Partial<EtcdEntry> = {}): EtcdEntry => ({
  key: `${prefix}${name}`,
  value,
  createRevision: "5",
  modRevision: "7",
  lease: "0",
  ...rest,
});

const read = (entries: Iterable<EtcdEntry>): EndpointList => {
  const list = new EtcdEndpoints(prefix).read(entries);
  assert.notEqual(typeof list, "string", String(list));
  return list as EndpointList;
};

test("a record is a URL or an object with one", () => {
  const { endpoints, refused } = read([
    entry("a", "http://127.0.0.1:1"),
    entry("b", '{"url":"http://127.0.0.1:2","weight":3,"zone":"eu-1a"}'),
  ]);
  assert.deepEqual(
    endpoints.map(({ url, weight, zone }) => [url, weight, zone]),
    [
      ["http://127.0.0.1:1", 1, null],
      ["http://127.0.0.1:2", 3, "eu-1a"],
    ],
  );
  assert.deepEqual(refused, []);
});

test("a record that is none is left out and said, alone", () => {
  const { endpoints, refused } = read([
    entry("a", "http://127.0.0.1:1"),
    entry("b", "{"),
    entry("c", "http://user:hush@127.0.0.1:2"),
    entry("d\n[x]", "x".repeat(1_000_000)),
    entry("e".repeat(5_000), '["http://127.0.0.1:3"]'),
  ]);
  assert.deepEqual(
    endpoints.map(({ url }) => url),
    ["http://127.0.0.1:1"],
  );
  assert.equal(refused.length, 4);
  assert.match(refused[0]!, /^"b": /);
  for (const sentence of refused) {
    assert.ok(sentence.length < 400, sentence);
    assert.doesNotMatch(sentence, /\n|hush/);
  }
});

test("thousands of bad records are summed up; if there is nothing else, it is a failure", () => {
  const bad = Array.from({ length: 3_000 }, (_, at) => entry(String(at), "?"));
  const { endpoints, refused } = read([...bad, entry("good", "http://127.0.0.1:1")]);
  assert.equal(endpoints.length, 1);
  assert.equal(refused.length, 21);
  assert.equal(refused.at(-1), "2980 more records are left out");
  assert.match(String(new EtcdEndpoints(prefix).read(bad)), /^none of the keys \(3000\) is an endpoint: "0": /);
  assert.deepEqual(read([]).endpoints, []);
});

test("a key whose value turns into nonsense stays what it was until it goes", () => {
  const reader = new EtcdEndpoints(prefix);
  const one = entry("one", "http://127.0.0.1:1");
  reader.read([one, entry("two", '{"url":"http://127.0.0.1:2","weight":3}')]);
  for (let again = 0; again < 2; again++) {
    const list = reader.read([one, entry("two", '{"url":5}')]) as EndpointList;
    assert.deepEqual(
      list.endpoints.map(({ url, weight }) => [url, weight]),
      [
        ["http://127.0.0.1:1", 1],
        ["http://127.0.0.1:2", 3],
      ],
    );
    assert.equal(list.refused.length, 1);
  }
  assert.equal((reader.read([one]) as EndpointList).endpoints.length, 1);
  assert.equal((reader.read([one, entry("two", '{"url":5}')]) as EndpointList).endpoints.length, 1);
});

test("of more endpoints than there may be, the first are taken", () => {
  const many = Array.from({ length: 10_005 }, (_, at) => entry(String(at), `http://10.0.${at >> 8}.${at & 255}:80`));
  const { endpoints, refused } = read(many);
  assert.equal(endpoints.length, 10_000);
  assert.equal(refused.length, 1, "the same sentence is said once");
});

test("another key at the same address is another process; the later one holds", () => {
  const older = entry("one", "http://127.0.0.1:1", { lease: "11", createRevision: "5" });
  const newer = entry("two", "http://127.0.0.1:1", { lease: "12", createRevision: "9" });
  for (const entries of [
    [older, newer],
    [newer, older],
  ])
    assert.deepEqual(
      read(entries).endpoints.map(({ identity }) => identity),
      ["9"],
    );
});

test("a key without a lease belongs to no process, and a record may say who it is", () => {
  const { endpoints } = read([
    entry("a", "http://127.0.0.1:1"),
    entry("b", '{"url":"http://127.0.0.1:2","identity":"process-1"}', { lease: "11" }),
  ]);
  assert.deepEqual(
    endpoints.map(({ identity }) => identity),
    [null, "process-1"],
  );
});
