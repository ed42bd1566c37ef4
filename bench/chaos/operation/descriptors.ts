/** Clients that only connect use up the descriptors, with two threads. */
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fetchOnce, freePort } from "../../macro/loopback.ts";
import { cpuTime } from "../../macro/process-usage.ts";
import { EndpointProcess } from "../endpoint-process.ts";
import { type ContestantName, startContestant } from "./contestants.ts";
import { isAlive, type Scene, type SceneResult, underLoad } from "./scene.ts";

const descriptors = 256;
const idleClients = 500;
const heldMs = 6_000;
/** Of one core, while nothing can be accepted: more than that is a spinning accept. */
const cpuLimit = 0.5;

async function play(name: ContestantName): Promise<SceneResult> {
  const port = await freePort();
  const endpoint = new EndpointProcess("a", [port], 1);
  await endpoint.start();
  try {
    const contestant = await startContestant(name, { endpoint: `127.0.0.1:${port}`, process: { descriptors } });
    let cpuShare = 0;
    // Two connections that are open before: they must go on being served.
    const { requests, errors, errorCount, p99 } = await underLoad(
      contestant.port,
      50,
      async () => {
        await sleep(1_500);
        const clients: Socket[] = [];
        for (let at = 0; at < idleClients; at++)
          clients.push(connect(contestant.port, "127.0.0.1").on("error", () => {}));
        await sleep(1_000);
        const before = cpuTime(contestant.process.pid).totalUs;
        await sleep(heldMs);
        cpuShare = (cpuTime(contestant.process.pid).totalUs - before) / (heldMs * 1_000);
        for (const client of clients) client.destroy();
        await sleep(3_000);
      },
      2,
    );
    const after = await fetchOnce(contestant.port, { path: "/item/1" }).then(
      ({ status }) => String(status),
      () => "nothing",
    );
    const isLiving = isAlive(contestant);
    await contestant.process.stop();
    const seen = `${Math.round(cpuShare * 100)} % of a core meanwhile; a new client afterwards gets ${after}`;
    return {
      requests,
      errors,
      p99,
      seen,
      isKept: isLiving && errorCount === 0 && cpuShare < cpuLimit && after === "200",
    };
  } finally {
    await endpoint.kill();
  }
}

export const descriptorsScene: Scene = {
  name: "descriptors",
  title: `${idleClients} idle clients, ${descriptors} descriptors, two threads`,
  players: ["millrace", "nginx", "haproxy"],
  promise: `descriptors used up: connections that are open are served without an error, under ${cpuLimit * 100} % of a core is used, new clients are served afterwards`,
  play,
};
