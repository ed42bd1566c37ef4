import assert from "node:assert/strict";
import { test } from "node:test";
import { SharedMemory } from "../../base/shared-memory.ts";
import { readStickySecret, reserveStickySecret } from "./sticky-secret.ts";

test("the secret is random, the same for all threads, and stays when it is reserved again", () => {
  const control = new SharedMemory();
  reserveStickySecret(control);
  const thread = new SharedMemory(control.snapshot());
  const secret = readStickySecret(thread);
  reserveStickySecret(control);
  assert.deepEqual(readStickySecret(control), secret);
  const other = new SharedMemory();
  reserveStickySecret(other);
  assert.notDeepEqual(readStickySecret(other), secret);
});

test("nothing is signed with a secret that nobody made", () =>
  assert.throws(() => readStickySecret(new SharedMemory()), /was not reserved/));
