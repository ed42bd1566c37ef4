import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { seededRandom } from "./random.ts";
import { sha256 } from "./sha256.ts";

const ofNode = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

test("the examples of the standard", () => {
  assert.equal(sha256(Buffer.from("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert.equal(sha256(new Uint8Array()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
});

test("it says what node:crypto says, of every length up to three blocks and of larger ones", () => {
  const random = seededRandom(7);
  for (const length of [...Array(200).keys(), 4_095, 65_537]) {
    const bytes = Uint8Array.from({ length }, () => random() * 256);
    assert.equal(sha256(bytes), ofNode(bytes), `${length} bytes`);
  }
});
