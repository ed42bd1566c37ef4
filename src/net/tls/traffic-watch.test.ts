/** What is ended because it brings much over TLS and no data, on both kinds of socket and both sides; and what is not. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { ManualClock } from "../../base/clock.ts";
import { TimerWheel } from "../../base/timer-wheel.ts";
import { streamDoor } from "../node-internals.ts";
import { handMadeRecords, type HandMadeRecords } from "../testing/key-changes.ts";
import { type SecuredPair, securedPair, type Side, type Way } from "../testing/secured-pair.ts";
import { turns } from "../testing/socket-notes.ts";
import { TlsTrafficWatch } from "./traffic-watch.ts";

const rows: readonly { way: Way; side: Side; skip: boolean }[] = (["bare", "plain"] as const).flatMap((way) =>
  (["accepted", "dialled"] as const).map((side) => ({ way, side, skip: way === "bare" && streamDoor === null })),
);

interface Watching extends SecuredPair {
  readonly records: HandMadeRecords;
  readonly watch: TlsTrafficWatch;
  /** How many floods were told of. */
  readonly floods: () => number;
  /** Sends `bytes`; they have come when it resolves, and `ms` later the watch has looked. */
  send(bytes: Buffer, ms?: number): Promise<void>;
}

async function watching(t: TestContext, way: Way, side: Side): Promise<Watching> {
  const clock = new ManualClock();
  const wheel = new TimerWheel({ clock });
  const watch = new TlsTrafficWatch(wheel);
  let begin: (() => Promise<HandMadeRecords>) | undefined;
  const pair = await securedPair(t, way, side, {
    onPeer: (peer) => {
      const of =
        side === "accepted" ? { side: "client" as const, tickets: 0 } : { side: "server" as const, tickets: 2 };
      begin = handMadeRecords(peer, { ...of, first: "<" });
    },
  });
  const { socket, notes, raw } = pair;
  socket.startReading();
  const records = await begin!();
  await notes.until(() => notes.received === "<");
  let floods = 0;
  watch.add(socket, () => floods++);
  return {
    ...pair,
    records,
    watch,
    floods: () => floods,
    async send(bytes, ms = 100) {
      const wanted = socket.networkBytesRead + bytes.length;
      raw.write(bytes);
      while (!socket.isDestroyed && socket.networkBytesRead < wanted) await turns(1);
      // Tick by tick, as time goes.
      for (let passed = 0; passed < ms; passed += 100) {
        clock.advance(100);
        wheel.advance();
      }
      // The deadline comes up at most two ticks late.
      clock.advance(200);
      wheel.advance();
      await turns(2);
    },
  };
}

for (const { way, side, skip } of rows) {
  const kind = `${way} ${side}`;

  test(`${kind}: changes of keys and nothing else end the connection`, { skip }, async (t) => {
    const { records, send, floods, notes, socket, watch } = await watching(t, way, side);
    await send(records.keyChanges(1_200));
    assert.equal(floods(), 0);
    await send(Buffer.alloc(0), 60_000);
    assert.equal(floods(), 0, "time alone changes nothing");
    await send(records.keyChanges(1_300));
    assert.equal(floods(), 1);
    assert.deepEqual(notes.told, ["secure", "lost: ERR_TLS_FLOOD"]);
    assert.ok(socket.isDestroyed);
    assert.equal(watch.size, 0);
  });

  test(`${kind}: a byte of data now and then hides no flood`, { skip }, async (t) => {
    const { records, send, floods, notes } = await watching(t, way, side);
    const flood: Buffer[] = [];
    for (let at = 0; at < 16; at++) flood.push(records.keyChanges(1_000), records.data("x"));
    await send(Buffer.concat(flood));
    assert.equal(floods(), 1);
    assert.equal(notes.received, `<${"x".repeat(16)}`);
  });

  test(`${kind}: a change of keys before each piece of data is no flood`, { skip }, async (t) => {
    const { records, send, floods, notes, socket } = await watching(t, way, side);
    const pieces: Buffer[] = [];
    for (let at = 0; at < 5_000; at++) pieces.push(records.keyChanges(1), records.data("x"));
    await send(Buffer.concat(pieces));
    assert.equal(notes.received.length, 5_001);
    assert.equal(floods(), 0);
    assert.ok(!socket.isDestroyed);
  });
}

test("records that are padded as far as can be are no flood, as long as they are few", async (t) => {
  const { records, send, floods } = await watching(t, "plain", "accepted");
  for (let second = 0; second < 20; second++) {
    const padded = Array.from({ length: 15 }, () => records.data("x", 16_000));
    await send(Buffer.concat(padded), 1_000);
  }
  assert.equal(floods(), 0);
  await send(Buffer.concat(Array.from({ length: 60 }, () => records.data("x", 16_000))));
  assert.equal(floods(), 1);
});

test("connections that are closed are forgotten, and then nothing is left", async (t) => {
  const clock = new ManualClock();
  const wheel = new TimerWheel({ clock });
  const watch = new TlsTrafficWatch(wheel);
  const pairs = await Promise.all([1, 2, 3].map(() => securedPair(t, "plain", "accepted")));
  for (const { socket } of pairs) watch.add(socket, () => assert.fail("no flood"));
  const look = (): void => {
    clock.advance(300);
    wheel.advance();
  };
  look();
  assert.equal(watch.size, 3);
  pairs[1]!.socket.destroy();
  look();
  assert.equal(watch.size, 2);
  pairs[0]!.socket.destroy();
  pairs[2]!.socket.reset();
  look();
  assert.equal(watch.size, 0);
  assert.equal(wheel.linkedCount, 0);
});
