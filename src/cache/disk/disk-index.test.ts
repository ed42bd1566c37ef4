import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createRegion } from "../../base/shared-memory.ts";
import { mix32 } from "../../base/hash.ts";
import { blockBytes, DiskIndex, type Victim } from "./disk-index.ts";

const stripes = 3;

function indexOf(maxBlocks: number): { index: DiskIndex; other: DiskIndex; control: DiskIndex } {
  const maxBytes = maxBlocks * blockBytes;
  const region = createRegion(DiskIndex.regionBytes(maxBytes, stripes));
  const open = (stripeIndex: number): DiskIndex =>
    new DiskIndex(region, { maxBytes, stripeIndex, stripes, now: () => 1_000 });
  return { index: open(0), other: open(1), control: open(-1) };
}

const hashOf = (key: number): { low: number; high: number } => ({ low: mix32(key) | 0, high: mix32(~key) | 0 });

/** Adds an entry as a draft does. */
function add(index: DiskIndex, key: number, blocks: number, victims: Victim[] = []): boolean {
  if (!index.takeRoom(blocks, victims)) return false;
  return index.add({ ...hashOf(key), blocks, usableUntil: 2_000 }, blocks, victims, () => true);
}

test("what is added is there, what is removed is not", () => {
  const { index, other } = indexOf(1_000);
  for (let key = 0; key < 50; key++) assert.ok(add(index, key, 2));
  assert.equal(index.objects, 50);
  assert.equal(other.blocks, 100);
  for (let key = 0; key < 50; key++) assert.equal(other.blocksOf(other.find(hashOf(key).low, hashOf(key).high)), 2);
  assert.equal(other.remove(hashOf(7).low, hashOf(7).high), 2);
  assert.equal(index.find(hashOf(7).low, hashOf(7).high), -1);
  assert.equal(index.remove(hashOf(7).low, hashOf(7).high), 0);
  assert.equal(index.blocks, 98);
});

test("never more is taken than there is, whatever happens, and what goes is told", () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(fc.nat(200), fc.integer({ min: 1, max: 40 }), fc.constantFrom("add", "remove", "touch", "draft")),
        {
          maxLength: 300,
        },
      ),
      (steps) => {
        const { index } = indexOf(200);
        const model = new Map<string, number>();
        let drafts = 0;
        const name = ({ low, high }: { low: number; high: number }): string => `${low} ${high}`;
        for (const [key, blocks, what] of steps) {
          const { low, high } = hashOf(key);
          if (what === "add") {
            const victims: Victim[] = [];
            const isAdded = add(index, key, blocks, victims);
            for (const victim of victims) {
              assert.equal(model.get(name(victim)), victim.blocks);
              model.delete(name(victim));
            }
            if (isAdded) model.set(name({ low, high }), blocks);
          } else if (what === "remove") {
            assert.equal(index.remove(low, high), model.get(name({ low, high })) ?? 0);
            model.delete(name({ low, high }));
          } else if (what === "touch") {
            const place = index.find(low, high);
            assert.equal(place !== -1, model.has(name({ low, high })));
            if (place !== -1) index.touch(place);
          } else if (drafts < 3 && index.takeRoom(10, [])) {
            // Victims of a draft are left out of the model.
            drafts++;
            for (const entry of model.keys()) {
              const [entryLow, entryHigh] = entry.split(" ").map(Number) as [number, number];
              if (index.find(entryLow, entryHigh) === -1) model.delete(entry);
            }
          }
          const sum = [...model.values()].reduce((all, one) => all + one, 0) + drafts * 10;
          assert.equal(index.blocks, sum);
          assert.ok(sum <= 200);
          assert.equal(index.objects, model.size);
          assert.equal([...index.entries()].length, model.size);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("what was asked for stays when a scan goes by", () => {
  const { index } = indexOf(1_000);
  const hot = Array.from({ length: 100 }, (_, key) => key);
  for (const key of hot) add(index, key, 4);
  const touch = (): void => {
    for (const key of hot) {
      const place = index.find(hashOf(key).low, hashOf(key).high);
      if (place !== -1) index.touch(place);
    }
  };
  touch();
  for (let key = 1_000; key < 6_000; key++) {
    add(index, key, 4);
    if (key % 500 === 0) touch();
  }
  const left = hot.filter((key) => index.find(hashOf(key).low, hashOf(key).high) !== -1).length;
  assert.ok(left >= 75, `${left} of 100 are left`);
  assert.ok(index.evictions >= 4_800);
});

test("an object that is larger than everything is refused, one as large is not", () => {
  const { index } = indexOf(100);
  for (let key = 0; key < 20; key++) add(index, key, 5);
  assert.equal(add(index, 100, 101), false);
  assert.ok(add(index, 101, 100));
  assert.equal(index.objects, 1);
});

test("what a dead thread held and counted is taken from it", () => {
  const { index, other, control } = indexOf(100);
  add(index, 1, 5);
  assert.ok(index.takeRoom(20, []));
  assert.equal(control.blocks, 25);
  let isInLock = false;
  index.add({ ...hashOf(2), blocks: 3, usableUntil: 2_000 }, 0, [], () => {
    isInLock = true;
    // The thread ends here, as it were: nobody else gets in, and nobody waits for ever.
    assert.equal(other.takeRoom(1, []), false);
    assert.equal(other.remove(hashOf(1).low, hashOf(1).high), 0);
    control.clearStripe(0);
    assert.ok(other.takeRoom(1, []));
    return false;
  });
  assert.ok(isInLock);
  assert.equal(control.blocks, 6);
  assert.equal(control.objects, 1);
  assert.ok(add(other, 3, 5));
});
