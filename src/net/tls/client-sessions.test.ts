import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../base/clock.ts";
import { ClientSessions } from "./client-sessions.ts";

const bench = () => {
  const clock = new ManualClock();
  const sessions = new ClientSessions(clock);
  const keep = (text: string, protocol: string, more: object = {}): void =>
    sessions.keep(Buffer.from(text), protocol, { sinceMs: clock.now(), expiresWallMs: Infinity, ...more });
  return { clock, sessions, keep, take: () => sessions.take()?.session.toString() ?? null };
};

test("tickets of TLS 1.3 are used once each, the newest first, and the last one again until it is refused", () => {
  const { sessions, keep, take } = bench();
  for (const text of ["a", "b"]) keep(text, "TLSv1.3");
  assert.deepEqual([take(), take(), take()], ["b", "a", "a"]);
  sessions.drop(sessions.take()!);
  assert.equal(take(), null);
});

test("a session of TLS 1.2 is used until there is another", () => {
  const { keep, take } = bench();
  keep("a", "TLSv1.2");
  assert.deepEqual([take(), take()], ["a", "a"]);
  keep("b", "TLSv1.2");
  assert.deepEqual([take(), take()], ["b", "b"]);
});

test("sessions are few, and the oldest go first", () => {
  const { keep, take } = bench();
  for (let at = 0; at < 20; at++) keep(String(at), "TLSv1.3");
  const taken = Array.from({ length: 20 }, take);
  assert.deepEqual([taken[0], taken[15], taken[16]], ["19", "4", "4"]);
});

test("an old session is not used, nor any after a failed handshake", () => {
  const { clock, sessions, keep, take } = bench();
  keep("a", "TLSv1.3");
  clock.advance(3_600_001);
  assert.equal(take(), null);
  keep("a", "TLSv1.3", { expiresWallMs: clock.wall() - 1 });
  assert.equal(take(), null, "the certificate has expired since");
  keep("b", "TLSv1.3");
  sessions.clear();
  assert.equal(take(), null);
});
