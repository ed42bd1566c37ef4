import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "../../base/clock.ts";
import { createKeyDigest } from "./fill-key.ts";
import { FillMarks, markPlaces } from "./fill-marks.ts";
import { OriginPauses } from "./origin-pauses.ts";

const digest = createKeyDigest(Int32Array.of(1, 2, 3, 4));
const createMarks = (clock: ManualClock) => new FillMarks(new Int32Array(FillMarks.byteLength / 4), clock);

test("in a long outage an origin is asked twice a minute, not with every request", () => {
  const clock = new ManualClock();
  const pauses = new OriginPauses(createMarks(clock), digest, () => 1);
  let asked = 0;
  for (let second = 0; second < 3_600; second++) {
    if (pauses.mayAsk("k")) {
      asked++;
      pauses.noteFailure("k");
    }
    clock.advance(1_000);
  }
  assert.ok(asked > 110 && asked < 130, `${asked}`);
});

test("a success, or a long quiet time, makes the pauses short again", () => {
  const clock = new ManualClock();
  const pauses = new OriginPauses(createMarks(clock), digest, () => 1);
  const firstPause = (): number => {
    pauses.noteFailure("k");
    let ms = 0;
    for (; !pauses.mayAsk("k"); ms += 100) clock.advance(100);
    return ms;
  };
  const short = firstPause();
  assert.ok(firstPause() > short);
  pauses.noteSuccess("k");
  assert.ok(Math.abs(firstPause() - short) <= 200);
  firstPause();
  clock.advance(10 * 60_000);
  assert.ok(Math.abs(firstPause() - short) <= 200);
});

test("marks take the memory of one table, however many keys there are", () => {
  const clock = new ManualClock();
  const marks = createMarks(clock);
  const words = new Int32Array(4);
  const set = (key: string): void => {
    digest.digest(key, words);
    marks.set(words, 1_000);
  };
  const has = (key: string): boolean => {
    digest.digest(key, words);
    return marks.has(words);
  };
  for (let index = 0; index < markPlaces * 4; index++) set(`/${index}`);
  let known = 0;
  for (let index = 0; index < markPlaces * 4; index++) if (has(`/${index}`)) known++;
  assert.ok(known > markPlaces / 2 && known <= markPlaces, `${known}`);
  clock.advance(1_200);
  for (let index = 0; index < markPlaces * 4; index++) assert.equal(has(`/${index}`), false);
});
