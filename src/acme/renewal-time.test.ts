import assert from "node:assert/strict";
import { test } from "node:test";
import type { RenewalInfo } from "./client/renewal-info.ts";
import { decideRenewalTime } from "./renewal-time.ts";

const dayMs = 86_400_000;
const life = { certificateId: "key.serial", notBeforeMs: 0, notAfterMs: 90 * dayMs };
const window = (start: number, end: number, certificateId = "key.serial"): RenewalInfo => ({
  certificateId,
  startMs: start * dayMs,
  endMs: end * dayMs,
  askAgainMs: 0,
});
const daysOf = (info: RenewalInfo | null, id = life.certificateId): number =>
  decideRenewalTime({ ...life, certificateId: id, info }) / dayMs;

test("without information a certificate is renewed when a third of its life is left, spread over a twentieth", () => {
  for (const id of ["a", "b", "c", "d", "e"]) {
    const days = daysOf(null, id);
    assert.ok(days > 55.4 && days <= 60, `${days}`);
    assert.equal(daysOf(null, id), days, "a restart does not move it");
  }
  assert.notEqual(daysOf(null, "a"), daysOf(null, "b"));
});

const windows: readonly [name: string, info: RenewalInfo, from: number, to: number][] = [
  ["its window holds", window(10, 12), 10, 12],
  ["a window that is over means now", window(1, 2), 1, 2],
  ["a late window is cut when a tenth is left", window(85, 89), 81, 81],
  ["that of another certificate does not hold", window(10, 12, "key.other"), 55.4, 60],
  ["a window that ends before it begins is nonsense", window(12, 10), 55.4, 60],
  ["a window after the end of the certificate is nonsense", window(100, 120), 55.4, 60],
  ["a window before its beginning is nonsense", window(-20, -10), 55.4, 60],
  ["what is no time is nonsense", window(Number.NaN, Number.NaN), 55.4, 60],
];
for (const [name, info, from, to] of windows)
  test(name, () => {
    const days = daysOf(info);
    assert.ok(days >= from && days <= to, `${days} days`);
  });
