import assert from "node:assert/strict";
import { test } from "node:test";
import type { EtcdEntry } from "../../../remote/etcd/etcd.ts";
import { readEtcdEndpoints } from "./etcd-endpoints.ts";

const prefix = "/services/api/";
const entry = (name: string, value: string, rest: Partial<EtcdEntry> = {}): EtcdEntry => ({
  key: `${prefix}${name}`,
  value,
  createRevision: "5",
  modRevision: "7",
  lease: "0",
  ...rest,
});

test("a record is a URL or an object with one", () => {
  const { endpoints, refused } = readEtcdEndpoints(
    [entry("a", "http://127.0.0.1:1"), entry("b", '{"url":"http://127.0.0.1:2","weight":3,"zone":"eu-1a"}')],
    prefix,
  );
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
  const { endpoints, refused } = readEtcdEndpoints(
    [
      entry("a", "http://127.0.0.1:1"),
      entry("b", "{"),
      entry("c", "http://user:hush@127.0.0.1:2"),
      entry("d\n[x]", "x".repeat(1_000_000)),
      entry("e".repeat(5_000), '["http://127.0.0.1:3"]'),
    ],
    prefix,
  );
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

test("thousands of bad records are summed up", () => {
  const { endpoints, refused } = readEtcdEndpoints(
    Array.from({ length: 3_000 }, (_, at) => entry(String(at), "?")),
    prefix,
  );
  assert.deepEqual(endpoints, []);
  assert.equal(refused.length, 21);
  assert.equal(refused.at(-1), "2980 more");
});

test("of more endpoints than there may be, the first are taken", () => {
  const many = Array.from({ length: 10_005 }, (_, at) => entry(String(at), `http://10.0.${at >> 8}.${at & 255}:80`));
  const { endpoints, refused } = readEtcdEndpoints(many, prefix);
  assert.equal(endpoints.length, 10_000);
  assert.equal(refused.length, 5);
});

test("another key at the same address is another process; the later one holds", () => {
  const older = entry("one", "http://127.0.0.1:1", { lease: "11", createRevision: "5" });
  const newer = entry("two", "http://127.0.0.1:1", { lease: "12", createRevision: "9" });
  for (const entries of [
    [older, newer],
    [newer, older],
  ])
    assert.deepEqual(
      readEtcdEndpoints(entries, prefix).endpoints.map(({ identity }) => identity),
      ["9"],
    );
});

test("a key without a lease belongs to no process, and a record may say who it is", () => {
  const { endpoints } = readEtcdEndpoints(
    [
      entry("a", "http://127.0.0.1:1"),
      entry("b", '{"url":"http://127.0.0.1:2","identity":"process-1"}', { lease: "11" }),
    ],
    prefix,
  );
  assert.deepEqual(
    endpoints.map(({ identity }) => identity),
    [null, "process-1"],
  );
});
