/** What the threads of the hammer test are told, and where they talk. */
import type { SharedSnapshot } from "../../../base/shared-memory.ts";

/** What a thread is told. */
export interface HammerData {
  readonly snapshot: SharedSnapshot;
  readonly place: { readonly name: string; readonly maxBytes: number; readonly maxObjectBytes: number };
  readonly stripeIndex: number;
  readonly stripes: number;
  readonly seed: number;
}

/** Words of the region that threads talk by: each counts what it has done, and stops if the first is not 0. */
export const hammerKey = "hammer";
/** The last draft that somebody writes. */
export const draftWord = 1;
export const firstCount = 2;
