import assert from "node:assert/strict";
import { test } from "node:test";
import { Mutex } from "./mutex.ts";

test("who enters waits for everybody who entered before, in that order", async () => {
  const mutex = new Mutex();
  const seen: string[] = [];
  const leaveFirst = await mutex.enter();
  const others = ["second", "third"].map(async (name) => {
    const leave = await mutex.enter();
    seen.push(`${name} enters`);
    await Promise.resolve();
    seen.push(`${name} leaves`);
    leave();
  });
  await Promise.resolve();
  assert.deepEqual(seen, []);
  leaveFirst();
  await Promise.all(others);
  assert.deepEqual(seen, ["second enters", "second leaves", "third enters", "third leaves"]);
});
