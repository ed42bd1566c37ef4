import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  formatDuration,
  formatSize,
  maxDurationMs,
  parseDuration,
  parsePercent,
  parseRate,
  parseSize,
} from "./units.ts";

const durations: [text: string, ms: number][] = [
  ["10s", 10_000],
  ["250ms", 250],
  ["0s", 0],
  ["0ms", 0],
  ["1h30m", 5_400_000],
  ["1.5s", 1_500],
  ["1d", 86_400_000],
  ["1d2h3m4s5ms", 93_784_005],
  ["0.1h", 360_000],
  ["0.5ms", 0.5],
  ["24d", maxDurationMs],
];

test("durations are read with their units", () => {
  for (const [text, ms] of durations) assert.equal(parseDuration(text), ms, text);
});

test("what is no duration is refused, and the sentence says what to write", () => {
  const wrong: [text: string, sentence: RegExp][] = [
    ["10", /no unit; write "10s" or "10ms"/],
    ["1.5", /no unit/],
    ["0", /no unit/],
    ["", /not a duration/],
    ["s", /not a duration/],
    ["10 s", /not a duration/],
    [" 10s", /not a duration/],
    ["-1s", /not a duration/],
    ["1m90", /not a duration/],
    ["1e3s", /unknown unit "e"|not a duration/],
    ["10sec", /unknown unit "sec"/],
    ["5us", /unknown unit "us"/],
    ["1s1m", /largest first/],
    ["1s1s", /each unit once/],
    ["10S", /not a duration/],
    ["25d", /at most 24d/],
    ["9".repeat(400) + "s", /too long/],
  ];
  for (const [text, sentence] of wrong)
    assert.throws(
      () => parseDuration(text),
      (error) => error instanceof RangeError && sentence.test(error.message),
      text,
    );
});

test("a duration survives being written and read", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: maxDurationMs }), (ms) => parseDuration(formatDuration(ms)) === ms));
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 100_000_000 }),
      (microseconds) => parseDuration(formatDuration(microseconds / 1_000)) === microseconds / 1_000,
    ),
  );
});

test("durations are written in the fewest units", () => {
  for (const [ms, text] of [
    [0, "0s"],
    [1, "1ms"],
    [60_000, "1m"],
    [61_500, "1m1s500ms"],
    [86_400_000, "1d"],
    [2.5, "2.5ms"],
  ] as const)
    assert.equal(formatDuration(ms), text);
});

test("sizes are read in powers of 1,000 and of 1,024, and bare numbers are bytes", () => {
  const sizes: [text: string, bytes: number][] = [
    ["512", 512],
    ["0", 0],
    ["512B", 512],
    ["64KiB", 65_536],
    ["1kB", 1_000],
    ["1KB", 1_000],
    ["1MB", 1e6],
    ["1MiB", 1 << 20],
    ["1.5KiB", 1_536],
    ["2GiB", 2 ** 31],
    ["1TB", 1e12],
    ["1TiB", 2 ** 40],
    ["16 KiB", 16_384],
    ["0.1kB", 100],
  ];
  for (const [text, bytes] of sizes) assert.equal(parseSize(text), bytes, text);
});

test("what is no size is refused, and ambiguous units are named", () => {
  const wrong: [text: string, sentence: RegExp][] = [
    ["", /not a size/],
    ["KiB", /not a size/],
    ["-1", /not a size/],
    ["16K", /write KiB .* or kB/],
    ["10m", /write MiB .* or MB/],
    ["16kib", /write KiB/],
    ["1X", /sizes know/],
    ["1.5B", /whole number of bytes/],
    ["0.3KiB", /whole number/],
    ["99999TiB", /within bounds/],
    ["1e3", /not a size/],
  ];
  for (const [text, sentence] of wrong)
    assert.throws(
      () => parseSize(text),
      (error) => error instanceof RangeError && sentence.test(error.message),
      text,
    );
});

test("a size survives being written and read", () => {
  const bytes = fc.oneof(
    fc.nat(),
    fc.integer({ min: 0, max: 2 ** 50 }),
    fc.tuple(fc.nat(999), fc.constantFrom(1e3, 1024, 1e6, 2 ** 20, 1e9, 2 ** 30)).map(([count, unit]) => count * unit),
  );
  fc.assert(fc.property(bytes, (count) => parseSize(formatSize(count)) === count));
});

test("sizes are written in the unit that makes them shortest", () => {
  for (const [bytes, text] of [
    [0, "0B"],
    [16_384, "16KiB"],
    [1_000_000, "1MB"],
    [1_025, "1025B"],
    [1 << 20, "1MiB"],
  ] as const)
    assert.equal(formatSize(bytes), text);
});

test("rates are read", () => {
  const rates: [text: string, count: number, perMs: number][] = [
    ["100/s", 100, 1_000],
    ["5/m", 5, 60_000],
    ["1/h", 1, 3_600_000],
    ["10/250ms", 10, 250],
    ["3/ms", 3, 1],
    ["7/1h30m", 7, 5_400_000],
  ];
  for (const [text, count, perMs] of rates) assert.deepEqual(parseRate(text), { count, perMs }, text);
  for (const text of ["", "100", "100/", "/s", "0/s", "1/0s", "1.5/s", "100/x", "100 / s", "-1/s", "1/10"])
    assert.throws(() => parseRate(text), RangeError, text);
});

test("percentages are read as fractions", () => {
  for (const [text, fraction] of [
    ["20%", 0.2],
    ["0%", 0],
    ["100%", 1],
    ["2.5%", 0.025],
    ["20 %", 0.2],
  ] as const)
    assert.equal(parsePercent(text), fraction, text);
  for (const text of ["", "20", "101%", "-1%", "%", "0.2"]) assert.throws(() => parsePercent(text), RangeError, text);
});
