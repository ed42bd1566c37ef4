import assert from "node:assert/strict";
import { test } from "node:test";
import { findPatch, type ListedEndpoint } from "../endpoint-source.ts";
import { describeListDifference, type ListDifference } from "./list-difference.ts";
import { endpoint, endpoints } from "./testing/told-discovery.ts";

const describe = (before: readonly ListedEndpoint[], next: readonly ListedEndpoint[]): ListDifference =>
  describeListDifference(before, findPatch(before, next) ?? { gone: [], changed: [] });

test("what came, went and changed is said, and nothing else", () => {
  assert.deepEqual(describe(endpoints(1, 2), endpoints(2, 1)), {});
  assert.deepEqual(
    describe(
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
  const { came } = describe([], endpoints(...Array.from({ length: 200 }, (_, at) => at)));
  assert.match(came ?? "", /^http:\/\/10\.0\.0\.0:80, .* and 190 more$/);
});
