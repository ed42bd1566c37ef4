import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldClock } from "../../base/clock.ts";
import { EndOfTurn } from "../../base/end-of-turn.ts";
import { ManualScheduler } from "../../base/scheduler.ts";
import type { Attempt } from "../../http/attempt.ts";
import { exchangeAround } from "../../http/testing/exchange-around.ts";
import { Reuse } from "../../http1/endpoint-side/reuse.ts";
import { PooledAddress } from "./address-rotation.ts";
import type { PooledConnection } from "../../http1/endpoint-side/pooled-connection.ts";
import { IdleConnections } from "./idle-connections.ts";

/** A GET, and a request that could not be sent again. */
const plain = { request: exchangeAround({ method: "GET" }).outgoing, bound: null } as unknown as Attempt;
const fragile = { request: exchangeAround({ method: "POST" }).outgoing, bound: null } as unknown as Attempt;

class Pool {
  readonly scheduler = new ManualScheduler();
  readonly clock = new HeldClock(this.scheduler.clock);
  readonly address = new PooledAddress("10.0.0.1", { host: "10.0.0.1", port: 80 });
  /** Who waited, and what it got; null = it has to dial. */
  readonly ready: (readonly [attempt: Attempt, connection: PooledConnection | null])[] = [];
  readonly connections: IdleConnections;
  readonly #endOfTurn = new EndOfTurn();

  constructor() {
    const { scheduler, clock } = this;
    this.connections = new IdleConnections({
      endOfTurn: this.#endOfTurn,
      clock,
      scheduler,
      onReady: (attempt, _address, connection) => this.ready.push([attempt, connection]),
    });
  }

  /** What looks on the spot find; by default that they cannot be made. */
  look: (connection: PooledConnection) => boolean = () => false;

  /** A connection that has just been answered; `isSuspect` = with an answer that withholds its content. */
  park(isSuspect: boolean): PooledConnection {
    const connection = { reuse: new Reuse(), closeUnlessSilent: () => this.look(connection) } as PooledConnection;
    connection.reuse.isSuspect = isSuspect;
    this.address.idle.push(connection);
    this.connections.noteParked(connection);
    return connection;
  }

  /** What comes now was not there when the last answers ended. */
  later(): void {
    this.scheduler.clock.advance(0.01);
  }

  ask(attempt: Attempt): PooledConnection | null | "waits" {
    const connection = this.connections.take(attempt, this.address);
    if (connection !== null) return connection;
    return this.connections.wait({ ...attempt }, this.address) ? "waits" : null;
  }

