/** The parent's side of an endpoint process: start, faults, counts. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { untilAccepting } from "../macro/loopback.ts";
import type { Behaviour, EndpointReport } from "./endpoint.ts";

const live = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of live) child.kill("SIGKILL");
});

/** One endpoint. It keeps its ports over its deaths. */
export class EndpointProcess {
  readonly name: string;
  /** One for each proxy. */
  readonly ports: readonly number[];
  readonly #seed: number;
  #child: ChildProcess | null = null;
  /** Requests that processes before the present one reported. */
  #before: Record<number, number> = {};
  #now: Readonly<Record<number, number>> = {};

  constructor(name: string, ports: readonly number[], seed: number) {
    this.name = name;
    this.ports = ports;
    this.#seed = seed;
  }

  get isRunning(): boolean {
    return this.#child !== null;
  }

  /** Starts the process if none runs; resolves when it accepts on all ports. */
  async start(): Promise<void> {
    if (this.#child !== null) return;
    const child = fork(join(import.meta.dirname, "endpoint.ts"), [String(this.#seed), ...this.ports.map(String)], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    live.add(child);
    child.once("exit", () => live.delete(child));
    child.on("message", (report: EndpointReport) => {
      if (child === this.#child) this.#now = report.requests;
    });
    this.#child = child;
    for (const port of this.ports) await untilAccepting(port, 10_000, () => child.exitCode !== null);
  }

  behave(behaviour: Behaviour): void {
    this.#child?.send({ behaviour });
  }

  /** Dies without a word. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    this.#child = null;
    for (const [port, count] of Object.entries(this.#now))
      this.#before[Number(port)] = (this.#before[Number(port)] ?? 0) + count;
    this.#now = {};
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child?.kill("SIGCONT");
  }

  /** Requests that came on `port`, as far as they were reported. */
  requestsOn(port: number): number {
    return (this.#before[port] ?? 0) + (this.#now[port] ?? 0);
  }
}
