/**
 * Loaded before a program (`--import`): tells on its error output of every pause of the event loop of a thread that
 * serves, in time and in processor time of the thread. The latter is what the thread itself did: on a busy machine the
 * former says more about its neighbours.
 */
import { writeSync } from "node:fs";
import { isMainThread, threadName } from "node:worker_threads";

/** Shorter pauses are not told. */
const leastMs = 5;

const cpuMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};

// The thread that reads configurations serves nobody.
if (isMainThread || threadName?.startsWith("proxy-") === true) {
  const name = isMainThread ? "control" : threadName;
  let last = { wall: performance.now(), cpu: cpuMs() };
  setInterval(() => {
    const wall = performance.now() - last.wall;
    const cpu = cpuMs() - last.cpu;
    if (cpu > leastMs) writeSync(2, `stall ${name} ${wall.toFixed(0)} ${cpu.toFixed(0)}\n`);
    last = { wall: performance.now(), cpu: cpuMs() };
  }, 1).unref();
}
