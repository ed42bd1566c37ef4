import assert from "node:assert/strict";
import { test } from "node:test";
import type { Challenge } from "./challenge.ts";
import { withLoggedRemoval } from "./logged-removal.ts";

test("what cannot be taken away is told, and ends nothing", async () => {
  const lines: string[] = [];
  const note = (message: string, fields: object = {}): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
  const removed: Challenge[] = [];
  const solver = withLoggedRemoval(
    {
      type: "dns-01",
      present: async () => {},
      ready: async () => {},
      remove: async (challenge) => {
        removed.push(challenge);
        if (removed.length === 1) throw new Error("no such zone");
      },
    },
    { debug: note, info: note, warn: note, error: note },
  );
  const challenge: Challenge = { type: "dns-01", name: "example.com", token: "one", keyAuthorization: "one.print" };
  await solver.remove(challenge);
  await solver.remove(challenge);
  assert.equal(removed.length, 2);
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /could not be taken away .*example\.com/);
});
