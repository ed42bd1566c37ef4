/**
 * What the data path holds to count something: an array and a slot in it, resolved once. Each operation is a plain read
 * and write (about 2 ns; `bench/micro/metrics.ts`). Only the thread that owns the page may call them.
 */

/** Something that only grows. */
export class Counter {
  readonly values: Float64Array;
  readonly slot: number;

  constructor(values: Float64Array, slot: number) {
    this.values = values;
    this.slot = slot;
  }

  /** Adds `amount`, which must not be negative; default 1. */
  add(amount = 1): void {
    this.values[this.slot]! += amount;
  }

  /** This thread's value. */
  get value(): number {
    return this.values[this.slot]!;
  }
}

/** Something that goes up and down. Threads' values are added when read. */
export class Gauge {
  readonly values: Float64Array;
  readonly slot: number;

  constructor(values: Float64Array, slot: number) {
    this.values = values;
    this.slot = slot;
  }

  add(amount: number): void {
    this.values[this.slot]! += amount;
  }

  set(value: number): void {
    this.values[this.slot] = value;
  }

  /** This thread's value. */
  get value(): number {
    return this.values[this.slot]!;
  }
}

/**
 * A distribution over fixed buckets. Slots: one a bound, one for `+Inf`, then the sum; buckets are not cumulative here.
 */
export class Histogram {
  readonly values: Float64Array;
  readonly slot: number;
  readonly bounds: readonly number[];

  constructor(values: Float64Array, slot: number, bounds: readonly number[]) {
    this.values = values;
    this.slot = slot;
    this.bounds = bounds;
  }

  /** Counts `value` (in the family's unit) in the first bucket whose bound is not below it. */
  observe(value: number): void {
    const bounds = this.bounds;
    let bucket = 0;
    // From the low end: most observations of a fast proxy fall into the first few buckets, where a linear walk beats a
    // binary search.
    while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
    this.values[this.slot + bucket]! += 1;
    this.values[this.slot + bounds.length + 1]! += value;
  }
}
