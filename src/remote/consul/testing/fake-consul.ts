/**
 * A double of a Consul agent, written after the documentation of its HTTP API (blocking queries, health, key/value
 * store, sessions, consistency, ACL), for Consul itself is in no package that the tests may install. What it can do
 * wrong is what Consul has done to others: indexes that go backwards, no leader, lists that an ACL has emptied, waits
 * that end without a change, silence.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { FakeCatalog, type FakeCheck, type FakeInstance, FilterError } from "./fake-catalog.ts";
import { FakeValues, maxValueBytes } from "./fake-values.ts";

/** What a token may do. */
export interface FakeRights {
  /** Services that it may see; instances of others are left out of answers. */
  readonly services: readonly string[];
  /** Keys that begin so may be read and written. */
  readonly keyPrefix: string;
}

/** What the agent does instead of answering as documented. */
export type FakeTrouble =
  | { readonly kind: "status"; readonly status: number; readonly body: string }
  | { readonly kind: "nonsense"; readonly body: string; readonly headers?: Readonly<Record<string, string>> }
  | { readonly kind: "stall" }
  | { readonly kind: "close" };

/** What was asked. */
export interface FakeQuestion {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly token: string | null;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly index?: number;
  readonly isFiltered?: boolean;
}

/** A running agent, with its server in one. */
export class FakeConsul {
  readonly catalog = new FakeCatalog();
  readonly values: FakeValues;
  /** All questions so far. */
  readonly questions: FakeQuestion[] = [];
  /** null: everybody may do everything. Else by token; the empty one is the anonymous one. */
  rights: Readonly<Record<string, FakeRights>> | null = null;
  trouble: FakeTrouble | null = null;
  hasLeader = true;
  /** As before Consul 1.0: every change of anything ends the wait for any service. */
  isCoarse = false;
  /** What is answered instead of the index, to play versions with errors; null = the index. */
  falseIndex: string | null = null;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** How each question that waits looks again, and how its wait ends. */
  readonly #waiting = new Map<() => void, () => void>();
  #index = 10;

