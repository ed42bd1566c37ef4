import assert from "node:assert/strict";
import { test } from "node:test";
import type { PurgeReport, PurgeRequest } from "../cache/purge/purge-operator.ts";
import { findAdminPath } from "./admin-paths.ts";
import type { AdminSources } from "./admin-sources.ts";

/** What `POST /api/v1/cache/purge` asks of the proxy, and what it answers. */
async function purge(body: string, answer: () => Promise<PurgeReport>) {
  const asked: [PurgeRequest, string][] = [];
  const sources = {
    purge: (...all: [PurgeRequest, string]) => {
      asked.push(all);
      return answer();
    },
  } as unknown as AdminSources;
  const path = findAdminPath("/api/v1/cache/purge");
  assert.ok(path);
  assert.deepEqual([path.method, path.need], ["POST", "write"]);
  const { status, body: text } = await path.answer(sources, { accept: undefined, body, peer: "127.0.0.1" });
  return { asked, status, answer: JSON.parse(text) as unknown };
}

test("a purge reaches the proxy with who asked, and is answered with its count", async () => {
  const { asked, status, answer } = await purge('{"tag": "news", "soft": true}', async () => ({
    purged: 3,
    failures: [],
  }));
  assert.deepEqual(asked, [[{ tag: "news", soft: true }, "127.0.0.1"]]);
  assert.deepEqual([status, answer], [200, { purged: 3 }]);
});

test("what is no JSON is refused, and nothing is asked", async () => {
  for (const body of ["", "{", "tag=news"]) {
    const { asked, status, answer } = await purge(body, () => assert.fail());
    assert.deepEqual([asked, status], [[], 400]);
    assert.match((answer as { error: string }).error, /must be JSON/);
  }
});

test("what names nothing is refused with the sentence that says why", async () => {
  const { status, answer } = await purge("{}", () => Promise.reject(new RangeError("A purge names something.")));
  assert.deepEqual([status, answer], [400, { error: "A purge names something." }]);
});

test("a store that could not make it last is no success", async () => {
  const failures = [{ store: "disk", reason: "no space is left" }];
  const { status, answer } = await purge('{"all": true}', async () => ({ purged: 1, failures }));
  assert.equal(status, 500);
  assert.deepEqual({ ...(answer as object), error: "" }, { error: "", purged: 1, failures });
});

test("too many purges at once are refused for now", async () => {
  const { status, answer } = await purge('{"all": true}', () => Promise.reject(new Error("too many purges at once")));
  assert.deepEqual([status, answer], [503, { error: "too many purges at once." }]);
});

test("how full the stores are is for whoever may read", async () => {
  const stores = [{ name: "memory", kind: "memory", objects: 1, bytes: 1_024, maxBytes: 268_435_456 }];
  const path = findAdminPath("/api/v1/cache");
  assert.ok(path);
  assert.deepEqual([path.method, path.need], ["GET", "read"]);
  const sources = { stores: () => stores } as unknown as AdminSources;
  const { status, body } = await path.answer(sources, { accept: undefined, body: "", peer: "127.0.0.1" });
  assert.deepEqual([status, JSON.parse(body)], [200, { stores }]);
});
