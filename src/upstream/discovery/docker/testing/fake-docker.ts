/**
 * A double of the Docker engine, as far as discovery asks it: `_ping`, the list of containers, one container, and events,
 * in the shapes and the order of the documented API. Events are sent without line breaks and in pieces of odd sizes.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a container is to be. */
export interface FakeContainer {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** Addresses by the name of the network; default: `bridge` with 127.0.0.1. */
  readonly networks?: Readonly<Record<string, string>>;
  /** Exposed ports: `80/tcp`; default: none. */
  readonly ports?: readonly string[];
  readonly health?: "starting" | "healthy" | "unhealthy";
  readonly networkMode?: string;
  readonly stopSignal?: string;
  /** Seconds since the epoch. */
  readonly created?: number;
}

interface Running extends FakeContainer {
  readonly id: string;
  state: "running" | "paused" | "exited";
  current: Record<string, string>;
  status: FakeContainer["health"];
}

/** What is wrong with it. */
export type DockerTrouble = "nonsense" | "silent" | "errors" | "no events" | "empty lists" | null;

interface Subscription {
  readonly answer: ServerResponse;
  readonly filters: Readonly<Record<string, readonly string[]>>;
}

interface FakeEvent {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly time: number;
}

/** How many events are kept for those who ask for what was (moby: 256). */
const keptEvents = 256;

/** An engine on a Unix socket. */
export class FakeDocker {
  readonly socketPath: string;
  apiVersion = "1.47";
  trouble: DockerTrouble = null;
  /** Bytes of a piece of the stream of events; null = each event whole. */
  pieceBytes: number | null = 7;
  /** The paths that were asked for. */
  readonly paths: string[] = [];
  /** Called when a list was made and is not sent yet. */
  onList: () => void = () => {};
  readonly #folder: string;
  readonly #containers = new Map<string, Running>();
  readonly #sockets = new Set<Socket>();
  readonly #subscriptions = new Set<Subscription>();
  readonly #kept: FakeEvent[] = [];
  #server: Server | null = null;
  #nextId = 1;

