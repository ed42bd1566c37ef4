import assert from "node:assert/strict";
import { test } from "node:test";
import { Unread } from "./unread.ts";

const text = (bytes: Buffer | null): string | null => bytes === null ? null : bytes.toString("latin1");

test("bytes come out in the order of their arrival, given or borrowed", () => {
  const unread = new Unread();
  assert.ok(unread.isEmpty);
  unread.append(Buffer.from("ab"));
  unread.borrow(Buffer.from("cd"));
  unread.keep();
  unread.append(Buffer.from("ef"));
  assert.equal(unread.length, 6);
  unread.drop(3);
  assert.equal(text(unread.look()), "def");
  assert.equal(text(unread.take()), "def");
  assert.ok(unread.isEmpty);
});

test("consuming all leaves nothing to keep", () => {
  const unread = new Unread();
  unread.borrow(Buffer.from("ab"));
  unread.drop(2);
  unread.keep();
  assert.ok(unread.isEmpty);
  assert.equal(unread.look(), null);
});

test("what is borrowed is looked at in place, and is our own once it is kept or taken", () => {
  for (const way of ["kept", "taken", "appended to"] as const) {
    const unread = new Unread();
    const memory = Buffer.from("GET /");
    unread.borrow(memory);
    assert.equal(unread.look()!.buffer, memory.buffer);
    unread.drop(1);
    const held = way === "taken" ? unread.take() : null;
    if (way === "appended to") unread.append(Buffer.from("x"));
    unread.keep();
    memory.fill("!");
    assert.equal(text(held ?? unread.look()), way === "appended to" ? "ET /x" : "ET /", way);
  }
});

test("what is given is not copied", () => {
  const unread = new Unread();
  const given = Buffer.from("ab");
  unread.append(given);
  unread.keep();
  assert.equal(unread.take(), given);
});
