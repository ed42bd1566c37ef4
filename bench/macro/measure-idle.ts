/**
 * Measures what an idle keep-alive connection costs a proxy in memory. The first connections pay for buffers and heap
 * that later ones share, so the cost is the slope between `firstConnections` and that many more.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectSecurely, createSecureContext } from "node:tls";
import type { Backend } from "./backend.ts";
import type { CorePlan } from "./machine.ts";
import { type Peer, startPeer } from "./peers/peer.ts";
import type { TlsFiles } from "./tls-files.ts";
import { memoryBytes } from "./process-usage.ts";
import { measureRounds, type Rounds } from "./measure-rounds.ts";
import type { ByPeer, Samples } from "./results.ts";

const firstConnections = 1000;
const connections = 4000;
const openAtOnce = 50;
const settleMs = 1000;

const secureContext = createSecureContext();

/** Where connections are counted. */
export interface IdleSetting {
  readonly backend: Backend;
  readonly plan: CorePlan;
  /** Null: plain HTTP. */
  readonly tls: TlsFiles | null;
}

/** Bytes per connection, by peer; one value a round, every round on a fresh process. */
export function measureIdle(rounds: Rounds, setting: IdleSetting): Promise<ByPeer<Samples>> {
  return measureRounds(rounds, (peer) => measurePeer(peer, setting));
}

async function measurePeer(peer: Peer, { backend, plan, tls }: IdleSetting): Promise<number> {
  const running = await startPeer(peer, backend.port, { cores: plan.proxy, tls });
  const sockets: Socket[] = [];
  const open = tls === null ? openPlain : openSecure;
  try {
    await openConnections(running.port, firstConnections, sockets, open);
    const before = await settledMemory(running.process.pid);
    await openConnections(running.port, connections, sockets, open);
    const after = await settledMemory(running.process.pid);
    const lost = sockets.filter((socket) => socket.destroyed || socket.readableEnded).length;
    if (lost > 0) throw new Error(`${peer.name} closed ${lost} of ${sockets.length} idle connections`);
    return (after - before) / connections;
  } finally {
    for (const socket of sockets) socket.destroy();
    await running.process.stop();
  }
}

/** Opens connections, a few at a time, each with one answered request. */
async function openConnections(port: number, count: number, sockets: Socket[], open: Open): Promise<void> {
  for (let opened = 0; opened < count; opened += openAtOnce) {
    const batch = Array.from({ length: Math.min(openAtOnce, count - opened) }, () => openConnection(port, open));
    sockets.push(...(await Promise.all(batch)));
  }
}

type Open = (port: number) => Socket;

const openPlain: Open = (port) => connect({ port, host: "127.0.0.1", noDelay: true });

const openSecure: Open = (port) =>
  connectSecurely({ port, host: "127.0.0.1", secureContext, servername: "bench.test", rejectUnauthorized: false });

async function openConnection(port: number, open: Open): Promise<Socket> {
  const socket = open(port);
  // An exception here ends the round of this proxy; without the deadline a silent one would hold up the whole run.
  const signal = AbortSignal.timeout(10_000);
  await once(socket, "connect", { signal });
  socket.write("GET /small HTTP/1.1\r\nHost: bench.test\r\nAccept: */*\r\n\r\n");
  const [head] = (await once(socket, "data", { signal })) as [Buffer];
  if (!head.toString("latin1").startsWith("HTTP/1.1 200"))
    throw new Error(`an idle connection was answered with ${head.toString("latin1", 0, 30)}`);
  socket.on("error", () => {}).resume();
  return socket;
}

async function settledMemory(pid: number): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, settleMs));
  return memoryBytes(pid);
}
