/** The start of an answer's head that has not arrived whole, kept until enough is there to be worth another look. */
import { isWorthScanning } from "./field-scanner.ts";

/** One a connection to an endpoint. */
export class PartialHead {
  #kept: Buffer | null = null;

  get isEmpty(): boolean {
    return this.#kept === null;
  }

  /** Keeps a copy of `bytes[at, end)`. */
  keep(bytes: Buffer, at: number, end: number): void {
    this.#kept = Buffer.from(bytes.subarray(at, end));
  }

  clear(): void {
    this.#kept = null;
  }

  /**
   * What was kept with `chunk` behind it. @returns null where it says nothing new of a head that may have `maxBytes`;
   * then it is kept
   */
  join(chunk: Buffer, maxBytes: number): Buffer | null {
    const before = this.#kept!;
    const joined = Buffer.concat([before, chunk]);
    const isWorthReading = joined.length > maxBytes || isWorthScanning(joined, before.length);
    this.#kept = isWorthReading ? null : joined;
    return isWorthReading ? joined : null;
  }
}
