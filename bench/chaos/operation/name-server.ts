/** The address behind a name changes, then the name server falls silent. */
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { NameServer } from "../../../test/support/name-server.ts";
import { freePort } from "../../macro/loopback.ts";
import { answerBody } from "../endpoint.ts";
import { type ContestantName, startContestant } from "./contestants.ts";
import { type Scene, type SceneResult, underLoad } from "./scene.ts";

const name = "app.example.test";
const ratePerSecond = 150;
/** How long the old address may be used after the name has another; the record may be kept for one second. */
const followLimitMs = 4_000;

async function play(contestantName: ContestantName): Promise<SceneResult> {
  const port = await freePort();
  const lastMs: Record<string, number> = {};
  const servers = await Promise.all(
    ["127.0.0.1", "127.0.0.2"].map(async (address) => {
      const server = createServer({ keepAliveTimeout: 120_000 }, (_request, response) => {
        lastMs[address] = performance.now();
        response.writeHead(200, { "content-length": answerBody.length }).end(answerBody);
      });
      await new Promise<void>((resolve) => server.listen(port, address, resolve));
      return server;
    }),
  );
  const names = await NameServer.start({ [name]: { a: ["127.0.0.1"], ttl: 1 } });
  try {
    const contestant = await startContestant(contestantName, {
      endpoint: `${name}:${port}`,
      nameServer: names.address,
    });
    let changedMs = 0;
    await sleep(2_500);
    const { requests, errors, errorCount, p99 } = await underLoad(contestant.port, ratePerSecond, async () => {
      await sleep(2_000);
      names.zone.set(name, { a: ["127.0.0.2"], ttl: 1 });
      changedMs = performance.now();
      await sleep(5_000);
      names.isSilent = true;
      await sleep(8_000);
    });
    await contestant.process.stop();
    const followedMs =
      (lastMs["127.0.0.2"] ?? 0) > changedMs ? Math.max(0, (lastMs["127.0.0.1"] ?? 0) - changedMs) : Infinity;
    const seen =
      followedMs === Infinity
        ? "never uses the new address"
        : `old address left after ${(followedMs / 1_000).toFixed(1)} s`;
    return { requests, errors, p99, seen, isKept: errorCount === 0 && followedMs <= followLimitMs };
  } finally {
    names.close();
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  }
}

export const nameServerScene: Scene = {
  name: "names",
  title: "the address of a name changes; later the name server is silent",
  players: ["millrace", "nginx", "haproxy"],
  promise: `a name changes its address: followed within ${followLimitMs / 1_000} s; a silent name server: the last addresses serve; no error`,
  play,
};
