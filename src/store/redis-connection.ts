/**
 * The connection of one thread to one Redis server: opened in the background, opened again for ever, and never a queue
 * while it is not there. A name is resolved with each opening, and followed: if it stands for other addresses than
 * that of the connection, a connection to one of these takes its place.
 */
import type { LookupFunction } from "node:net";
import { ipVersion } from "../base/ip-address.ts";
import type { RedisClientOptions, createClient } from "@redis/client";
import type { RedisOptions } from "./options.ts";

/** Which server. */
export type RedisAddress = Pick<RedisOptions, "url">;

type Client = ReturnType<typeof createClient>;
type CreateClient = typeof createClient;

/** How the names of servers are resolved; without ever blocking a thread. */
export interface ServerNames {
  readonly lookup: LookupFunction;
  /** Tells `watcher` when `host` stands for other addresses than before, until `unwatch`. */
  watch(host: string, watcher: NameWatcher): void;
  unwatch(host: string, watcher: NameWatcher): void;
}

/** Follows a name. */
export interface NameWatcher {
  /** There are connections to its addresses. */
  readonly isInUse: boolean;
  onAddresses(addresses: readonly string[]): void;
}

/** A reconnection comes at the latest after this time; the client's own spread is added. */
const maxReconnectMs = 500;
/** For one address, resolving its name included. */
const connectTimeoutMs = 2_000;
/** More commands than this waiting for an answer mean that there is none. */
const maxQueuedCommands = 10_000;

/** Texts of answers are given as bytes. 36 is the package's number for them. */
const bytesInAnswers = { typeMapping: { 36: Buffer } } as const;

/** One client of the package, and the address that it was last connected to. */
interface Line {
  readonly client: Client;
  readonly firstConnection: Promise<void>;
  address: string | null;
}

/** Sends commands to one Redis server while it is connected, and keeps connecting while it is not. */
export class RedisConnection implements NameWatcher {
  readonly isInUse = true;
  readonly #create: CreateClient;
  readonly #options: RedisAddress;
  readonly #names: ServerNames;
  readonly #onError: (error: Error | null) => void;
  /** The server's name; null if there is none to resolve. */
  readonly #host: string | null;
  #line: Line;
  /** What takes its place once it is connected. */
  #successor: Line | null = null;
  /** Openings so far: several addresses are tried in turn. */
  #turn = 0;

  private constructor(create: CreateClient, options: RedisAddress, { names, onError }: RedisConnectionParts) {
    this.#create = create;
    this.#options = options;
    this.#names = names;
    this.#onError = onError;
    this.#host = hostOf(options.url);
    this.#line = this.#openLine();
    if (this.#host !== null) names.watch(this.#host, this);
  }

  /**
   * Begins to connect.
   * @throws if the package is not installed
   */
  static async open(options: RedisAddress, parts: RedisConnectionParts): Promise<RedisConnection> {
    const { createClient } = await loadClient();
    return new RedisConnection(createClient, options, parts);
  }

  /** Resolves when it is connected for the first time, or closed. */
  get connected(): Promise<void> {
    return this.#line.firstConnection;
  }

  /** Sends a command; rejects at once if there is no connection. */
  send(command: readonly string[]): Promise<unknown> {
    return this.#line.client.sendCommand([...command]);
  }

  /** Sends a command that may hold bytes; the texts of its answer are bytes, too. Rejects as `send` does. */
  sendBytes(command: readonly (string | Buffer)[]): Promise<unknown> {
    return this.#line.client.sendCommand([...command], bytesInAnswers);
  }

  /**
   * Nothing was heard for a while: another connection takes the place of this one as soon as it is there. What lies
   * between may have lost this one without a word, and the system takes a quarter of an hour to notice.
   */
  renew(): void {
    this.#replaceLine((previous) => previous.destroy());
  }

  close(): void {
    if (this.#host !== null) this.#names.unwatch(this.#host, this);
    this.#successor?.client.destroy();
    this.#successor = null;
    this.#line.client.destroy();
  }

  // `NameWatcher`.

  onAddresses(addresses: readonly string[]): void {
    const { address } = this.#line;
    if (address === null || addresses.includes(address)) return;
    // Commands under way get their answers.
    this.#replaceLine((previous) => void previous.close().catch(() => {}));
  }

  /** Opens another line, and takes it as soon as it is connected. */
  #replaceLine(end: (previous: Client) => void): void {
    if (this.#successor !== null) return;
    const successor = this.#openLine();
    this.#successor = successor;
    void successor.firstConnection.then(() => {
      if (this.#successor !== successor) return;
      this.#successor = null;
      const previous = this.#line.client;
      this.#line = successor;
      end(previous);
    });
  }

  #openLine(): Line {
    const { url } = this.#options;
    const lookup: LookupFunction = (host, options, onDone) => {
      this.#names.lookup(host, { ...options, all: true }, (error, found) => {
        const addresses = typeof found === "string" ? [] : found;
        // One at a time, so that it is known to which it is connected; the next opening takes the next.
        const chosen = addresses[this.#turn++ % Math.max(1, addresses.length)];
        if (error !== null || chosen === undefined) return onDone(error ?? new Error(`${host} has no address`), []);
        line.address = chosen.address;
        if (options.all === true) onDone(null, [chosen]);
        else onDone(null, chosen.address, chosen.family);
      });
    };
    const socket = { connectTimeout: connectTimeoutMs, reconnectStrategy };
    const common = { RESP: 2, disableOfflineQueue: true, commandsQueueMaxLength: maxQueuedCommands };
    const place = url.startsWith("unix:")
      ? { socket: { ...socket, path: url.slice(5), tls: false as const } }
      : { url, socket: { ...socket, lookup } };
    const client = this.#create({ ...common, ...place } as RedisClientOptions) as unknown as Client;
    client.on("error", this.#onError);
    client.on("ready", () => this.#onError(null));
    // Rejects only when it is closed before it is there.
    const line: Line = {
      client,
      address: null,
      firstConnection: client.connect().then(
        () => client.unref(),
        () => {},
      ),
    };
    return line;
  }
}

/** What a connection is given. */
export interface RedisConnectionParts {
  readonly names: ServerNames;
  /** Told what is wrong with the connection, and with null when it is there (again). */
  readonly onError: (error: Error | null) => void;
}

function reconnectStrategy(retries: number): number {
  return Math.min(50 * 2 ** Math.min(retries, 10), maxReconnectMs) * (0.5 + Math.random() / 2);
}

function hostOf(url: string): string | null {
  if (url.startsWith("unix:")) return null;
  const host = new URL(url).hostname.replace(/^\[|\]$/g, "");
  return ipVersion(host) === 0 ? host : null;
}

async function loadClient(): Promise<typeof import("@redis/client")> {
  try {
    return await import("@redis/client");
  } catch (error) {
    throw new Error("a Redis store needs the package @redis/client: npm install @redis/client@6.3.1", { cause: error });
  }
}
