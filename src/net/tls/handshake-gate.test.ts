import assert from "node:assert/strict";
import { test } from "node:test";
import { type GatedHandshake, HandshakeGate } from "./handshake-gate.ts";

/** One that notes what the gate does to it. */
function handshake(name: string, notes: string[]): GatedHandshake {
  return {
    older: null,
    newer: null,
    runInTurn: () => void notes.push(`${name} begins`),
    giveWay: () => void notes.push(`${name} gives way`),
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("few handshakes begin at once, more of one turn wait for later ones, in their order", async () => {
  const gate = new HandshakeGate();
  const notes: string[] = [];
  const expected = Array.from({ length: 40 }, (_, at) => `${at} begins`);
  for (let at = 0; at < 40; at++) gate.begin(handshake(String(at), notes));
  assert.equal(notes.length, 4);
  let turns = 0;
  while (notes.length < 40) {
    const before: number = notes.length;
    await turn();
    turns++;
    assert.ok(notes.length - before <= 12);
  }
  assert.ok(turns >= 4);
  assert.deepEqual(notes, expected);
  await turn();
  gate.begin(handshake("later", notes));
  assert.equal(notes.at(-1), "later begins");
});

test("the oldest of too many gives way", () => {
  const gate = new HandshakeGate(3);
  const notes: string[] = [];
  const all = Array.from({ length: 6 }, (_, at) => handshake(String(at), notes));
  for (const one of all.slice(0, 4)) gate.enter(one);
  assert.deepEqual(notes, ["0 gives way"]);
  gate.leave(all[2]!);
  gate.enter(all[4]!);
  assert.equal(notes.length, 1);
  gate.enter(all[5]!);
  assert.deepEqual(notes, ["0 gives way", "1 gives way"]);
  assert.equal(gate.size, 3);
});

test("one that leaves twice, or was never there, is counted once", () => {
  const gate = new HandshakeGate(10);
  const all = Array.from({ length: 5 }, (_, at) => handshake(String(at), []));
  gate.leave(all[0]!);
  for (const one of all) gate.enter(one);
  // The middle, the newest, the oldest, the rest.
  for (const at of [2, 2, 4, 4, 0, 0, 1, 3, 3]) gate.leave(all[at]!);
  assert.equal(gate.size, 0);
  gate.leave(all[3]!);
  gate.enter(all[3]!);
  assert.equal(gate.size, 1);
  gate.leave(all[3]!);
  assert.equal(gate.size, 0);
});
