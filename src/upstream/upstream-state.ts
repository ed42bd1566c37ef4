/**
 * What all threads share about one upstream as a whole, in the region `upstream:<name>`.
 *
 * Layout (32-bit integers; byte offsets):
 *   0   epoch: goes up whenever an endpoint's availability or weight changes, so that cached lists are rebuilt
 *   64  cursor: the next position in the round-robin sequence, on a line of its own because every pick writes it
 * The rest of both lines is reserved.
 */
import { type SharedMemory, type SharedRegion, wordsOf } from "../base/shared-memory.ts";

const epochIndex = 0;
const cursorIndex = 16;

/** A window on one upstream's region. */
export class UpstreamState {
  static readonly byteLength = 128;
  readonly #words: Int32Array;

  /**
   * @param region `byteLength` bytes; for tests, one may be made with `createRegion(UpstreamState.byteLength)`
   */
  constructor(region: SharedRegion) {
    this.#words = wordsOf(region);
  }

  /** The window on the upstream `name` in `memory`. */
  static open(memory: SharedMemory, name: string): UpstreamState {
    return new UpstreamState(memory.region(UpstreamState.key(name), UpstreamState.byteLength));
  }

  /** The key of the upstream's region, by which it is forgotten. */
  static key(name: string): string {
    return `upstream:${name}`;
  }

  /** Compare for equality only: it wraps around. */
  get epoch(): number {
    return Atomics.load(this.#words, epochIndex);
  }

  /** Makes every thread rebuild what it derived from the endpoints' states. Write the state first, then call this. */
  bumpEpoch(): void {
    Atomics.add(this.#words, epochIndex, 1);
  }

  /** Takes the next position of the shared round-robin: 0 to 2^32 - 1, each handed out once until it wraps around. */
  takeTurn(): number {
    return Atomics.add(this.#words, cursorIndex, 1) >>> 0;
  }
}
