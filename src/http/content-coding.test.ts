import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Coding, codings, negotiateCoding, parseAcceptEncoding, reduceAcceptEncoding } from "./content-coding.ts";

const offered = ["zstd", "br", "gzip"] as const;

const cases: [value: string | null, chosen: Coding | "identity", reduced: string][] = [
  // No field, or none of ours: no coding.
  [null, "identity", "identity"],
  ["", "identity", "identity"],
  ["identity", "identity", "identity"],
  ["compress, sdch, dcz", "identity", "identity"],
  // What browsers and tools send.
  ["gzip, deflate, br, zstd", "zstd", "zstd, br, gzip"],
  ["gzip, deflate, br", "br", "br, gzip"],
  ["gzip,deflate", "gzip", "gzip"],
  ["deflate, gzip, br, zstd", "zstd", "zstd, br, gzip"],
  ["identity;q=1, *;q=0", "identity", "identity"],
  ["gzip;q=1.0, deflate;q=0.6, identity;q=0.3", "gzip", "gzip"],
  // Weights go before our order.
  ["zstd;q=0.5, gzip", "gzip", "zstd, gzip"],
  ["br;q=0.9, gzip;q=0.9, zstd;q=0.8", "br", "zstd, br, gzip"],
  ["gzip;q=0", "identity", "identity"],
  ["gzip;q=0.000, br", "br", "br"],
  ["gzip;q=0, *", "zstd", "zstd, br"],
  ["*", "zstd", "zstd, br, gzip"],
  ["*;q=0", "identity", "identity"],
  ["*;q=0, gzip", "gzip", "gzip"],
  ["*;q=0.1, br;q=0", "zstd", "zstd, gzip"],
  // Identity is preferred only if that is said.
  ["identity, gzip", "gzip", "gzip"],
  ["identity, gzip;q=0.9", "identity", "identity"],
  ["gzip;q=0.001", "gzip", "gzip"],
  ["identity;q=0, gzip;q=0.5", "gzip", "gzip"],
  ["identity;q=0", "identity", "identity"],
  // Spelling.
  ["X-GZIP", "gzip", "gzip"],
  ["GZip ; Q=0.5 ,\tBR;q=0.4", "gzip", "br, gzip"],
  [",, gzip ,;, ;q=1,", "gzip", "gzip"],
  // Doubtful: not accepted.
  ["gzip;q=", "identity", "identity"],
  ["gzip;q=1.1", "identity", "identity"],
  ["gzip;q=-1", "identity", "identity"],
  ["gzip;q=0.0001", "identity", "identity"],
  ["gzip;q=1e0", "identity", "identity"],
  ["gzip, gzip;q=0", "identity", "identity"],
  ["x-gzip;q=0, gzip", "identity", "identity"],
  ["br;q=x, *", "zstd", "zstd, gzip"],
  ["g zip", "identity", "identity"],
  [`${" ".repeat(70)}gzip`, "identity", "identity"],
];

for (const [value, chosen, reduced] of cases) {
  test(`Accept-Encoding: ${value} chooses ${chosen}, and means ${reduced}`, () => {
    assert.equal(negotiateCoding(value, offered), chosen);
    assert.equal(reduceAcceptEncoding(value, offered), reduced);
  });
}

test("identity is refused by name, or by * if it is not named", () => {
  const weightIn = (value: string) => parseAcceptEncoding(value).identityWeight;
  assert.deepEqual(["gzip", "identity", "identity;q=0", "*;q=0", "*;q=0, identity;q=0.2", "*;q=0.5"].map(weightIn), [
    null,
    1,
    0,
    0,
    0.2,
    null,
  ]);
});

const member = fc.tuple(
  fc.constantFrom("gzip", "x-gzip", "br", "zstd", "deflate", "identity", "*", "GZIP", "x", ""),
  fc.constantFrom("", ";q=0", ";q=0.5", ";q=1", ";q=0.999", ";q=2", "; Q=0.3", ";a=b;q=0.1", ";"),
);
const anyValue = fc.oneof(
  fc.array(member, { maxLength: 8 }).map((members) => members.map((parts) => parts.join("")).join(", ")),
  fc.string({ maxLength: 40 }),
);

test("whatever the value, what is chosen is accepted, and the reduced value says so, too", () => {
  fc.assert(
    fc.property(anyValue, fc.shuffledSubarray([...codings]), (value, some) => {
      const chosen = negotiateCoding(value, some);
      const accepted = parseAcceptEncoding(value);
      const reduced = reduceAcceptEncoding(value, some);
      const again = parseAcceptEncoding(reduced);
      if (chosen === "identity") assert.equal(reduced, "identity");
      else assert.ok(some.includes(chosen) && accepted.weightOf(chosen) > 0 && again.weightOf(chosen) > 0);
      for (const coding of codings) if (again.weightOf(coding) > 0) assert.ok(accepted.weightOf(coding) > 0);
      assert.equal(reduceAcceptEncoding(reduced, some), reduced);
    }),
  );
});
