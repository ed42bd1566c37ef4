import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ManualClock } from "../../base/clock.ts";
import { StickyTokens } from "./sticky-token.ts";

const urls = ["http://10.1.2.3:8081", "http://10.1.2.4:8081", "unix:/run/api.sock"];
const hourMs = 3_600_000;
const open = (
  more: {
    secret?: string;
    upstreamName?: string;
    maxAgeMs?: number;
    clock?: ManualClock;
    urls?: readonly string[];
  } = {},
): StickyTokens =>
  new StickyTokens({
    secret: Buffer.from(more.secret ?? "a secret of ours"),
    upstreamName: more.upstreamName ?? "api",
    urls: more.urls ?? urls,
    maxAgeMs: more.maxAgeMs ?? 0,
    clock: more.clock ?? new ManualClock(),
  });

for (const maxAgeMs of [0, hourMs]) {
  test(`tokens are read by whoever has the secret, for ${maxAgeMs} ms`, () => {
    for (const url of urls) {
      const token = open({ maxAgeMs }).create(url);
      assert.deepEqual(open({ maxAgeMs }).read(token), { url, isStale: false }, "another thread, or another instance");
      assert.equal(open({ maxAgeMs, secret: "another secret!!" }).read(token), null);
      assert.equal(open({ maxAgeMs, upstreamName: "other" }).read(token), null);
      assert.equal(
        open({ maxAgeMs, urls: urls.filter((one) => one !== url) }).read(token),
        null,
        "the endpoint is gone",
      );
      assert.match(token, /^[\w.-]{31,45}$/, "it fits into a cookie as it is");
    }
    assert.equal(new Set(urls.map((url) => open({ maxAgeMs }).create(url))).size, urls.length);
  });

  test(`a token with any character changed, and any other text, is refused, for ${maxAgeMs} ms`, () => {
    const tokens = open({ maxAgeMs });
    const token = tokens.create(urls[0]!);
    for (let at = 0; at < token.length; at++) {
      for (const other of ["A", "z", ".", ""]) {
        const forged = token.slice(0, at) + other + token.slice(at + 1);
        if (forged !== token) assert.equal(tokens.read(forged), null, forged);
      }
    }
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[\w-]{8}(\.[\da-z]{1,8})?\.[\w-]{22}$/)), (text) =>
        assert.equal(tokens.read(text), null),
      ),
      { seed: 1 },
    );
  });
}

test("a token tells nothing of the address", () => {
  for (const url of urls) {
    const text =
      Buffer.from(open().create(url).replaceAll(".", ""), "base64url").toString("latin1") + open().create(url);
    for (const part of ["10.1.2", "8081", "run", "api"]) assert.ok(!text.includes(part));
  }
});

test("a token is fresh for half its time, stale for the other half, then it is refused", () => {
  const clock = new ManualClock(0, 0);
  const tokens = open({ maxAgeMs: hourMs, clock });
  const token = tokens.create(urls[1]!);
  const ages: [ageMs: number, state: boolean | null][] = [
    [0, false],
    [hourMs / 2 - 1, false],
    [hourMs / 2, true],
    [hourMs, true],
    [hourMs * 1.25 - 1, true],
    [hourMs * 1.25, null],
    [hourMs * 100, null],
  ];
  let nowMs = 0;
  for (const [ageMs, state] of ages) {
    clock.advance(ageMs - nowMs);
    nowMs = ageMs;
    assert.equal(tokens.read(token)?.isStale ?? null, state, `after ${ageMs} ms`);
  }
});

test("clocks of instances may differ by a slot, not by more", () => {
  const ahead = open({ maxAgeMs: hourMs, clock: new ManualClock(0, hourMs / 4) }).create(urls[0]!);
  const farAhead = open({ maxAgeMs: hourMs, clock: new ManualClock(0, hourMs / 2) }).create(urls[0]!);
  const tokens = open({ maxAgeMs: hourMs, clock: new ManualClock(0, 0) });
  assert.deepEqual(tokens.read(ahead), { url: urls[0], isStale: false });
  assert.equal(tokens.read(farAhead), null);
});

test("session tokens and expiring ones are not taken for each other", () => {
  assert.equal(open({ maxAgeMs: hourMs }).read(open().create(urls[0]!)), null);
  assert.equal(open().read(open({ maxAgeMs: hourMs }).create(urls[0]!)), null);
});
