/**
 * The questions to a Docker engine, in the version of its API that both sides know. Nothing is ever changed by them.
 * https://docs.docker.com/reference/api/engine/
 */
import { RemoteError, type RemoteHttp, type RemoteStream } from "../../../remote/http-client.ts";
import { JsonValues } from "../../../remote/json-values.ts";
import { type DockerContainer, readInspectedContainer, readListedContainer } from "./container.ts";
import type { DockerHost } from "./options.ts";

/** The versions of the API (1.N) that this was written for. */
const leastMinor = 24;
const mostMinor = 51;
/** Events have labels in them; a larger one is none. */
const maxEventBytes = 1024 * 1024;
/** A stream from which nothing has come for so long is opened again: it may have died without a word. */
const streamIdleMs = 600_000;
/** More containers than an engine can run. */
const maxContainers = 10_000;

/** What may change an endpoint. Without a filter, every check of every container would be told. */
const eventFilters = {
  type: ["container", "network"],
  event: [
    "start",
    "kill",
    "die",
    "stop",
    "destroy",
    "pause",
    "unpause",
    "rename",
    "update",
    "health_status",
    "connect",
    "disconnect",
  ],
};

/** Hears of events. `onEnd` is called once, and nothing after it or after the stream was closed. */
export interface EventSink {
  /** Events are told from now on. */
  onOpen(): void;
  onEvents(events: readonly unknown[]): void;
  /** @param error null = it was quiet for long, or the engine has ended it properly */
  onEnd(error: Error | null): void;
}

/** One engine. */
export class DockerApi {
  readonly #http: RemoteHttp;
  readonly #origin: string;
  readonly #name: string;
  #prefix = "";

  constructor(http: RemoteHttp, { authority, isSecure, socketPath }: DockerHost) {
    this.#http = http;
    this.#origin = `${isSecure ? "https" : "http"}://${authority}`;
    this.#name = socketPath ?? authority;
  }

  /**
   * Agrees on a version.
   * @returns the engine's time in seconds, a moment ago: events since then are the ones that count
   * @throws RemoteError
   */
  async connect(): Promise<number> {
    const { status, headers } = await this.#http.send({ method: "GET", url: `${this.#origin}/_ping` });
    if (status !== 200) throw this.#error(status, "/_ping");
    const version = /^1\.(\d{1,3})$/.exec(String(headers["api-version"] ?? ""));
    const minor = version === null ? null : Number(version[1]);
    if (minor !== null && minor < leastMinor)
      throw new RemoteError("malformed", `${this.#name}: its API 1.${minor} is older than 1.${leastMinor}`, status);
    this.#prefix = minor === null ? "" : `/v1.${Math.min(minor, mostMinor)}`;
    // The clock of the engine counts, not ours.
    const nowMs = Date.parse(headers.date ?? "");
    return Math.floor((Number.isNaN(nowMs) ? Date.now() : nowMs) / 1_000) - 1;
  }

  /** Those that run. @throws RemoteError */
  async list(): Promise<DockerContainer[]> {
    const filters = encodeURIComponent(JSON.stringify({ status: ["running"] }));
    const value = await this.#ask(`/containers/json?filters=${filters}`);
    if (!Array.isArray(value)) throw new RemoteError("malformed", `${this.#name}: its list of containers is none`, 200);
    if (value.length > maxContainers)
      throw new RemoteError("malformed", `${this.#name}: it has more than ${maxContainers} containers`, 200);
    return (value as unknown[]).map(readListedContainer).filter((container) => container !== null);
  }

  /** One of them; null if it is not there. @throws RemoteError */
  async inspect(id: string): Promise<DockerContainer | null> {
    const value = await this.#ask(`/containers/${id}/json`);
    if (value === null) return null;
    const container = readInspectedContainer(value);
    if (container === null)
      throw new RemoteError("malformed", `${this.#name}: what it says of a container is nothing`, 200);
    return container;
  }

  /** Opens the stream of events. */
  follow(sinceSeconds: number, sink: EventSink): RemoteStream {
    const filters = encodeURIComponent(JSON.stringify(eventFilters));
    const reader = new JsonValues(maxEventBytes);
    const stream = this.#http.stream(
      {
        method: "GET",
        url: `${this.#origin}${this.#prefix}/events?since=${sinceSeconds}&filters=${filters}`,
        idleMs: streamIdleMs,
      },
      {
        onHead: (status) => {
          if (status === 200) return sink.onOpen();
          stream.close();
          sink.onEnd(this.#error(status, "/events"));
        },
        onData: (chunk) => {
          try {
            sink.onEvents(reader.push(chunk));
          } catch (error) {
            stream.close();
            const why = error instanceof Error ? error.message : String(error);
            sink.onEnd(new RemoteError("malformed", `${this.#name}: its events cannot be read: ${why}`, 200));
          }
        },
        onEnd: (error) =>
          sink.onEnd(
            error?.kind === "timeout"
              ? null
              : (error ?? new RemoteError("network", `${this.#name}: it has ended the stream of events`, 200)),
          ),
      },
    );
    return stream;
  }

  /** @returns null for 404 */
  async #ask(path: string): Promise<unknown> {
    const { status, body } = await this.#http.send({ method: "GET", url: `${this.#origin}${this.#prefix}${path}` });
    if (status === 404) return null;
    if (status !== 200) throw this.#error(status, path.replace(/\?.*/, ""));
    try {
      return JSON.parse(body) as unknown;
    } catch {
      throw new RemoteError("malformed", `${this.#name}: an answer is not JSON`, status);
    }
  }

  #error(status: number, path: string): RemoteError {
    return new RemoteError("status", `${this.#name}: it answers ${status} to ${path}`, status);
  }
}
