import assert from "node:assert/strict";
import { test } from "node:test";
import { isRequestId, RequestIdSource } from "./request-id.ts";

test("ids are 24 hex digits, begin alike and never repeat", () => {
  const source = new RequestIdSource(() => Uint32Array.of(0xdeadbeef, 0x1, 0x12345678));
  const seen = new Set<string>();
  for (let count = 0; count < 100_000; count++) {
    const id = source.next();
    if (count < 100) assert.match(id, /^deadbeef00000001[0-9a-f]{8}$/);
    seen.add(id);
  }
  assert.equal(seen.size, 100_000);
});

test("two sources share no id", () => {
  const one = new RequestIdSource();
  const other = new RequestIdSource();
  assert.notEqual(one.next().slice(0, 16), other.next().slice(0, 16));
});

test("a harmless id of the client is kept, any other replaced", () => {
  const source = new RequestIdSource();
  for (const kept of [
    "a",
    "4bf92f3577b34da6a3ce929d0e0e4736",
    "Root=1-67891233-abcdef012345678912345678",
    "a.b+c/d=e:f@g_h-i",
    "x".repeat(128),
  ]) {
    assert.equal(source.choose(kept), kept);
  }
  for (const replaced of ["", "x".repeat(129), "a b", "a,b", "<x>", "a\u00e9", "a\n", "\u001b[2J", "a;b", 'a"b']) {
    assert.equal(isRequestId(replaced), false, JSON.stringify(replaced));
    assert.match(source.choose(replaced), /^[0-9a-f]{24}$/);
  }
  assert.match(source.choose(null), /^[0-9a-f]{24}$/);
});
