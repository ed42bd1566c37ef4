/**
 * Clients send a request and reset before the proxy has accepted: they have no address any more, and must not pass a
 * limit by address.
 */
import { createServer } from "node:http";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../macro/loopback.ts";
import { processTree } from "../../macro/process-usage.ts";
import { answerBody } from "../endpoint.ts";
import { type ContestantName, startContestant } from "./contestants.ts";
import { isAlive, type Scene, type SceneResult, underLoad } from "./scene.ts";

const clientLimit = { ratePerSecond: 5, burst: 10 };
const rounds = 4;
const clientsPerRound = 50;

async function play(name: ContestantName): Promise<SceneResult> {
  const port = await freePort();
  let passed = 0;
  const app = createServer((request, response) => {
    if (request.method === "POST") passed++;
    request.resume();
    response.writeHead(200, { "content-length": answerBody.length }).end(answerBody);
  });
  await new Promise<void>((resolve) => app.listen(port, "127.0.0.1", resolve));
  try {
    const contestant = await startContestant(name, { endpoint: `127.0.0.1:${port}`, clientLimit });
    const startMs = performance.now();
    const { requests, errors, p99 } = await underLoad(contestant.port, 1, async () => {
      for (let round = 0; round < rounds; round++) {
        await sendAndReset(contestant.port, contestant.process.pid);
        await sleep(500);
      }
    });
    const isLiving = isAlive(contestant);
    await contestant.process.stop();
    const allowed = clientLimit.burst + Math.ceil(((performance.now() - startMs) / 1_000) * clientLimit.ratePerSecond);
    const seen = `${passed} of ${rounds * clientsPerRound} such POSTs reached the endpoint; the limit allows ${allowed}`;
    return { requests, errors, p99, seen, isKept: isLiving && passed <= allowed };
  } finally {
    app.closeAllConnections();
    app.close();
  }
}

/** While the proxy is stopped, the kernel completes the handshakes; the resets have come when it goes on. */
async function sendAndReset(port: number, pid: number): Promise<void> {
  const tree = processTree(pid);
  for (const member of tree) process.kill(member, "SIGSTOP");
  await Promise.all(
    Array.from(
      { length: clientsPerRound },
      () =>
        new Promise<void>((resolve) => {
          const client = connect(port, "127.0.0.1", () => {
            client.write("POST / HTTP/1.1\r\nHost: example.com\r\nContent-Length: 3\r\n\r\nabc", () => {
              client.resetAndDestroy();
              resolve();
            });
          });
          client.on("error", () => resolve());
        }),
    ),
  );
  for (const member of tree) process.kill(member, "SIGCONT");
}

export const earlyResetsScene: Scene = {
  name: "early-resets",
  title: "clients that reset before they are accepted, under a limit by client (429 is no fault)",
  players: ["millrace", "nginx", "haproxy"],
  promise: "clients that reset early: no more requests pass than the limit allows",
  play,
};
