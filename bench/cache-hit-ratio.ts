/**
 * How many requests caches of one size answer from what they keep: Millrace, nginx and Varnish, each before the same
 * origin, are given the same trace of requests. The popularity of objects falls by Zipf's law; a second trace has scans of
 * objects that are asked for once between the others. Prints a table. Linux only. nginx keeps more than it is told to: its
 * limit is looked at by a process that comes by now and then.
 */
import { once } from "node:events";
import { createServer, request, Agent } from "node:http";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import { installPackages } from "../scripts/install-packages.ts";
import { allowedCores } from "./macro/machine.ts";
import { defaultMillraceCommand, millracePeer } from "./macro/peers/millrace.ts";
import { nginxCachePeer } from "./macro/peers/nginx.ts";
import { type Peer, startPeer } from "./macro/peers/peer.ts";
import { varnishPeer } from "./macro/peers/varnish.ts";
import { alignColumns } from "./macro/report/tables.ts";
import { cleanUpAtExit } from "./macro/workspace.ts";
import { createZipfTrace } from "./zipf-trace.ts";

const { values: options } = parseArgs({
  options: {
    objects: { type: "string", default: "50000" },
    requests: { type: "string", default: "200000" },
    /** Of the bytes of all objects. */
    share: { type: "string", default: "0.01" },
    exponent: { type: "string", default: "0.9" },
    peers: { type: "string", default: "millrace,varnish,nginx" },
  },
});
const objects = Number(options.objects);
const requests = Number(options.requests);
const connections = 8;

/** Numbers from 0 to 1 that are the same in every run (a linear congruential generator, Numerical Recipes' constants). */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** From 1 to 64 KiB, small ones more often. */
function sizeOf(object: number): number {
  return Math.floor(1_024 * 64 ** createRandom(object * 2_654_435_761)());
}

/** Answers `/NUMBER`, and counts. */
async function startOrigin(): Promise<{ port: number; count: () => number; close(): void }> {
  const body = Buffer.alloc(65_536, "x");
  let asked = 0;
  const server = createServer({ keepAliveTimeout: 300_000 }, (question, answer) => {
    asked++;
    const object = Number(question.url?.slice(1));
    answer.setHeader("Cache-Control", "public, max-age=86400");
    answer.end(body.subarray(0, sizeOf(object)));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { port: (server.address() as AddressInfo).port, count: () => asked, close };
}

async function ask(port: number, agent: Agent, object: number): Promise<void> {
  const question = request({ host: "127.0.0.1", port, agent, path: `/${object}` });
  question.end();
  const [answer] = (await once(question, "response")) as [import("node:http").IncomingMessage];
  let bytes = 0;
  answer.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
  });
  await once(answer, "end");
  if (answer.statusCode !== 200 || bytes !== sizeOf(object))
    throw new Error(`/${object}: ${answer.statusCode}, ${bytes} bytes`);
}

/** The share of hits in the second half of the trace; the first half fills the cache. */
async function measure(peer: Peer, trace: Uint32Array): Promise<number> {
  const origin = await startOrigin();
  const running = await startPeer(peer, origin.port, { cores: allowedCores() });
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  try {
    let next = 0;
    const replayTo = (end: number): Promise<unknown> =>
      Promise.all(
        Array.from({ length: connections }, async () => {
          while (next < end) await ask(running.port, agent, trace[next++]!);
        }),
      );
    const half = trace.length >> 1;
    await replayTo(half);
    const before = origin.count();
    await replayTo(trace.length);
    return 1 - (origin.count() - before) / (trace.length - half);
  } finally {
    agent.destroy();
    await running.process.stop();
    origin.close();
  }
}

cleanUpAtExit();
installPackages("bench");
let allBytes = 0;
for (let object = 0; object < objects; object++) allBytes += sizeOf(object);
const maxBytes = Math.floor(allBytes * Number(options.share));
const catalog: readonly Peer[] = [
  millracePeer(
    { name: "millrace", title: "Millrace", pipelining: 1, accessLog: false, cacheBytes: maxBytes },
    defaultMillraceCommand(),
  ),
  varnishPeer({ maxBytes }),
  nginxCachePeer(maxBytes),
];
const wanted = options.peers.split(",");
const rows = [["", "Zipf", "with 20 % scans"]];
for (const peer of catalog) {
  if (!wanted.includes(peer.name.replace("-cache", "")) || (await peer.version()) === null) continue;
  const shares: string[] = [];
  for (const scanShare of [0, 0.2])
    shares.push(
      `${((await measure(peer, createZipfTrace({ objects, requests, exponent: Number(options.exponent), scanShare }, createRandom(1)))) * 100).toFixed(2)} %`,
    );
  rows.push([peer.title, ...shares]);
  console.error(rows.at(-1)!.join("  "));
}
console.log(
  `Hits, ${objects} objects of ${(allBytes / objects / 1_024).toFixed(1)} KiB, ${(maxBytes / 2 ** 20).toFixed(1)} MiB of memory, ${requests} requests`,
);
console.log(alignColumns(rows));