  /** `count` turns of the event loop, in each of which everything that has arrived is read. */
  async turns(count: number): Promise<void> {
    for (let at = 0; at < count; at++) {
      this.later();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

test("a request that can be sent again gets a connection at once, another one after a look", async () => {
  const pool = new Pool();
  const first = pool.park(false);
  assert.equal(pool.ask(plain), first);
  const second = pool.park(false);
  pool.later();
  assert.equal(pool.ask(fragile), "waits");
  await pool.turns(3);
  assert.equal(pool.ready[0]?.[1], second);
});

test("a request that cannot be sent again, and was there when the answer ended, waits until a FIN behind it would have come", async () => {
  const pool = new Pool();
  const connection = pool.park(false);
  assert.equal(pool.ask(fragile), "waits");
  await pool.turns(4);
  assert.deepEqual(pool.ready, []);
  pool.scheduler.advance(2);
  await pool.turns(4);
  assert.equal(pool.ready[0]?.[1], connection);
});

test("it waits as well if it has passed middlewares, behind which the clock is set, within the read of the answer", async () => {
  const pool = new Pool();
  pool.look = () => true;
  pool.clock.hold();
  const connection = pool.park(false);
  pool.later();
  pool.clock.refresh();
  assert.equal(pool.ask(fragile), "waits");
  pool.clock.release();
  pool.scheduler.advance(2);
  await pool.turns(4);
  assert.equal(pool.ready[0]?.[1], connection);
});

test("nobody gets a connection behind withheld content before it has been silent for 5 ms and then been looked at", async () => {
  const pool = new Pool();
  const connection = pool.park(true);
  // Somebody else has the connections looked at; no content has come by then.
  assert.equal(pool.ask(fragile), "waits");
  await pool.turns(3);
  assert.deepEqual(pool.ready, []);
  // The thread is held up. Content may have arrived meanwhile, within the 5 ms, and is not read yet.
  pool.scheduler.clock.advance(20);
  assert.equal(pool.connections.take(plain, pool.address), null, "what has arrived is read first");
  pool.scheduler.advance(0);
  await pool.turns(3);
  assert.equal(pool.ready[0]?.[1], connection);
});

test("whoever waits behind withheld content dials when the content has come", async () => {
  const pool = new Pool();
  const connection = pool.park(true);
  assert.equal(pool.ask(plain), "waits");
  await pool.turns(3);
  pool.address.idle.splice(0);
  pool.connections.noteClosed(connection);
  pool.scheduler.advance(5);
  await pool.turns(3);
  assert.equal(pool.ready.length, 1);
  assert.equal(pool.ready[0]?.[1], null);
});

test("a connection that has long been silent behind withheld content is looked at once, and used", async () => {
  const pool = new Pool();
  const connection = pool.park(true);
  pool.scheduler.advance(60_000);
  assert.equal(pool.ask(plain), "waits");
  await pool.turns(3);
  assert.equal(pool.ready[0]?.[1], connection);
});

test("the client that a connection is bound to waits for silence behind withheld content, too", async () => {
  const pool = new Pool();
  const connection = pool.park(true);
  pool.address.idle.splice(0);
  pool.connections.parkBound(connection);
  assert.equal(pool.ask({ ...plain, bound: connection }), "waits");
  await pool.turns(4);
  assert.deepEqual(pool.ready, []);
  pool.scheduler.advance(5);
  await pool.turns(4);
  assert.equal(pool.ready[0]?.[1], connection);
  assert.equal(connection.reuse.isSuspect, false);
});

test("a request that came after the answers is written at once if a look finds silence", async () => {
  const pool = new Pool();
  pool.look = () => true;
  const connection = pool.park(false);
  assert.equal(pool.ask(fragile), "waits", "it was there when the answer ended");
  const later = new Pool();
  later.look = () => true;
  const parked = later.park(false);
  later.later();
  assert.equal(later.ask(fragile), parked);
  assert.notEqual(connection, parked);
});

test("a connection on which a look finds something is closed, and the next one is looked at", async () => {
  const pool = new Pool();
  const [silent, broken] = [pool.park(false), pool.park(false)];
  pool.look = (connection) => {
    if (connection !== broken) return true;
    pool.address.idle.splice(pool.address.idle.indexOf(broken), 1);
    pool.connections.noteClosed(broken);
    return false;
  };
  pool.later();
  assert.equal(pool.ask(fragile), silent);
  assert.deepEqual(pool.address.idle, []);
});

test("a bound connection on which a look finds something is none: its client logs in again", async () => {
  const pool = new Pool();
  const connection = { reuse: new Reuse() } as PooledConnection;
  Object.assign(connection, {
    closeUnlessSilent: () => {
      pool.connections.noteClosed(connection);
      return false;
    },
  });
  pool.connections.parkBound(connection);
  pool.later();
  const attempt = { ...fragile, bound: connection } as unknown as Attempt;
  assert.equal(pool.connections.take(attempt, null), null);
  assert.equal(attempt.bound, null);
});

test("a request that cannot be sent again gets the youngest connection that needs no look", async () => {
  const pool = new Pool();
  const [older, old] = [pool.park(false), pool.park(false)];
  pool.later();
  assert.equal(pool.ask(fragile), "waits", "from now on polling phases are counted");
  await pool.turns(3);
  pool.connections.noteParked(older);
  pool.address.idle.splice(0, 2, old, older);
  pool.later();
  pool.look = () => assert.fail("no look is needed");
  assert.equal(pool.ask(fragile), old);
  assert.equal(pool.ask(plain), older);
});

test("one that needs no look is found behind any number of younger ones", async () => {
  const pool = new Pool();
  pool.park(false);
  pool.later();
  assert.equal(pool.ask(fragile), "waits", "from now on polling phases are counted");
  await pool.turns(3);
  const old = pool.park(false);
  await pool.turns(3);
  for (let at = 0; at < 100; at++) pool.park(false);
  pool.later();
  pool.look = () => assert.fail("no look is needed");
  assert.equal(pool.ask(fragile), old);
});

test("polling phases are counted for a while behind a request that cannot be sent again, without anybody waiting", async () => {
  const pool = new Pool();
  pool.look = () => true;
  const first = pool.park(false);
  pool.later();
  assert.equal(pool.ask(fragile), first);
  pool.connections.noteParked(first);
  pool.address.idle.push(first);
  await pool.turns(2);
  pool.look = () => assert.fail("no look is needed");
  assert.equal(pool.ask(fragile), first);
  for (let turn = 0; turn < 200; turn++) {
    pool.connections.noteParked(first);
    await pool.turns(1);
  }
  pool.look = () => true;
  pool.connections.noteParked(first);
  await pool.turns(3);
  let looks = 0;
  pool.look = () => ++looks > 0;
  pool.address.idle.splice(0, 1, first);
  assert.equal(pool.ask(fragile), first);
  assert.equal(looks, 1, "nobody has asked for long: nothing was counted");
});
