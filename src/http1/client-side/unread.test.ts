import assert from "node:assert/strict";
import { test } from "node:test";
import { Unread } from "./unread.ts";

const text = (bytes: Buffer | null): string | null => (bytes === null ? null : bytes.toString("latin1"));

test("bytes come out in the order of their arrival, given or borrowed", () => {
  const unread = new Unread();
  assert.ok(unread.isEmpty);
  unread.append(Buffer.from("ab"));
  unread.borrow(Buffer.from("cd, and what was read before"), 2);
  unread.keep();
  unread.append(Buffer.from("ef"));
  assert.equal(unread.length, 6);
  unread.drop(3);
  assert.equal(text(unread.look()), "def");
  unread.clear();
  assert.ok(unread.isEmpty);
});

test("consuming all leaves nothing to keep", () => {
  const unread = new Unread();
  unread.borrow(Buffer.from("ab, and what was read before"), 2);
  unread.drop(2);
  unread.keep();
  assert.ok(unread.isEmpty);
  assert.equal(unread.look(), null);
});

test("what is borrowed is looked at in place, and is our own once it is kept or something is appended", () => {
  for (const way of ["kept", "appended to", "borrowed to"] as const) {
    const unread = new Unread();
    const memory = Buffer.from("GET /, and what was read before");
    unread.borrow(memory, 5);
    assert.ok(unread.isBorrowed);
    assert.equal(unread.look()!.buffer, memory.buffer);
    unread.drop(1);
    if (way === "appended to") unread.append(Buffer.from("x"));
    else if (way === "borrowed to") unread.borrow(Buffer.from("xy"), 1);
    else unread.keep();
    assert.equal(unread.isBorrowed, false, way);
    unread.keep();
    memory.fill("!");
    assert.equal(text(unread.look()), way === "kept" ? "ET /" : "ET /x", way);
  }
});

test("what is given is not copied", () => {
  const unread = new Unread();
  const given = Buffer.from("ab");
  unread.append(given);
  unread.keep();
  assert.equal(unread.isBorrowed, false);
  assert.equal(unread.look(), given);
});
