import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../base/clock.ts";
import { ClientSessions } from "./client-sessions.ts";

const session = (text: string): Buffer => Buffer.from(text);
const bench = () => {
  const clock = new ManualClock();
  const sessions = new ClientSessions(clock);
  return { clock, sessions, take: () => sessions.take()?.toString() ?? null };
};

test("a ticket of TLS 1.3 is used once, the newest first", () => {
  const { sessions, take } = bench();
  for (const text of ["a", "b"]) sessions.keep(session(text), "TLSv1.3");
  assert.deepEqual([take(), take(), take()], ["b", "a", null]);
});

test("a session of TLS 1.2 is used until there is another", () => {
  const { sessions, take } = bench();
  sessions.keep(session("a"), "TLSv1.2");
  assert.deepEqual([take(), take()], ["a", "a"]);
  sessions.keep(session("b"), "TLSv1.2");
  assert.deepEqual([take(), take()], ["b", "b"]);
});

test("sessions are few, and the oldest go first", () => {
  const { sessions, take } = bench();
  for (let at = 0; at < 20; at++) sessions.keep(session(String(at)), "TLSv1.3");
  const taken = Array.from({ length: 20 }, take);
  assert.deepEqual([taken[0], taken[15], taken[16]], ["19", "4", null]);
});

test("an old session is not used, nor any after a failed handshake", () => {
  const { clock, sessions, take } = bench();
  sessions.keep(session("a"), "TLSv1.3");
  clock.advance(3_600_001);
  assert.equal(take(), null);
  sessions.keep(session("b"), "TLSv1.3");
  sessions.clear();
  assert.equal(take(), null);
});