  private constructor() {
    this.#folder = mkdtempSync(join(tmpdir(), "millrace-docker-"));
    this.socketPath = join(this.#folder, "docker.sock");
  }

  static async start(): Promise<FakeDocker> {
    const docker = new FakeDocker();
    await docker.comeBack();
    return docker;
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  /** How many hear events. */
  get subscribers(): number {
    return this.#subscriptions.size;
  }

  /** @returns its id */
  run(container: FakeContainer): string {
    // The first twelve characters are what a container calls its machine.
    const id = (this.#nextId++).toString(16).padStart(12, "0").padEnd(64, "0");
    const networks = container.networks ?? { bridge: "127.0.0.1" };
    this.#containers.set(id, {
      ...container,
      id,
      state: "running",
      current: { ...networks },
      status: container.health,
    });
    this.#tell("container", "create", id, { name: container.name, ...container.labels });
    for (const name of Object.keys(networks)) this.#tell("network", "connect", `net-${name}`, { container: id, name });
    this.#tell("container", "start", id, { name: container.name, ...container.labels });
    return id;
  }

  /** `docker kill`: it is sent a signal, and nothing is known of what it does. */
  signal(name: string, signal: string): void {
    this.#tell("container", "kill", this.#find(name).id, { name, signal });
  }

  /** It has ended, by itself or not. */
  die(name: string): void {
    const container = this.#find(name);
    container.state = "exited";
    this.#tell("container", "die", container.id, { name, exitCode: "0" });
    for (const network of Object.keys(container.current)) {
      container.current[network] = "";
      this.#tell("network", "disconnect", `net-${network}`, { container: container.id, name: network });
    }
  }

  /** `docker stop`, whose container ends at once. */
  stop(name: string): void {
    const { id, stopSignal = "15" } = this.#find(name);
    this.signal(name, stopSignal);
    this.die(name);
    this.#tell("container", "stop", id, { name });
  }

  /** `docker rm` of one that has ended. */
  remove(name: string): void {
    const { id } = this.#find(name);
    this.#containers.delete(id);
    this.#tell("container", "destroy", id, { name });
  }

  /** `docker start` of one that has ended. */
  start(name: string): void {
    const container = this.#find(name);
    container.state = "running";
    container.current = { ...(container.networks ?? { bridge: "127.0.0.1" }) };
    this.#tell("container", "start", container.id, { name });
  }

  setHealth(name: string, health: "starting" | "healthy" | "unhealthy"): void {
    const container = this.#find(name);
    container.status = health;
    this.#tell("container", `health_status: ${health}`, container.id, { name });
  }

  pause(name: string, isPaused: "paused" | "running"): void {
    const container = this.#find(name);
    container.state = isPaused;
    this.#tell("container", isPaused === "paused" ? "pause" : "unpause", container.id, { name });
  }

  connect(name: string, network: string, address: string): void {
    const container = this.#find(name);
    container.current[network] = address;
    this.#tell("network", "connect", `net-${network}`, { container: container.id, name: network, type: "bridge" });
  }

  disconnect(name: string, network: string): void {
    const container = this.#find(name);
    delete container.current[network];
    this.#tell("network", "disconnect", `net-${network}`, { container: container.id, name: network, type: "bridge" });
  }

  /** Its address becomes known, without an event. */
  setAddress(name: string, network: string, address: string): void {
    this.#find(name).current[network] = address;
  }

  /** What has happened is so long ago that nobody is told of it again. */
  forgetEvents(): void {
    this.#kept.length = 0;
  }

  /** Sends any text to those who hear events. */
  sendRaw(text: string): void {
    for (const { answer } of this.#subscriptions) answer.write(text);
  }

  /** Changes without an event: the engine, or the stream, has lost it. */
  vanish(name: string): void {
    this.#containers.delete(this.#find(name).id);
  }

  /** Connections end and are refused. */
  async goAway(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    server.close(() => resolve());
    for (const socket of this.#sockets) socket.destroy();
    await promise;
  }

  /** Open connections end. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async comeBack(): Promise<void> {
    this.trouble = null;
    if (this.#server !== null) return;
    const server = createServer((request, answer) => this.#serve(request, answer));
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => undefined);
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(this.socketPath, resolve);
    await promise;
    this.#server = server;
  }

  async close(): Promise<void> {
    await this.goAway();
    rmSync(this.#folder, { recursive: true });
  }

  #find(name: string): Running {
    const found = [...this.#containers.values()].findLast((one) => one.name === name);
    if (found === undefined) throw new Error(`there is no container ${name}`);
    return found;
  }

  #tell(type: string, action: string, id: string, attributes: Record<string, string>): void {
    const seconds = Math.floor(Date.now() / 1_000);
    const event = { Type: type, Action: action, Actor: { ID: id, Attributes: attributes }, time: seconds };
    this.#kept.push(event);
    if (this.#kept.length > keptEvents) this.#kept.shift();
    if (this.trouble !== "no events") for (const subscription of this.#subscriptions) this.#send(subscription, event);
  }

  #send({ answer, filters }: Subscription, event: FakeEvent): void {
    const { type, event: actions } = filters;
    // With a filter for health, actions are compared by how they begin (moby, `matchEvent`).
    const isWanted =
      (type?.includes(event.Type) ?? true) && (actions?.some((action) => event.Action.startsWith(action)) ?? true);
    if (!isWanted) return;
    const bytes = Buffer.from(JSON.stringify(event));
    const step = this.pieceBytes ?? bytes.length;
    for (let at = 0; at < bytes.length; at += step) answer.write(bytes.subarray(at, at + step));
  }

  #serve(request: IncomingMessage, answer: ServerResponse): void {
    const url = new URL(request.url ?? "", "http://docker");
    const path = url.pathname.replace(/^\/v1\.\d+/, "");
    this.paths.push(url.pathname);
    if (this.trouble === "silent") return;
    if (this.trouble === "errors")
      return void answer.writeHead(500).end(JSON.stringify({ message: "driver failed: nonsense-secret" }));
    answer.setHeader("content-type", "application/json");
    answer.setHeader("api-version", this.apiVersion);
    if (path === "/_ping") return void answer.end("OK");
    if (this.trouble === "nonsense") return void answer.end('<html>nonsense-secret {"a":');
    const filters = JSON.parse(url.searchParams.get("filters") ?? "{}") as Record<string, string[]>;
    if (path === "/events") return this.#subscribe(answer, filters, Number(url.searchParams.get("since") ?? "NaN"));
    if (path === "/containers/json") {
      const all = this.trouble === "empty lists" ? [] : [...this.#containers.values()];
      const text = JSON.stringify(all.filter(({ state }) => filters["status"]?.includes(state) ?? true).map(listed));
      this.onList();
      return void answer.end(text);
    }
    const container = this.#containers.get(/^\/containers\/(\w+)\/json$/.exec(path)?.[1] ?? "");
    if (container === undefined) return void answer.writeHead(404).end('{"message":"No such container"}');
    answer.end(JSON.stringify(inspected(container)));
  }

  #subscribe(answer: ServerResponse, filters: Record<string, string[]>, since: number): void {
    answer.writeHead(200);
    answer.flushHeaders();
    const subscription = { answer, filters };
    this.#subscriptions.add(subscription);
    answer.on("close", () => this.#subscriptions.delete(subscription));
    for (const event of this.#kept) if (event.time >= since) this.#send(subscription, event);
  }
}

function listed({ id, name, labels, ports, current, state, status, created, networkMode }: Running): object {
  return {
    Id: id,
    Names: [`/${name}`],
    Image: "image",
    Created: created ?? 1_700_000_000,
    State: state,
    Status: `Up 5 minutes${status === undefined ? "" : ` (${status === "starting" ? "health: starting" : status})`}`,
    Labels: labels ?? {},
    Ports: (ports ?? []).flatMap((port) => {
      const [number, type] = port.split("/");
      const exposed = { PrivatePort: Number(number), Type: type };
      // One that is published is there twice, for both families.
      return [
        { ...exposed, PublicPort: 8_080, IP: "0.0.0.0" },
        { ...exposed, PublicPort: 8_080, IP: "::" },
      ];
    }),
    HostConfig: { NetworkMode: networkMode ?? "bridge" },
    NetworkSettings: { Networks: networksOf(current) },
    Mounts: [],
  };
}

function inspected({ id, name, labels, ports, current, state, status, ...more }: Running): object {
  return {
    Id: id,
    Name: `/${name}`,
    Created: new Date((more.created ?? 1_700_000_000) * 1_000).toISOString(),
    State: {
      Status: state,
      Running: state !== "exited",
      Paused: state === "paused",
      Restarting: false,
      ...(status !== undefined && { Health: { Status: status, FailingStreak: 0, Log: [] } }),
    },
    Config: {
      Labels: labels ?? {},
      ExposedPorts: Object.fromEntries((ports ?? []).map((port) => [port, {}])),
      ...(more.stopSignal !== undefined && { StopSignal: more.stopSignal }),
    },
    HostConfig: { NetworkMode: more.networkMode ?? "bridge" },
    NetworkSettings: { Ports: {}, Networks: networksOf(current) },
  };
}

function networksOf(current: Readonly<Record<string, string>>): object {
  return Object.fromEntries(
    Object.entries(current).map(([name, address]) => [
      name,
      address.includes(":")
        ? { IPAddress: "", GlobalIPv6Address: address }
        : { IPAddress: address, GlobalIPv6Address: "" },
    ]),
  );
}
