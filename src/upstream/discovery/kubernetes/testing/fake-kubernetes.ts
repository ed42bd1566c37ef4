/**
 * The part of a Kubernetes API server that EndpointSlices need, by its documentation: lists in pages that belong to one
 * version, watches from a version with bookmarks and a time-out, 410 for what is compacted (as a status or as an event),
 * 504 for versions to come, tokens, RBAC. It is no cluster: nobody makes slices but the test.
 */
import { createServer as createPlainServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";

/** A slice as the API has it; the server sets version, kind and labels that are missing. */
export interface FakeSlice {
  readonly name: string;
  readonly service?: string;
  readonly namespace?: string;
  readonly addressType?: string;
  readonly endpoints?: unknown;
  readonly ports?: unknown;
  readonly uid?: string;
}

/** A request as it came. */
export interface SeenQuestion {
  readonly verb: "list" | "watch";
  readonly namespace: string;
  readonly parameters: URLSearchParams;
  readonly authorization: string;
}

interface StoredObject {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels: Record<string, string>;
    readonly resourceVersion: string;
    readonly uid: string;
  };
}

interface Change {
  readonly version: number;
  readonly before: StoredObject | null;
  readonly after: StoredObject | null;
}

interface Watcher {
  readonly namespace: string;
  readonly selector: string;
  readonly wantsBookmarks: boolean;
  readonly response: ServerResponse;
}

const path = /^\/apis\/discovery\.k8s\.io\/v1\/namespaces\/([a-z0-9-]+)\/endpointslices$/;

/** A server on a port of the loopback interface; its fields may be changed at any time. */
export class FakeKubernetes {
  readonly questions: SeenQuestion[] = [];
  /** What it is given for a token; null: everybody is let in. */
  token: string | null = null;
  /** What the account may do. */
  verbs = new Set(["list", "watch"]);
  /** No page is larger, whatever is asked for. */
  maxPageItems = 500;
  /** How it says that a watch wants to begin at a version that is compacted. */
  goneAs: "status" | "event" = "event";
  /** An answer in place of the usual one; null = the usual one, "stall" = none. */
  refuse: (question: SeenQuestion) => { status: number; retryAfter?: string; body?: string } | "stall" | null = () =>
    null;
  url = "";
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #watchers = new Set<Watcher>();
  #version = 1_000;
  #compacted = 0;
  #objects = new Map<string, StoredObject>();
  #changes: Change[] = [];
  readonly #pages = new Map<string, { readonly version: number; readonly items: StoredObject[] }>();

