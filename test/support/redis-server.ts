/** A real Redis server on a Unix socket of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findCommand } from "../../scripts/install-packages.ts";
import { eventually } from "./signal.ts";

/** Where the command is; null if it is not installed (`node scripts/install-packages.ts test`). */
export const redisCommand = findCommand("redis-server");

/** A running server. */
export class RedisServer {
  readonly #folder: string;
  readonly #options: readonly string[];
  #process: ChildProcess;

  private constructor(folder: string, options: readonly string[]) {
    this.#folder = folder;
    this.#options = options;
    this.#process = this.#spawn();
  }

  /** @param options of the command, such as "--maxmemory" and "10mb" */
  static async start(options: readonly string[] = []): Promise<RedisServer> {
    const server = new RedisServer(await mkdtemp(join(tmpdir(), "millrace-redis-")), options);
    await server.#ready();
    return server;
  }

  get #socketPath(): string {
    return join(this.#folder, "socket");
  }

  /** For the configuration of a store. */
  get url(): string {
    return `unix:${this.#socketPath}`;
  }

  /** Stops answering, and keeps its connections. */
  freeze(): void {
    this.#process.kill("SIGSTOP");
  }

  thaw(): void {
    this.#process.kill("SIGCONT");
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#process.once("exit", () => resolve()));
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      this.#process.kill("SIGKILL");
      await ended;
    }
    await rm(this.#socketPath, { force: true });
  }

  /** Starts it again, empty. */
  async restart(): Promise<void> {
    await this.kill();
    this.#process = this.#spawn();
    await this.#ready();
  }

  async close(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #spawn(): ChildProcess {
    return spawn(
      redisCommand ?? "redis-server",
      [
        "--port",
        "0",
        "--unixsocket",
        this.#socketPath,
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        this.#folder,
        ...this.#options,
      ],
      { stdio: "ignore" },
    );
  }

  async #ready(): Promise<void> {
    await eventually(() => existsSync(this.#socketPath), "the Redis server listens");
  }
}
