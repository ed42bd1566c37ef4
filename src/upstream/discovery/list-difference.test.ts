import assert from "node:assert/strict";
import { test } from "node:test";
import { describeListDifference } from "./list-difference.ts";
import { endpoint, endpoints } from "./testing/told-discovery.ts";

test("what came, went and changed is said, and nothing else", () => {
  assert.deepEqual(describeListDifference(endpoints(1, 2), endpoints(2, 1)), {});
  assert.deepEqual(
    describeListDifference(
      [...endpoints(1, 2), endpoint(3, { identity: "a" })],
      [endpoint(2, { weight: 5, zone: "b", backup: true }), endpoint(3, { identity: "b" }), endpoint(4)],
    ),
    {
      came: "http://10.0.0.4:80",
      went: "http://10.0.0.1:80",
      changed: "http://10.0.0.2:80 (weight 1 to 5, now a backup, zone b), http://10.0.0.3:80 (another at this address)",
    },
  );
});

test("of many, a few are named", () => {
  const { came } = describeListDifference([], endpoints(...Array.from({ length: 200 }, (_, at) => at)));
  assert.match(came ?? "", /^http:\/\/10\.0\.0\.0:80, .* and 190 more$/);
});
