/** How a proxy leaves: it goes on serving while others find out, then what is under way has its time. */
import { Countdown } from "../base/countdown.ts";
import type { DataPlanes } from "./data-planes.ts";

/** @param grace the time that exchanges have; over before: nothing is waited for. @param options in milliseconds */
export async function drainWithin(
  planes: DataPlanes,
  grace: Countdown,
  options: { readonly delayMs: number; readonly graceMs: number },
): Promise<void> {
  if (options.delayMs > 0) {
    const noticing = new Countdown();
    noticing.limit(options.delayMs);
    await Promise.race([noticing.over, grace.over]);
    noticing.end();
  }
  grace.limit(options.graceMs);
  if (!grace.isOver) await Promise.race([planes.drain(), grace.over]);
}