  private constructor(tls: { readonly cert: string; readonly key: string } | null) {
    const serve = (request: IncomingMessage, response: ServerResponse): void => this.#serve(request, response);
    this.#server = tls === null ? createPlainServer(serve) : createTlsServer(tls, serve);
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => this.#sockets.delete(socket));
    });
  }

  /** @param tls PEM texts; null: plain HTTP, as `kubectl proxy` speaks it */
  static async start(tls: { readonly cert: string; readonly key: string } | null = null): Promise<FakeKubernetes> {
    const server = new FakeKubernetes(tls);
    await server.listen(0);
    server.url = `${tls === null ? "http" : "https"}://127.0.0.1:${server.port}`;
    return server;
  }

  get port(): number {
    return Number(
      new URL(this.url === "" ? `http://x:${(this.#server.address() as AddressInfo).port}` : this.url).port,
    );
  }

  /** The connections that are open. */
  get connectionCount(): number {
    return this.#sockets.size;
  }

  /** The watches that are open. */
  get watchCount(): number {
    return this.#watchers.size;
  }

  /** The version of the last change. */
  get version(): number {
    return this.#version;
  }

  /** Creates or replaces a slice. */
  put(slice: FakeSlice): void {
    const { name, namespace = "default", service, ...rest } = slice;
    const version = ++this.#version;
    const object = {
      kind: "EndpointSlice",
      apiVersion: "discovery.k8s.io/v1",
      metadata: {
        name,
        namespace,
        uid: slice.uid ?? `uid-of-${name}`,
        resourceVersion: String(version),
        labels: {
          "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
          ...(service !== undefined && { "kubernetes.io/service-name": service }),
        },
      },
      addressType: "IPv4",
      endpoints: null,
      ports: [{ name: "http", port: 8080, protocol: "TCP" }],
      ...rest,
    };
    const before = this.#objects.get(`${namespace}/${name}`) ?? null;
    this.#objects.set(`${namespace}/${name}`, object);
    this.#note({ version, before, after: object });
  }

  remove(name: string, namespace = "default"): void {
    const before = this.#objects.get(`${namespace}/${name}`);
    if (before === undefined) return;
    const version = ++this.#version;
    this.#objects.delete(`${namespace}/${name}`);
    const last = { ...before, metadata: { ...before.metadata, resourceVersion: String(version) } };
    this.#note({ version, before: last, after: null });
  }

  /** Something else changes in the cluster. */
  pass(versions = 1): void {
    this.#version += versions;
  }

  /** Tells watchers that want it how far they are. */
  bookmark(): void {
    for (const watcher of this.#watchers)
      if (watcher.wantsBookmarks)
        this.#send(watcher, "BOOKMARK", {
          kind: "EndpointSlice",
          apiVersion: "discovery.k8s.io/v1",
          metadata: { resourceVersion: String(this.#version) },
        });
  }

  /** Forgets all history: only what is now can be listed, and watched from now on. */
  compact(): void {
    this.#compacted = this.#version;
    this.#changes = [];
    this.#pages.clear();
  }

  /** A backup is played back: the same objects at an older version. */
  setBack(version: number): void {
    this.compact();
    this.#version = version;
    this.#compacted = 0;
    this.#objects = new Map(
      [...this.#objects].map(([key, object]) => [
        key,
        { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } },
      ]),
    );
  }

  /** Writes to all watchers, whatever it is. */
  write(text: string): void {
    for (const { response } of this.#watchers) response.write(text);
  }

  /** Tells all watchers that something is wrong, as the API does it within a stream. */
  sendError(code: number, retryAfterSeconds?: number): void {
    for (const watcher of this.#watchers) this.#send(watcher, "ERROR", statusOf(code, retryAfterSeconds));
  }

  /** The watches end as they do when their time is over. */
  endWatches(): void {
    for (const { response } of this.#watchers) response.end();
  }

  /** All connections are reset. */
  breakAll(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Goes away, as a server that is stopped. */
  async stop(): Promise<void> {
    this.breakAll();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** Comes back at its port. */
  async listen(port = this.port): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
  }

  #note(change: Change): void {
    this.#changes.push(change);
    for (const watcher of this.#watchers) this.#tell(watcher, change);
  }

  #tell(watcher: Watcher, { before, after }: Change): void {
    const isBefore = before !== null && isSelected(before, watcher);
    const isAfter = after !== null && isSelected(after, watcher);
    if (isAfter) this.#send(watcher, isBefore ? "MODIFIED" : "ADDED", after);
    else if (isBefore) this.#send(watcher, "DELETED", before);
  }

  #send({ response }: Watcher, type: string, object: unknown): void {
    response.write(`${JSON.stringify({ type, object })}\n`);
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? "/", "http://x");
    const namespace = path.exec(url.pathname)?.[1];
    if (namespace === undefined) return answer(response, 404, statusOf(404));
    const question: SeenQuestion = {
      verb: /^(1|true)$/.test(url.searchParams.get("watch") ?? "") ? "watch" : "list",
      namespace,
      parameters: url.searchParams,
      authorization: request.headers.authorization ?? "",
    };
    this.questions.push(question);
    const refusal = this.refuse(question);
    if (refusal === "stall") return;
    if (refusal !== null) {
      if (refusal.retryAfter !== undefined) response.setHeader("retry-after", refusal.retryAfter);
      return answer(response, refusal.status, refusal.body ?? statusOf(refusal.status));
    }
    if (this.token !== null && question.authorization !== `Bearer ${this.token}`)
      return answer(response, 401, statusOf(401));
    if (!this.verbs.has(question.verb)) return answer(response, 403, statusOf(403));
    if (question.verb === "list") this.#list(question, response);
    else this.#watch(question, response);
  }

  #list({ namespace, parameters }: SeenQuestion, response: ServerResponse): void {
    const token = parameters.get("continue") ?? "";
    const page =
      token === "" ? this.#snapshot(namespace, parameters.get("labelSelector") ?? "") : this.#pages.get(token);
    if (page === undefined) return answer(response, 410, statusOf(410));
    this.#pages.delete(token);
    const limit = Math.min(this.maxPageItems, Number(parameters.get("limit") ?? this.maxPageItems));
    const left = page.items.slice(limit);
    const next = left.length === 0 ? "" : `page ${page.version} ${left.length} ${this.questions.length}`;
    if (next !== "") this.#pages.set(next, { version: page.version, items: left });
    answer(response, 200, {
      kind: "EndpointSliceList",
      apiVersion: "discovery.k8s.io/v1",
      metadata: { resourceVersion: String(page.version), ...(next !== "" && { continue: next }) },
      items: page.items.slice(0, limit),
    });
  }

  #snapshot(namespace: string, selector: string): { version: number; items: StoredObject[] } {
    const items = [...this.#objects.values()].filter((object) => isSelected(object, { namespace, selector }));
    return { version: this.#version, items };
  }

  #watch({ namespace, parameters }: SeenQuestion, response: ServerResponse): void {
    const from = Number(parameters.get("resourceVersion") ?? "0");
    if (from > this.#version) return answer(response, 504, statusOf(504, 1));
    const isGone = from < this.#compacted;
    if (isGone && this.goneAs === "status") return answer(response, 410, statusOf(410));
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    const watcher = {
      namespace,
      selector: parameters.get("labelSelector") ?? "",
      wantsBookmarks: parameters.get("allowWatchBookmarks") === "true",
      response,
    };
    if (isGone) {
      this.#send(watcher, "ERROR", statusOf(410));
      response.end();
      return;
    }
    for (const change of this.#changes) if (change.version > from) this.#tell(watcher, change);
    this.#watchers.add(watcher);
    const seconds = Number(parameters.get("timeoutSeconds") ?? "1800");
    const timer = setTimeout(() => response.end(), seconds * 1_000);
    timer.unref();
    response.on("close", () => {
      clearTimeout(timer);
      this.#watchers.delete(watcher);
    });
  }
}

/** The equality and the set form of label selectors. */
function isSelected(object: StoredObject, wanted: { readonly namespace: string; readonly selector: string }): boolean {
  const { namespace, labels } = object.metadata;
  if (namespace !== wanted.namespace) return false;
  return wanted.selector.split(/,(?![^(]*\))/).every((term) => {
    if (term === "") return true;
    const set = /^(\S+) in \(([^)]*)\)$/.exec(term);
    if (set !== null) return set[2]!.split(",").includes(labels[set[1]!] ?? "");
    const [key = "", value] = term.split(/==?/);
    return labels[key] === value;
  });
}

const reasons: Readonly<Record<number, string>> = {
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  410: "Expired",
  429: "TooManyRequests",
  500: "InternalError",
  504: "Timeout",
};

function statusOf(code: number, retryAfterSeconds?: number): object {
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    reason: reasons[code] ?? "Unknown",
    code,
    details: {
      ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
      ...(code === 504 && { causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }] }),
    },
  };
}

function answer(response: ServerResponse, status: number, body: object | string): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(typeof body === "string" ? body : JSON.stringify(body));
}
