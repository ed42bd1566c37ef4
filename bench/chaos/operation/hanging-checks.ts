/**
 * Many endpoints of one upstream accept and never answer; how soon is it noticed that an endpoint of another upstream
 * is unwell, and that it is well again?
 */
import { createServer as createHttpServer } from "node:http";
import { createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../macro/loopback.ts";
import { answerBody } from "../endpoint.ts";
import { type ContestantName, startContestant } from "./contestants.ts";
import { type Scene, type SceneResult, underLoad } from "./scene.ts";

const hanging = 150;
const checks = { intervalMs: 500, timeoutMs: 5_000 };
/** Two checks (`fall`, `rise`), and what a busy machine adds. */
const noticeLimitMs = 2_500;

async function play(name: ContestantName): Promise<SceneResult> {
  const port = await freePort();
  const sockets = new Set<Socket>();
  const silent = await Promise.all(
    Array.from({ length: hanging }, async (_, at) => {
      const server = createServer((socket) => void sockets.add(socket.on("error", () => {})));
      await new Promise<void>((resolve) => server.listen(port, `127.0.1.${at + 1}`, resolve));
      return server;
    }),
  );
  let isWell = true;
  const served: number[] = [];
  const app = createHttpServer({ keepAliveTimeout: 120_000 }, (request, response) => {
    if (request.url === "/health") return void response.writeHead(isWell ? 200 : 503).end();
    served.push(performance.now());
    response.writeHead(200, { "content-length": answerBody.length }).end(answerBody);
  });
  await new Promise<void>((resolve) => app.listen(port, "127.0.0.1", resolve));
  try {
    const others = Array.from({ length: hanging }, (_, at) => `127.0.1.${at + 1}:${port}`);
    const contestant = await startContestant(name, { endpoint: `127.0.0.1:${port}`, checks: { ...checks, others } });
    let outMs = 0;
    let backMs = 0;
    const { requests, errors, p99 } = await underLoad(contestant.port, 100, async () => {
      await sleep(8_000);
      isWell = false;
      outMs = performance.now();
      await sleep(6_000);
      isWell = true;
      backMs = performance.now();
      await sleep(6_000);
    });
    await contestant.process.stop();
    const outAfter = (served.findLast((at) => at < backMs) ?? 0) - outMs;
    const backAfter = (served.find((at) => at >= backMs) ?? Infinity) - backMs;
    const isKept = outAfter <= noticeLimitMs && backAfter <= noticeLimitMs;
    return {
      requests,
      errors,
      p99,
      seen: `out after ${Math.max(0, outAfter / 1_000).toFixed(1)} s, back after ${(backAfter / 1_000).toFixed(1)} s`,
      isKept,
    };
  } finally {
    for (const socket of sockets) socket.destroy();
    for (const server of silent) server.close();
    app.closeAllConnections();
    app.close();
  }
}

export const hangingChecksScene: Scene = {
  name: "hanging-checks",
  title: `${hanging} endpoints hang; another upstream's fails its checks (errors expected), then passes`,
  players: ["millrace", "haproxy"],
  promise: `hanging endpoints of one upstream: another's health is noticed within ${noticeLimitMs / 1_000} s`,
  play,
};