  private constructor() {
    this.values = new FakeValues(() => this.#next());
    this.#server = createServer((request, answer) => void this.#serve(request, answer));
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  static async start(port = 0): Promise<FakeConsul> {
    const consul = new FakeConsul();
    await consul.listen(port);
    return consul;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get isListening(): boolean {
    return this.#server.listening;
  }

  /** How many questions wait. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  get connectionCount(): number {
    return this.#sockets.size;
  }

  /** Again, after `stop`. */
  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, "127.0.0.1", () => resolve());
    });
  }

  /** Connections are refused, and those that there are end. */
  stop(): Promise<void> {
    const stopped = new Promise<void>((resolve) => void this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    return stopped;
  }

  async close(): Promise<void> {
    this.values.close();
    if (this.#server.listening) await this.stop();
  }

  register(instance: FakeInstance): void {
    this.catalog.register(instance, this.#next());
  }

  deregister(id: string): void {
    this.catalog.deregister(id, this.#next());
  }

  setStatus(id: string, status: FakeCheck["status"], output = ""): void {
    const checks = [{ id: `service:${id}`, name: `Service '${id}' check`, status, output }];
    this.register({ ...this.catalog.find(id), checks });
  }

  setNodeChecks(node: string, checks: readonly FakeCheck[]): void {
    this.catalog.setNodeChecks(node, checks, this.#next());
  }

  /** Something changes that nobody has asked for. */
  touch(): void {
    this.#next();
  }

  /** A snapshot is restored whose indexes are lower; what follows is restored with it. Consul ends every wait then. */
  restoreSnapshot(restore: () => void = () => {}): void {
    this.catalog.clear();
    this.values.clear();
    this.#index = 3;
    restore();
    this.#next();
    for (const end of this.#waiting.values()) queueMicrotask(end);
  }

  /** All connections break; the agent goes on. */
  breakConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #next(): number {
    this.#index++;
    for (const look of this.#waiting.keys()) queueMicrotask(look);
    return this.#index;
  }

  async #serve(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://agent");
    const header = request.headers["x-consul-token"];
    const token = typeof header === "string" ? header : null;
    const question = { method: request.method ?? "", path: url.pathname, query: url.searchParams, token };
    this.questions.push(question);
    const body: Buffer[] = [];
    for await (const chunk of request) body.push(chunk as Buffer);
    if (this.#isTroubled(answer)) return;
    const isRead = question.method === "GET";
    if (isRead) await this.#wait(question, answer);
    // It may have come while the question waited.
    if (answer.destroyed || this.#isTroubled(answer)) return;
    this.#send(answer, question, this.#answer(question, Buffer.concat(body)));
  }

  #isTroubled(answer: ServerResponse): boolean {
    const { trouble } = this;
    if (trouble === null) return false;
    if (trouble.kind === "close") answer.destroy();
    if (trouble.kind === "status") answer.writeHead(trouble.status, { "content-type": "text/plain" }).end(trouble.body);
    if (trouble.kind === "nonsense") answer.writeHead(200, { ...trouble.headers }).end(trouble.body);
    return true;
  }

  /** Until there is something new for this question, or the time that it gives is over. */
  #wait(question: FakeQuestion, answer: ServerResponse): Promise<void> {
    const asked = Number(question.query.get("index") ?? 0);
    const [, seconds = "300"] = /^(\d+)s$/.exec(question.query.get("wait") ?? "") ?? [];
    const waitMs = Math.min(600, Number(seconds)) * 1_000;
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve();
      };
      const look = (): void => {
        if (this.trouble !== null && this.trouble.kind !== "stall") return end();
        const { index = null } = this.#answer(question, Buffer.alloc(0));
        if (asked < 1 || index === null || index > asked || (this.isCoarse && this.#index > asked)) end();
      };
      // "A small random amount of additional wait time is added": up to a sixteenth.
      const timer = setTimeout(end, waitMs + (Math.random() * waitMs) / 16).unref();
      answer.on("close", end);
      this.#waiting.set(look, end);
      look();
    });
  }

  /** Lets the questions that wait look at `trouble` or `hasLeader`. */
  wake(): void {
    for (const look of [...this.#waiting.keys()]) look();
  }

  #answer(question: FakeQuestion, body: Buffer): Answer {
    const { method, path, query, token } = question;
    const [, version, kind = "", ...rest] = path.split("/").map(decodeURIComponent);
    if (version !== "v1") return { status: 404, body: "" };
    if (query.has("stale") && query.has("consistent"))
      return { status: 400, body: "Cannot specify ?stale with ?consistent, conflicting semantics." };
    if ((query.get("dc") ?? "dc1") !== "dc1") return { status: 500, body: "No path to datacenter" };
    if (!this.hasLeader && !query.has("stale")) return { status: 500, body: "No cluster leader" };
    const rights = this.rights === null ? everything : (this.rights[token ?? ""] ?? null);
    if (rights === null && token !== null) return { status: 403, body: "ACL not found" };
    const granted = rights ?? nothing;
    if (kind === "status" && rest[0] === "leader") return { status: 200, body: this.hasLeader ? "127.0.0.1:8300" : "" };
    if (kind === "health" && rest[0] === "service") return this.#health(rest[1] ?? "", query, granted);
    const key = rest.join("/");
    if (kind === "kv" && !key.startsWith(granted.keyPrefix))
      return { status: 403, body: `Permission denied: token with AccessorID '1234' lacks permission on ${key}` };
    if (kind === "kv") return this.#value(method, key, query, body);
    if (kind === "session" && method === "PUT") return this.#session(rest, body);
    return { status: 404, body: "" };
  }

  #health(service: string, query: URLSearchParams, rights: FakeRights): Answer {
    const isSeen = rights === everything || rights.services.includes(service);
    try {
      const found = this.catalog.health(service, query);
      // An index of a service that is not there is that of the whole catalogue.
      const index = this.isCoarse ? this.#index : this.catalog.indexOf(service) || 1;
      return { status: 200, body: isSeen ? found : [], index, isFiltered: !isSeen && found.length > 0 };
    } catch (error) {
      if (error instanceof FilterError) return { status: 400, body: error.message };
      throw error;
    }
  }

  #value(method: string, key: string, query: URLSearchParams, body: Buffer): Answer {
    if (method === "DELETE") return { status: 200, body: this.values.remove(key, query) };
    if (method === "PUT") {
      if (body.length > maxValueBytes) return { status: 413, body: "Request body too large" };
      const result = this.values.put(key, body, query);
      return typeof result === "string" ? { status: 500, body: result } : { status: 200, body: result };
    }
    const isRecursive = query.has("recurse") || query.has("keys");
    const found = this.values.select(key, isRecursive);
    const index = this.values.indexOf(key, isRecursive);
    if (found.length === 0) return { status: 404, body: "", index };
    if (query.has("raw")) return { status: 200, body: found[0]?.[1].value, index };
    if (query.has("keys")) return { status: 200, body: found.map(([one]) => one), index };
    return { status: 200, body: found.map((one) => this.values.toJson(one)), index };
  }

  #session([verb = "", id = ""]: string[], body: Buffer): Answer {
    if (verb === "create") {
      const created = this.values.createSession(JSON.parse(body.toString() || "{}") as Record<string, unknown>);
      return typeof created === "string" ? { status: 500, body: created } : { status: 200, body: created };
    }
    if (verb === "renew")
      return this.values.renewSession(id)
        ? { status: 200, body: [{ ID: id }] }
        : { status: 404, body: `Session id '${id}' not found` };
    this.values.endSession(id);
    return { status: 200, body: true };
  }

  #send(answer: ServerResponse, { query, token }: FakeQuestion, { status, body, index, isFiltered }: Answer): void {
    if (index !== undefined) {
      answer.setHeader("X-Consul-Index", this.falseIndex ?? String(Math.max(1, index)));
      answer.setHeader("X-Consul-KnownLeader", String(this.hasLeader));
      answer.setHeader("X-Consul-LastContact", query.has("stale") ? "17" : "0");
      answer.setHeader("X-Consul-Effective-Consistency", query.has("stale") ? "stale" : "leader");
    }
    // Who has shown no token is not told that there is more.
    if (isFiltered === true && token !== null) answer.setHeader("X-Consul-Results-Filtered-By-ACLs", "true");
    const isText = Buffer.isBuffer(body) || (typeof body === "string" && status >= 400);
    answer.setHeader("content-type", isText ? "text/plain; charset=utf-8" : "application/json");
    answer.writeHead(status).end(isText ? body : JSON.stringify(body));
  }
}

const everything: FakeRights = { services: [], keyPrefix: "" };
const nothing: FakeRights = { services: [], keyPrefix: "\0" };
