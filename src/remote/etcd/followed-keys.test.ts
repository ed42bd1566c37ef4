import assert from "node:assert/strict";
import { test } from "node:test";
import type { EtcdEntry } from "./etcd.ts";
import { FollowedKeys } from "./followed-keys.ts";
import { toKeyRange } from "./gateway-values.ts";
import type { EtcdEvent } from "./watch-stream.ts";

const entry = (key: string, modRevision: number): EtcdEntry => ({
  key,
  value: `${key}@${modRevision}`,
  createRevision: "1",
  modRevision: String(modRevision),
  lease: "0",
});
const put = (key: string, revision: number): EtcdEvent => ({ isDelete: false, entry: entry(key, revision) });
const gone = (key: string, revision: number): EtcdEvent => ({ isDelete: true, entry: entry(key, revision) });
const list = (revision: number, entries: readonly EtcdEntry[], cluster = "c") => ({
  revision: String(revision),
  cluster,
  entries,
});

function make(): { keys: FollowedKeys; told: string[]; tell(): string | undefined } {
  const told: string[] = [];
  const keys = new FollowedKeys(1, {
    range: toKeyRange("/", false),
    observer: {
      onEntries: (entries) => void told.push([...entries.values()].map(({ value }) => value).join(" ")),
      onAlive: () => {},
      onFailure: () => {},
    },
  });
  return {
    keys,
    told,
    tell: () => {
      keys.tellChanges();
      return told.at(-1);
    },
  };
}

test("events that the list holds already, and those that are told twice, change nothing", () => {
  const { keys, told, tell } = make();
  keys.takeList(list(10, [entry("a", 4), entry("b", 9)]), 0);
  assert.equal(tell(), "a@4 b@9");
  keys.takeEvents([put("a", 3), put("b", 9), gone("a", 4)]);
  tell();
  assert.equal(told.length, 1);
  keys.takeEvents([put("a", 11), gone("b", 12), put("b", 11), put("a", 11)]);
  assert.equal(tell(), "a@11");
  assert.equal(keys.revision, 12);
});

test("a list that was made before the last events does not undo them", () => {
  const { keys, tell } = make();
  keys.takeList(list(10, [entry("a", 4), entry("b", 9)]), 0);
  keys.takeEvents([put("c", 12), gone("a", 13), put("b", 14)]);
  keys.takeList(list(12, [entry("a", 4), entry("b", 9), entry("c", 12)]), 10);
  assert.equal(tell(), "b@14 c@12");
  assert.equal(keys.revision, 14);
  assert.equal(keys.goneCount, 1);
  // Of a key that went before the list was made, the list knows better.
  keys.takeList(list(20, [entry("a", 17)]), 14);
  assert.equal(tell(), "a@17");
  assert.equal(keys.goneCount, 0);
});

test("a delete that was never told is found by the next list", () => {
  const { keys, tell } = make();
  keys.takeList(list(10, [entry("a", 4), entry("b", 9)]), 0);
  tell();
  keys.takeList(list(30, [entry("a", 4)]), 10);
  assert.equal(tell(), "a@4");
});

test("a list from before what was known, or from another cluster, holds as it is", () => {
  const { keys, tell } = make();
  keys.takeList(list(10, [entry("a", 4)]), 0);
  keys.takeEvents([put("b", 20)]);
  assert.equal(tell(), "a@4 b@20");
  keys.takeList(list(15, [entry("a", 4)]), 20);
  assert.equal(tell(), "a@4");
  assert.equal(keys.revision, 15);
  keys.takeEvents([put("b", 20)]);
  keys.takeList(list(18, [entry("x", 3)], "another"), 15);
  assert.equal(tell(), "x@3");
  assert.equal(keys.revision, 18);
});

test("keys that went are not missed in a cluster that went back to before that", () => {
  const { keys, tell } = make();
  keys.takeList(list(10, [entry("a", 4), entry("b", 9)]), 0);
  keys.takeEvents([gone("a", 100), gone("b", 101)]);
  keys.takeList(list(50, [entry("a", 4)]), 101);
  assert.equal(tell(), "a@4");
  keys.takeEvents([put("b", 51)]);
  assert.equal(tell(), "a@4 b@51");
  keys.takeList(list(60, [entry("a", 4), entry("b", 51)]), 51);
  assert.equal(tell(), "a@4 b@51");
});

test("the same list again is not told", () => {
  const { keys, told, tell } = make();
  keys.takeList(list(10, [entry("a", 4)]), 0);
  tell();
  keys.takeList(list(11, [entry("a", 4)]), 10);
  tell();
  assert.equal(told.length, 1);
  assert.equal(keys.revision, 11);
});
