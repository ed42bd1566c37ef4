import assert from "node:assert/strict";
import { test } from "node:test";
import { StoreLock } from "./store-lock.ts";
import { audit } from "./testing/audit.ts";
import { createMemoryUnderTest } from "./testing/memory-under-test.ts";
import { header } from "./memory-layout.ts";
import { sampleAnswer } from "../testing/sample-answers.ts";
import { CollectingSink } from "../testing/collecting-sink.ts";

const words = (): Int32Array<SharedArrayBuffer> => new Int32Array(new SharedArrayBuffer(256));

test("one holds the lock at a time; who waits in vain does without, and only tries until it has had it again", () => {
  const shared = words();
  const [one, two] = [new StoreLock(shared, 1), new StoreLock(shared, 2)];
  assert.equal(one.enter(), true);
  assert.equal(two.enter(), false);
  for (let tries = 0; tries < 100; tries++) assert.equal(two.enter(), false);
  one.leave();
  assert.equal(two.enter(), true);
  two.leave();
  assert.equal(Atomics.load(shared, header.lockWaiters), 0);
});

test("the lock of a dead holder is taken from it alone", () => {
  const shared = words();
  const control = new StoreLock(shared, 9);
  assert.equal(new StoreLock(shared, 1).enter(), true);
  assert.equal(control.seize(2), false);
  assert.equal(control.seize(1), true);
  control.leave();
  assert.equal(new StoreLock(shared, 2).enter(), true);
});

test("while nobody gets the lock, what is stored is found, what is removed is not, and nothing new is kept", () => {
  const { stores, views, control } = createMemoryUnderTest({ stripes: 3 });
  const [store, other] = [stores[0]!, stores[1]!];
  const put = (key: string): boolean => {
    const draft = store.create(key, sampleAnswer());
    draft?.append(Buffer.from(key));
    draft?.commit(sampleAnswer({ bodyBytes: key.length }));
    return draft !== null;
  };
  const body = (key: string): string | null => {
    let text: string | null = null;
    other.find(key, (found) => (text = found && new CollectingSink().read(found).body.toString()));
    return text;
  };
  put("one");
  put("two");
  const late = store.create("late", sampleAnswer())!;
  late.append(Buffer.from("late"));
  const reading = new CollectingSink().read(late.read());
  // The third thread dies with it.
  Atomics.store(views.header, header.lockOwner, 3);
  assert.equal(put("three"), false);
  store.remove("one");
  late.commit(sampleAnswer({ bodyBytes: 4 }));
  assert.equal(reading.outcome, "end", "who reads it gets all of it");
  assert.deepEqual([body("one"), body("two"), body("three"), body("late")], [null, "two", null, null]);
  control.clearStripe(2, () => {});
  assert.equal(control.use.objects, 1);
  put("three");
  assert.deepEqual([body("one"), body("two"), body("three"), body("late")], [null, "two", "three", null]);
  assert.deepEqual(audit(views).live, 2);
});
