/** Who reads the log goes away, stops reading, or has never come. */
import { execFileSync, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../macro/loopback.ts";
import { makeFolder } from "../../macro/workspace.ts";
import { EndpointProcess } from "../endpoint-process.ts";
import { type ContestantName, startContestant, type Task } from "./contestants.ts";
import { isAlive, noStart, type Scene, type SceneResult, underLoad } from "./scene.ts";

/** Fills a pipe of 64 KiB within a second or two. */
const ratePerSecond = 300;

/** Plays with a proxy that logs to a pipe; `fault` is done to the pipe after two seconds. */
async function playPipe(name: ContestantName, fault: (reader: Socket) => void): Promise<SceneResult> {
  return withEndpoint(async (endpoint) => {
    const contestant = await startContestant(name, { endpoint, accessLog: "stdout", process: { output: "pipe" } });
    const { reader } = contestant.process;
    reader?.resume();
    const { requests, errors, errorCount, p99 } = await underLoad(contestant.port, ratePerSecond, async () => {
      await sleep(2_000);
      if (reader !== null) fault(reader);
      await sleep(5_000);
    });
    const isLiving = isAlive(contestant);
    await contestant.process.stop();
    reader?.destroy();
    return { requests, errors, p99, seen: isLiving ? "lives" : "ended", isKept: isLiving && errorCount === 0 };
  });
}

async function playFifo(name: ContestantName): Promise<SceneResult> {
  const fifo = join(makeFolder("fifo"), "access.log");
  execFileSync("mkfifo", [fifo]);
  return withEndpoint(async (endpoint) => {
    const task: Task = { endpoint, accessLog: fifo };
    const started = await startContestant(name, task, 5_000).catch((error: unknown) => noStart(error));
    if (!("process" in started)) return started;
    let lines = 0;
    const { requests, errors, errorCount, p99 } = await underLoad(started.port, ratePerSecond, async () => {
      for (let reader = 0; reader < 2; reader++) {
        await sleep(2_000);
        const child = spawn("cat", [fifo], { stdio: ["ignore", "pipe", "ignore"] });
        child.stdout.on("data", (chunk: Buffer) => {
          lines += chunk.toString("latin1").split("\n").length - 1;
        });
        await sleep(2_000);
        child.kill("SIGKILL");
      }
      await sleep(1_000);
    });
    const isLiving = isAlive(started);
    await started.process.stop();
    return {
      requests,
      errors,
      p99,
      seen: `${isLiving ? "lives" : "ended"}, ${lines} lines read`,
      isKept: isLiving && errorCount === 0 && lines > 0,
    };
  });
}

async function withEndpoint(play: (endpoint: string) => Promise<SceneResult>): Promise<SceneResult> {
  const port = await freePort();
  const endpoint = new EndpointProcess("a", [port], 1);
  await endpoint.start();
  try {
    return await play(`127.0.0.1:${port}`);
  } finally {
    await endpoint.kill();
  }
}

/** In the order in which they run. */
export const logReaderScenes: readonly Scene[] = [
  {
    name: "log-gone",
    title: "the reader of standard output goes",
    players: ["millrace", "nginx", "haproxy"],
    promise: "the reader of the log goes: no error, the process lives",
    play: (name) => playPipe(name, (reader) => reader.destroy()),
  },
  {
    name: "log-stalled",
    title: "the reader of standard output stops reading",
    players: ["millrace", "nginx", "haproxy"],
    promise: "the reader of the log stops reading: no error, the process lives",
    play: (name) => playPipe(name, (reader) => reader.pause()),
  },
  {
    name: "fifo",
    title: "the log is a FIFO without a reader; readers come and go",
    players: ["millrace", "nginx"],
    promise: "a FIFO without a reader: starts, no error, and readers that come get lines",
    play: playFifo,
  },
];
