/** What the benchmark needs from a proxy in order to measure it. */
import type { TlsFiles } from "../tls-files.ts";
import { freePort, untilAccepting } from "../loopback.ts";
import { makeFolder, type RunningProcess, startProcess } from "../workspace.ts";

/** How a proxy is wanted in one scenario. */
export interface PeerContext {
  listenPort: number;
  backendPort: number;
  /** Empty folder of this proxy alone. */
  folder: string;
  /** Proxy threads (processes for those that know no threads). */
  threads: number;
  /** What it shows its clients; null: it speaks plain HTTP with them. */
  tls: TlsFiles | null;
}

/** A proxy that can be measured. */
export interface Peer {
  readonly name: string;
  /** As tables and chart name it. */
  readonly title: string;
  /** True for Millrace in any configuration. */
  readonly isOurs: boolean;
  /** Version, or null if it is not installed. */
  version(): Promise<string | null>;
  /** Writes its configuration and gives the command that runs it in the foreground. */
  prepare(context: PeerContext): Promise<{ command: readonly string[]; env?: Record<string, string> }>;
}

/** A proxy that accepts connections. */
export interface RunningPeer {
  readonly peer: Peer;
  readonly port: number;
  readonly process: RunningProcess;
  /** From the start of the process to the first accepted connection. */
  readonly acceptedAfterMs: number;
}

/** How a proxy is started. */
export interface PeerStart {
  readonly cores: readonly number[];
  /** Default: 1. */
  readonly threads?: number;
  /** Default: plain HTTP. */
  readonly tls?: TlsFiles | null;
}

/** Starts a proxy in front of the backend and waits until it accepts. Throws, with what it said, when it does not. */
export async function startPeer(
  peer: Peer,
  backendPort: number,
  { cores, threads = 1, tls = null }: PeerStart,
): Promise<RunningPeer> {
  const folder = makeFolder(peer.name);
  const port = await freePort();
  const { command, env } = await peer.prepare({ listenPort: port, backendPort, folder, threads, tls });
  const started = performance.now();
  const running = startProcess(command, { cores, cwd: folder, ...(env === undefined ? {} : { env }) });
  try {
    await untilAccepting(port, 15_000, () => running.child.exitCode !== null || running.child.signalCode !== null);
  } catch (error) {
    await running.stop();
    throw new Error(`${peer.name} did not start: ${(error as Error).message}\n${running.output()}`);
  }
  return { peer, port, process: running, acceptedAfterMs: performance.now() - started };
}
