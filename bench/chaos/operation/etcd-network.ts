/**
 * A cluster of etcd whose members live in network namespaces of their own, each with two cables: one to the clients, and
 * one to the other members. Either can be pulled: nothing is refused then, nothing answers. Linux and root only.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findCommand } from "../../../scripts/install-packages.ts";
import { askHealth } from "./etcd-health.ts";
import { makeFolder, type RunningProcess, startProcess } from "../../macro/workspace.ts";

/** Which cable of a member. */
export type Cable = "clients" | "peers";

const tag = `mre${process.pid % 10_000}`;
/** Addresses that nobody has, of the range for benchmarks (RFC 2544). */
const networks: Readonly<Record<Cable, string>> = { clients: "198.18.77", peers: "198.18.78" };
const cables = Object.keys(networks) as Cable[];

/** Why there can be no such cluster here; null if there can. */
export function whyNoCluster(): string | null {
  if (findCommand("etcd") === null) return "etcd is not installed";
  const probe = spawnSync("ip", ["netns", "add", `${tag}p`]);
  spawnSync("ip", ["netns", "del", `${tag}p`]);
  return probe.status === 0 ? null : "it needs Linux, root and ip";
}

/** Three members. */
export class EtcdCluster {
  readonly members: readonly EtcdMember[] = [0, 1, 2].map((at) => new EtcdMember(at));

  get urls(): readonly string[] {
    return this.members.map(({ url }) => url);
  }

  async start(): Promise<void> {
    for (const cable of cables) {
      ip(`link add ${bridgeOf(cable)} type bridge`);
      ip(`addr add ${networks[cable]}.254/24 dev ${bridgeOf(cable)}`);
      ip(`link set ${bridgeOf(cable)} up`);
    }
    for (const member of this.members) member.connect();
    for (const member of this.members) member.start();
    await Promise.all(this.members.map((member) => member.untilHealthy()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
    for (const member of this.members) member.disconnect();
    for (const cable of cables) spawnSync("ip", ["link", "del", bridgeOf(cable)]);
  }
}

/** One member. */
export class EtcdMember {
  readonly name: string;
  readonly url: string;
  readonly #at: number;
  readonly #folder = makeFolder("etcd");
  #process: RunningProcess | null = null;

  constructor(at: number) {
    this.#at = at;
    this.name = `member${at}`;
    this.url = `http://${this.#addressAt("clients")}:2379`;
  }

  /** Makes its namespace and plugs its cables in. */
  connect(): void {
    ip(`netns add ${this.#namespace}`);
    ip(`-n ${this.#namespace} link set lo up`);
    for (const cable of cables) {
      ip(`link add ${this.#plugOf(cable)} type veth peer name ${cable} netns ${this.#namespace}`);
      ip(`link set ${this.#plugOf(cable)} master ${bridgeOf(cable)} up`);
      ip(`-n ${this.#namespace} addr add ${this.#addressAt(cable)}/24 dev ${cable}`);
      ip(`-n ${this.#namespace} link set ${cable} up`);
    }
  }

  /** Also removes what is half made. */
  disconnect(): void {
    for (const cable of cables) spawnSync("ip", ["link", "del", this.#plugOf(cable)]);
    spawnSync("ip", ["netns", "del", this.#namespace]);
  }

  start(): void {
    const peerUrlOf = (at: number): string => `http://${networks.peers}.${at + 1}:2380`;
    const cluster = [0, 1, 2].map((at) => `member${at}=${peerUrlOf(at)}`).join(",");
    this.#process = startProcess([
      ...["ip", "netns", "exec", this.#namespace, "etcd"],
      ...["--data-dir", join(this.#folder, "data"), "--unsafe-no-fsync", "--name", this.name],
      ...["--listen-client-urls", this.url, "--advertise-client-urls", this.url],
      ...["--listen-peer-urls", peerUrlOf(this.#at), "--initial-advertise-peer-urls", peerUrlOf(this.#at)],
      ...["--initial-cluster", cluster, "--heartbeat-interval", "100", "--election-timeout", "1000"],
    ]);
  }

  async untilHealthy(): Promise<void> {
    for (let tries = 0; tries < 300; tries++) {
      if ((await askHealth(`${this.url}/health`)).includes("true")) return;
      await sleep(100);
    }
    throw new Error(`${this.name} does not become healthy`);
  }

  /** Ends it as a crash does. */
  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = null;
    await running?.stop(0);
  }

  freeze(): void {
    this.#signal("SIGSTOP");
  }

  thaw(): void {
    this.#signal("SIGCONT");
  }

  pull(cable: Cable): void {
    ip(`link set ${this.#plugOf(cable)} down`);
  }

  plug(cable: Cable): void {
    ip(`link set ${this.#plugOf(cable)} up`);
  }

  get #namespace(): string {
    return `${tag}n${this.#at}`;
  }

  #plugOf(cable: Cable): string {
    return `${tag}${cable[0]}${this.#at}`;
  }

  #addressAt(cable: Cable): string {
    return `${networks[cable]}.${this.#at + 1}`;
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#process !== null) process.kill(-this.#process.pid, signal);
  }
}

function bridgeOf(cable: Cable): string {
  return `${tag}${cable[0]}b`;
}

function ip(command: string): void {
  const { status, stderr } = spawnSync("ip", command.split(" "), { encoding: "utf8" });
  if (status !== 0) throw new Error(`ip ${command}: ${stderr}`);
}
