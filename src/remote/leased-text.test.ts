import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualScheduler } from "../base/scheduler.ts";
import { type LeaseDriver, LeasedText } from "./leased-text.ts";

/** A store that keeps one text under one lease. */
class OneLease implements LeaseDriver {
  lease: string | null = null;
  text: string | null = null;
  isAway = false;
  grants = 0;
  puts = 0;

  #ask(): void {
    if (this.isAway) throw new Error("away");
  }

  async grant(): Promise<string> {
    this.#ask();
    this.lease = String(++this.grants);
    return this.lease;
  }

  async renew(lease: string): Promise<boolean> {
    this.#ask();
    return lease === this.lease;
  }

  async put(text: string, lease: string): Promise<boolean> {
    this.#ask();
    this.puts++;
    if (lease !== this.lease) return false;
    this.text = text;
    return true;
  }

  async release(): Promise<void> {
    this.#ask();
    this.lose();
  }

  lose(): void {
    this.lease = null;
    this.text = null;
  }
}

/** Lets promises that wait for nothing go on. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp() {
  const driver = new OneLease();
  const scheduler = new ManualScheduler();
  const failures: string[] = [];
  const leased = new LeasedText({
    driver,
    scheduler,
    random: () => 0.5,
    onFailure: (reason) => void failures.push(reason),
  });
  const beat = async (): Promise<void> => {
    scheduler.advance(10_000);
    await settle();
  };
  return { driver, scheduler, failures, leased, beat };
}

test("a text is written at once, renewed, and taken away at the end", async () => {
  const { driver, scheduler, leased, beat } = setUp();
  leased.write("one");
  await settle();
  assert.equal(driver.text, "one");
  await beat();
  await beat();
  assert.deepEqual([driver.grants, driver.puts], [1, 1]);
  await leased.close();
  assert.equal(driver.text, null);
  assert.equal(scheduler.pendingCount, 0);
  leased.write("two");
  await settle();
  assert.equal(driver.text, null);
});

test("of texts that come while one is written the last is written", async () => {
  const { driver, leased } = setUp();
  for (const text of ["one", "two", "three"]) leased.write(text);
  await settle();
  assert.deepEqual([driver.text, driver.puts], ["three", 2]);
  await leased.close();
});

test("a lease that the store has lost is made anew, with what was written under it", async () => {
  const { driver, leased, beat } = setUp();
  leased.write("one");
  await settle();
  driver.lose();
  await beat();
  assert.deepEqual([driver.text, driver.grants], ["one", 2]);
  await leased.close();
});

test("a store that is away is said once for each time, and gets the last text when it is back", async () => {
  const { driver, leased, beat, failures } = setUp();
  driver.isAway = true;
  leased.write("one");
  await settle();
  leased.write("two");
  await settle();
  await beat();
  assert.deepEqual(failures, ["away"]);
  driver.isAway = false;
  await beat();
  assert.equal(driver.text, "two");
  driver.isAway = true;
  await beat();
  assert.deepEqual(failures, ["away", "away"]);
  await leased.close();
});

test("a store that loses every lease at once is not asked in a loop", async () => {
  const { driver, leased, failures, scheduler } = setUp();
  driver.put = async () => {
    driver.puts++;
    return false;
  };
  leased.write("one");
  await settle();
  assert.equal(driver.puts, 1);
  assert.equal(scheduler.pendingCount, 1);
  assert.deepEqual(failures, ["the lease was lost"]);
  await leased.close();
});
