/** Whether what comes and goes is collected while it is young. */
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** How many objects come and go; each with a load of 800 bytes. */
const objectCount = 40_000;

/**
 * Calls `pass` for one object after the other, with young collections in between. @returns how many bytes are left of
 * the 33 MB that the objects had; V8 would take them back with its next full collection
 */
export function leftBytes(pass: (load: readonly number[]) => void): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as (options: { type: "minor" }) => void;
  const before = getHeapStatistics().used_heap_size;
  for (let count = 1; count <= objectCount; count++) {
    pass(new Array<number>(100).fill(count));
    if (count % 2_000 !== 0) continue;
    // What is there at two collections in a row is old.
    collect({ type: "minor" });
    collect({ type: "minor" });
  }
  return getHeapStatistics().used_heap_size - before;
}
