import assert from "node:assert/strict";
import { test } from "node:test";
import { type CacheStatus, formatCacheStatus } from "./cache-status.ts";

const hit: CacheStatus = {
  forward: null,
  forwardStatus: null,
  freshMs: null,
  isStored: false,
  isCollapsed: false,
  detail: null,
};

test("Cache-Status says what happened", () => {
  const table: readonly (readonly [status: Partial<CacheStatus>, line: string])[] = [
    [{}, "millrace; hit"],
    [{ freshMs: 59_999 }, "millrace; hit; ttl=60"],
    [{ freshMs: 1 }, "millrace; hit; ttl=1"],
    [{ freshMs: 0 }, "millrace; hit; ttl=0"],
    [{ freshMs: -1 }, "millrace; hit; ttl=-1"],
    [{ freshMs: -1_500, detail: "max-stale" }, "millrace; hit; ttl=-2; detail=max-stale"],
    [{ forward: "uri-miss" }, "millrace; fwd=uri-miss"],
    [{ forward: "uri-miss", isStored: true, freshMs: 60_000 }, "millrace; fwd=uri-miss; ttl=60; stored"],
    [{ forward: "uri-miss", isCollapsed: true }, "millrace; fwd=uri-miss; collapsed"],
    [
      { forward: "stale", forwardStatus: 304, isStored: true, freshMs: 5_000 },
      "millrace; fwd=stale; fwd-status=304; ttl=5; stored",
    ],
  ];
  for (const [status, line] of table)
    assert.equal(formatCacheStatus({ ...hit, ...status }), `Cache-Status: ${line}\r\n`);
});
