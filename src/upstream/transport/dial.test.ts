/** The order and timing of a dial, with connections that come up by hand and time that moves by hand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../base/clock.ts";
import { TimerWheel } from "../../base/timer-wheel.ts";
import type { ProxyError, ReasonCode } from "../../http/reason.ts";
import type { DialFailure, Dialling, WireTaker } from "../../net/dialer.ts";
import type { Wire } from "../../net/wire.ts";
import { type PooledAddress, PooledAddress as Address } from "./address-rotation.ts";
import { Dial, type DialGuest } from "./dial.ts";

const shortages: Partial<Record<ReasonCode, DialFailure["shortage"]>> = {
  NO_LOCAL_ADDRESS: "ports",
  OVERLOADED: "sockets",
};

function bench(connectTimeoutMs = 3_000) {
  const clock = new ManualClock();
  const wheel = new TimerWheel({ clock, tickMs: 1 });
  /** What happened, in its order. */
  const events: string[] = [];
  const takers = new Map<string, () => void>();
  const failures = new Map<string, (shortage: DialFailure["shortage"]) => void>();
  let ended = 0;
  const host = {
    wheel,
    connectTimeoutMs,
    prefaceFor: () => null,
    open(address: PooledAddress, taker: WireTaker): Dialling {
      events.push(`try ${address.name}`);
      const dialling = { isHandshaking: false, cancel: () => void events.push(`abandon ${address.name}`) };
      takers.set(address.name, () => taker.onWire({} as Wire, dialling));
      failures.set(address.name, (shortage) => taker.onDialFailed({ shortage, tls: null, detail: "" }, dialling));
      return dialling;
    },
    serve: (_guest: DialGuest, _wire: Wire, address: PooledAddress): void => void events.push(`start ${address.name}`),
    onAddressUp: ({ name }: PooledAddress) => void events.push(`up ${name}`),
    onAddressDown: ({ name }: PooledAddress) => void events.push(`down ${name}`),
    onDialEnd: () => void ended++,
  };
  const guest: DialGuest = {
    onFailure: (error: ProxyError) => void events.push(`error ${error.code} ${error.replay}`),
  };
  const dial = new Dial(host, guest);
  const advance = (ms: number): void => {
    for (let step = 0; step < ms; step++) {
      clock.advance(1);
      wheel.advance();
    }
  };
  const begin = (...names: string[]): void =>
    dial.begin(names.map((name) => new Address(name, { host: name, port: 80 })));
  const over = (): void => {
    assert.deepEqual([dial.isOver, ended, wheel.linkedCount], [true, 1, 0]);
  };
  return {
    dial,
    events,
    advance,
    begin,
    over,
    connect: (name: string) => takers.get(name)!(),
    fail: (name: string, code: ReasonCode = "UPSTREAM_CONNECT_FAILED") => failures.get(name)!(shortages[code] ?? null),
  };
}

test("the only address gets the attempt when it connects", () => {
  const { begin, connect, events, over } = bench();
  begin("a");
  connect("a");
  assert.deepEqual(events, ["try a", "up a", "start a"]);
  over();
});

test("an address that does not answer has the next one tried beside it, and is remembered if that is faster", () => {
  const { begin, connect, advance, events, over } = bench();
  begin("a", "b", "c");
  advance(245);
  assert.deepEqual(events, ["try a"]);
  advance(10);
  assert.deepEqual(events, ["try a", "try b"]);
  connect("b");
  assert.deepEqual(events.slice(2), ["down a", "up b", "abandon a", "start b"]);
  over();
});

test("an address that is slower than the wait, but faster than those behind it, is as good as any", () => {
  const { begin, connect, advance, events, over } = bench();
  begin("a", "b");
  advance(255);
  connect("a");
  assert.deepEqual(events, ["try a", "try b", "up a", "abandon b", "start a"]);
  over();
});

test("an address that refuses has the next one tried at once; the last refusal is the error", () => {
  const { begin, fail, advance, events, over } = bench();
  begin("a", "b", "c");
  fail("a");
  advance(255);
  fail("c");
  fail("b");
  assert.deepEqual(events, [
    "try a",
    "down a",
    "try b",
    "try c",
    "down c",
    "down b",
    "error UPSTREAM_CONNECT_FAILED safe",
  ]);
  over();
});

test("no way to one address does not matter while there is a way to another; a shortage of our own ends it", () => {
  const ways: [code: ReasonCode, then: ReasonCode | null, events: string[]][] = [
    ["NO_LOCAL_ADDRESS", null, ["try a", "down a", "try b", "up b", "start b"]],
    [
      "NO_LOCAL_ADDRESS",
      "UPSTREAM_CONNECT_FAILED",
      ["try a", "down a", "try b", "down b", "error UPSTREAM_CONNECT_FAILED safe"],
    ],
    ["NO_LOCAL_ADDRESS", "NO_LOCAL_ADDRESS", ["try a", "down a", "try b", "down b", "error NO_LOCAL_ADDRESS safe"]],
    [
      "UPSTREAM_CONNECT_FAILED",
      "NO_LOCAL_ADDRESS",
      ["try a", "down a", "try b", "down b", "error UPSTREAM_CONNECT_FAILED safe"],
    ],
    ["OVERLOADED", null, ["try a", "error OVERLOADED safe"]],
  ];
  for (const [first, then, expected] of ways) {
    const { begin, connect, fail, events, over } = bench();
    begin("a", "b");
    fail("a", first);
    if (then !== null) fail("b", then);
    else if (first !== "OVERLOADED") connect("b");
    assert.deepEqual(events, expected);
    over();
  }
});

test("one deadline for the name and the connection, and the reason says which of them took so long", () => {
  const unresolved = bench();
  let calledOff = 0;
  unresolved.dial.resolving = { cancel: () => void calledOff++ };
  unresolved.advance(3_005);
  assert.deepEqual([unresolved.events, calledOff], [["error UPSTREAM_DNS_TIMEOUT safe"], 1]);
  unresolved.over();

  const slow = bench();
  slow.advance(2_900);
  slow.begin("a", "b");
  slow.advance(105);
  assert.deepEqual(slow.events, ["try a", "down a", "abandon a", "error UPSTREAM_CONNECT_TIMEOUT safe"]);
  slow.over();

  const endless = bench(0);
  endless.begin("a");
  endless.advance(60_000);
  assert.deepEqual(endless.events, ["try a"]);
});

test("an attempt that is given up leaves nothing behind, whatever was under way", () => {
  const resolving = bench();
  let calledOff = 0;
  resolving.dial.resolving = { cancel: () => void calledOff++ };
  resolving.dial.cancel();
  assert.deepEqual([resolving.events, calledOff], [[], 1]);
  resolving.over();

  const connecting = bench();
  connecting.begin("a", "b", "c");
  connecting.advance(255);
  connecting.dial.skip();
  connecting.advance(5_000);
  assert.deepEqual(connecting.events, ["try a", "try b", "abandon a", "abandon b"]);
  connecting.over();
});
